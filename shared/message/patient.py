"""Whose a message is, without saying who: the keyed hash of its ordering key."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NewType

from shared.message.identifiers import OrderingKey

PatientHash = NewType("PatientHash", str)
KeyDigest = Callable[[OrderingKey], str]

_DIGITS = 32
_HASH_DIGITS = 16  # of them are shown


def key_digest(key: OrderingKey, hub_key: bytes) -> str:
    """Return 32 hexadecimal digits, the patient hash first: nobody without the hub's key can tell whose they are."""
    return hmac.digest(hub_key, f"patient hash\x1f{key}".encode(), "sha256").hex()[:_DIGITS]


def patient_hash(key: OrderingKey, hub_key: bytes) -> PatientHash:
    """Return what may be shown instead of an ordering key."""
    return PatientHash(key_digest(key, hub_key)[:_HASH_DIGITS])


def read_patient_hash(text: str) -> PatientHash | None:
    """Return the patient hash that a person gave; None: it cannot be one."""
    given = text.strip().lower()
    is_hash = len(given) == _HASH_DIGITS and given.isascii() and all(digit in "0123456789abcdef" for digit in given)
    return PatientHash(given) if is_hash else None
