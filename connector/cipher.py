"""Payloads at rest: AES-256-GCM, bound to the place where they are kept."""

from __future__ import annotations

import hashlib
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.message.errors.connector import SpoolUnreadable

_NONCE_BYTES = 12
PROOF = b"caduceus connector spool"


class Cipher(Protocol):
    """Makes bytes unreadable to whoever finds the disk."""

    def seal(self, body: bytes, place: str) -> bytes: ...

    def open(self, sealed: bytes, place: str) -> bytes: ...


class Clear:
    """Keeps bytes as they are: for a disk that is encrypted by itself."""

    def seal(self, body: bytes, place: str) -> bytes:
        return body

    def open(self, sealed: bytes, place: str) -> bytes:
        return sealed


class Sealed:
    """Encrypts with a key of any length; a payload moved to another place does not open."""

    def __init__(self, secret: str) -> None:
        self._key = AESGCM(hashlib.sha256(secret.encode()).digest())

    def seal(self, body: bytes, place: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._key.encrypt(nonce, body, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the payload.

        Raises:
            SpoolUnreadable: another key, another place, or damaged.
        """
        try:
            return self._key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise SpoolUnreadable(place) from None
