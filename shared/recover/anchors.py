"""Heads of the hash chains, put into the archive every night: a chain that was cut off or rewritten lacks them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import orjson

from shared.message.chain import Anchor, ChainHead
from shared.message.errors.storage import ArchiveDamaged, ArchivePurged
from shared.message.identifiers import InterfaceId
from shared.ports import Archive, Chain, Clock

FOLDER = InterfaceId("_anchors")  # no interface has a name that begins so: retention does not know it
BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
_AT_ONCE = 500


class Anchors:
    """What was put into the archive, and the next of it."""

    def __init__(self, clock: Clock, chain: Chain, archive: Archive) -> None:
        self._clock = clock
        self._chain = chain
        self._archive = archive

    async def add(self) -> None:
        """Keep the heads of the chains that have grown since the last time; nothing where none has."""
        anchors, _ = await self.read()
        at = self._clock.now()
        last = {head.chain: head for anchor in anchors for head in anchor.heads}
        since = anchors[-1].at if anchors else BEGINNING
        grown = [head for head in await self._chain.heads(since) if last.get(head.chain) != head]
        if grown:
            number = anchors[-1].number + 1 if anchors else 1
            body = orjson.dumps({"at": at.isoformat(), "heads": [head._asdict() for head in grown]})
            await self._keep(number, body)

    async def _keep(self, number: int, body: bytes) -> None:
        """Keep an anchor under the first free number; one that nobody can read has its number still."""
        digest = hashlib.sha256(body).hexdigest()
        while (await self._archive.keep(FOLDER, [(_name(number), body)]))[0].sha256 != digest:
            number += 1

    async def read(self) -> tuple[list[Anchor], list[str]]:
        """Return all anchors, oldest first, and what is wrong with them."""
        anchors: list[Anchor] = []
        faults: list[str] = []
        first = 1
        while True:
            numbers = range(first, first + _AT_ONCE)
            refs = await self._archive.find([_name(number) for number in numbers])
            there = [number for number, ref in zip(numbers, refs, strict=True) if ref is not None]
            if not there:
                return anchors, faults
            for number, ref in zip(range(first, there[-1] + 1), refs, strict=False):
                if ref is None:
                    faults.append(f"anchor {number}: missing")
                    continue
                try:
                    anchors.append(_anchor(number, await self._archive.get(ref), ref.sha256))
                except (ArchiveDamaged, ArchivePurged):
                    faults.append(f"anchor {number}: cannot be read")
            first += _AT_ONCE


def _name(number: int) -> str:
    return f"anchor-{number:08d}"


def _anchor(number: int, body: bytes, digest: str) -> Anchor:
    said = orjson.loads(body)
    return Anchor(
        number, datetime.fromisoformat(said["at"]), tuple(ChainHead(**head) for head in said["heads"]), digest
    )
