"""Payloads, kept as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.message.envelope import ArchiveRef
from shared.message.identifiers import InterfaceId


class Unit(NamedTuple):
    """A segment or a blob: payloads that were written together.

    Attributes:
        at: What the references into it begin with, up to ``@``.
    """

    at: str
    size: int


class Archive(Protocol):
    """Payloads, kept as they were and found again by reference."""

    async def put(self, interface: InterfaceId, bodies: Sequence[bytes]) -> list[ArchiveRef]:
        """Return where each body is kept, once all of them are durable."""
        ...

    async def get(self, ref: ArchiveRef) -> bytes:
        """Return the body; its digest has been checked.

        Raises:
            ArchiveDamaged: the bytes are missing or are not those that were put.
            ArchivePurged: they were erased.
        """
        ...

    async def keep(self, interface: InterfaceId, named: Sequence[tuple[str, bytes]]) -> list[ArchiveRef]:
        """Keep each output under its name if the name is free; return what the name holds, once durable.

        A second writer gets the first one's output (rule R4): compare ``sha256`` to see whose it is.
        """
        ...

    async def find(self, names: Sequence[str]) -> list[ArchiveRef | None]:
        """Return what is kept under each name, None where the name is free."""
        ...

    async def close_units(self, interface: InterfaceId) -> None:
        """Write no more to what was written to: only then can it be erased one day."""
        ...

    async def units(self, interface: InterfaceId, before: datetime) -> list[Unit]:
        """Return what is closed and can only be erased together, and holds nothing written at this time or later."""
        ...

    async def erase(self, units: Sequence[Unit]) -> int:
        """Erase units for good; return how many there were that a store did not refuse to erase yet."""
        ...
