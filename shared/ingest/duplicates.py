"""When two messages are one: the interface's duplicate key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

from shared.message.identifiers import InterfaceId


class Sent(Protocol):
    """What ingest asks of the header of a message, in whichever form it came."""

    @property
    def control_id(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def event(self) -> str: ...

    def get(self, path: str) -> object:
        """Return what stands at an HL7 path; None where nothing does."""
        ...


def duplicate_key(interface: InterfaceId, paths: Iterable[str], message: Sent, sha256: str) -> str:
    """Return the digest under which the ledger finds an earlier copy of a message.

    MSH-10 alone is not unique in the wild: the interface names the paths that are, and the ledger compares the bytes
    as well. A message that fills none of the paths is its own key: it duplicates only its exact copy.

    Args:
        sha256: Digest of the message as received.
    """
    values = [str(message.get(path) or "") for path in paths]
    if not any(values):
        values = [sha256]
    return hashlib.sha256("\x1f".join([interface, *values]).encode()).hexdigest()
