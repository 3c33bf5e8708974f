"""The archive in Blob Storage: what is kept at one time for one interface is one blob; names are rows of a table.

A blob is never written again. With versioning and an immutability policy on the container nobody else can, either.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.azure.clients import BLOCK_BYTES
from shared.adapters.azure.deflated import deflate, inflate
from shared.adapters.azure.failures import named as named_errors
from shared.adapters.azure.gatherer import Gatherer
from shared.adapters.azure.neighbours import read_neighbours
from shared.adapters.azure.operations import Operations
from shared.adapters.azure.table import GROUP_LIMIT, Row, RowConflict, Step, Table, key
from shared.adapters.recent_bodies import RecentBodies
from shared.message.envelope import ArchiveRef
from shared.message.errors.storage import ArchiveDamaged, ArchivePurged
from shared.message.identifiers import InterfaceId
from shared.ports import Clock, Unit

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

PARTITION = "names"
PURGED = "purged"  # partition of the blobs that were erased
RAW = "raw"  # as received
OUTPUT = "output"  # made by a stage, kept under a name
RECENT_BYTES = 16 << 20
OUTPUT_LINGER_SECONDS = 0.1  # partitions run side by side and share a blob; no sender waits for an output

_CALLS_AT_ONCE = 1000
_INTERFACE = re.compile(r"(?!\.)[\w.-]+")
_BLOB = re.compile(r"(?!\.)[\w.-]+/(?:raw|output)/\d{4}-\d\d-\d\d/[0-9a-f]{32}")
# Blob, offset, and where it is deflated so many bytes.
_PLACE = re.compile(rf"({_BLOB.pattern})@(\d+)(?:\+(\d+))?")
_OF_A_MESSAGE = re.compile(r"(\d+)-([0-9a-f]{32})(.*)")


class AzureArchive:
    """Payloads in blobs, the names of outputs in a table."""

    def __init__(self, container: ContainerClient, names: Table, clock: Clock, operations: Operations) -> None:
        self._container = container
        self._names = names
        self._clock = clock
        self._operations = operations
        self._recent = RecentBodies(RECENT_BYTES)
        self._writers: dict[str, Gatherer[list[bytes], list[ArchiveRef]]] = {}
        self._keeping = Gatherer(self._keep_calls, _CALLS_AT_ONCE)
        self._finding = Gatherer(self._find_calls, _CALLS_AT_ONCE)

    async def put(self, interface: InterfaceId, bodies: Sequence[bytes]) -> list[ArchiveRef]:
        return await self._append(_folder(interface, RAW), bodies)

    async def get(self, ref: ArchiveRef) -> bytes:
        recent = self._recent.find(ref)
        if recent is not None:
            return recent
        place = _PLACE.fullmatch(ref.at)
        if place is None:
            raise ArchiveDamaged("no such place")
        body = await self._read(place[1], int(place[2]), int(place[3] or ref.size)) if ref.size else b""
        if place[3] is not None:
            body = inflate(body, ref.size)
        if len(body) != ref.size or hashlib.sha256(body).hexdigest() != ref.sha256:
            raise ArchiveDamaged(f"{ref.at}, {ref.size} bytes")
        return body

    async def keep(self, interface: InterfaceId, named: Sequence[tuple[str, bytes]]) -> list[ArchiveRef]:
        first = dict(reversed(named))  # the first body of a name counts
        folder = _folder(interface, OUTPUT)
        refs = dict(zip(first, await self._append(folder, list(first.values())), strict=True)) if first else {}
        kept = await self._keeping.ask(refs) if refs else {}
        return [kept[name] for name, _ in named]

    async def find(self, names: Sequence[str]) -> list[ArchiveRef | None]:
        found = await self._finding.ask(names) if names else {}
        return [found.get(name) for name in names]

    async def close_units(self, interface: InterfaceId) -> None:
        """Do nothing: a blob is never written to again."""

    async def units(self, interface: InterfaceId, before: datetime) -> list[Unit]:
        with named_errors("blobs"):
            blobs = [blob async for blob in self._container.list_blobs(name_starts_with=f"{_prefix(interface)}/")]
        return [Unit(blob.name, blob.size) for blob in blobs if blob.last_modified < before]

    async def erase(self, units: Sequence[Unit]) -> int:
        """A blob that the container's policy still protects stays, and is erased another night."""
        erased = 0
        for unit in units:
            await self._names.transact(PURGED, [Step("put", key(unit.at.replace("/", "|")), {})])
            erased += await self._delete(unit.at)
        self._recent.forget({unit.at for unit in units})
        return erased

    async def close(self) -> None:
        """Finish what is under way."""
        for writer in self._writers.values():
            await writer.close()
        await self._container.close()
        await self._names.close()

    # Names

    async def _keep_calls(self, calls: Sequence[dict[str, ArchiveRef]]) -> list[dict[str, ArchiveRef]]:
        """Return what the names of all calls hold, once they hold something; the first call with a name counts."""
        refs = {name: ref for call in reversed(calls) for name, ref in call.items()}
        kept: dict[str, ArchiveRef] = {}
        names = list(refs)
        for start in range(0, len(names), GROUP_LIMIT):
            kept |= await self._keep_names({name: refs[name] for name in names[start : start + GROUP_LIMIT]})
        return [kept] * len(calls)

    async def _keep_names(self, refs: dict[str, ArchiveRef]) -> dict[str, ArchiveRef]:
        free, kept = dict(refs), dict[str, ArchiveRef]()
        while free:
            steps = [Step("create", _row_key(name), _columns(ref)) for name, ref in free.items()]
            try:
                await self._names.transact(PARTITION, steps)
            except RowConflict:
                kept |= await self._find(list(free))
                free = {name: ref for name, ref in free.items() if name not in kept}
            else:
                return kept | free
        return kept

    async def _find_calls(self, calls: Sequence[Sequence[str]]) -> list[dict[str, ArchiveRef]]:
        return [await self._find([name for call in calls for name in call])] * len(calls)

    async def _find(self, names: Sequence[str]) -> dict[str, ArchiveRef]:
        rows = await read_neighbours(self._names, PARTITION, [_row_key(name) for name in names])
        return {name: _ref_of(rows[_row_key(name)]) for name in names if _row_key(name) in rows}

    # Blobs

    async def _append(self, folder: str, bodies: Sequence[bytes]) -> list[ArchiveRef]:
        if folder not in self._writers:
            linger = OUTPUT_LINGER_SECONDS if folder.endswith(OUTPUT) else 0.0
            self._writers[folder] = Gatherer(lambda calls: self._write(folder, calls), _CALLS_AT_ONCE, linger)
        return await self._writers[folder].ask(list(bodies))

    async def _write(self, folder: str, calls: Sequence[list[bytes]]) -> list[list[ArchiveRef]]:
        """Write the bodies of all calls as one blob."""
        blob = _blob_name(folder, self._clock.now())
        content: list[bytes] = []
        refs: list[list[ArchiveRef]] = []
        offset = 0
        for bodies in calls:
            refs.append([])
            for body in bodies:
                small = deflate(body) if folder.endswith(OUTPUT) else None
                place = f"{blob}@{offset}" if small is None else f"{blob}@{offset}+{len(small)}"
                refs[-1].append(ArchiveRef(hashlib.sha256(body).hexdigest(), len(body), place))
                content.append(body if small is None else small)
                offset += len(content[-1])
        blocks = -(-offset // BLOCK_BYTES)
        self._operations.blob_writes += 1 if blocks <= 1 else blocks + 1  # the list of blocks is a write as well
        with named_errors("blobs"):
            await self._container.upload_blob(blob, b"".join(content), overwrite=False)
        everything = [body for bodies in calls for body in bodies]
        self._recent.add([ref for group in refs for ref in group], everything)
        return refs

    async def _read(self, blob: str, offset: int, size: int) -> bytes:
        from azure.core.exceptions import HttpResponseError

        self._operations.blob_reads += 1
        with named_errors("blobs"):
            try:
                stream = await self._container.download_blob(blob, offset=offset, length=size)
                return await stream.readall()
            except HttpResponseError as error:
                if error.status_code == 404 and await self._names.get(PURGED, key(blob.replace("/", "|"))):
                    raise ArchivePurged(blob) from None
                if error.status_code in (404, 416):
                    raise ArchiveDamaged(f"{blob}@{offset}, no such range") from None
                raise

    async def _delete(self, blob: str) -> bool:
        from azure.core.exceptions import HttpResponseError

        self._operations.blob_writes += 1
        with named_errors("blobs"):
            try:
                await self._container.delete_blob(blob)
            except HttpResponseError as error:
                if error.status_code not in (404, 409):
                    raise
                return error.status_code == 404
        return True


def _folder(interface: InterfaceId, retention_class: str) -> str:
    return f"{_prefix(interface)}/{retention_class}"


def _prefix(interface: InterfaceId) -> str:
    if not _INTERFACE.fullmatch(interface):
        raise ValueError("an interface id names a folder: letters, digits, '_', '-' and '.'")
    return interface


def _blob_name(folder: str, now: datetime) -> str:
    return f"{folder}/{now:%Y-%m-%d}/{secrets.token_hex(16)}"


def _row_key(name: str) -> str:
    """Return the row of a name; names of messages that came together lie side by side, whatever their partition."""
    found = _OF_A_MESSAGE.fullmatch(name)
    return key(f"{found[2]}-{found[1]}{found[3]}" if found else name)


def _columns(ref: ArchiveRef) -> Row:
    return {"sha256": ref.sha256, "size": str(ref.size), "at": ref.at}


def _ref_of(row: Row) -> ArchiveRef:
    return ArchiveRef(row["sha256"], int(row["size"]), row["at"])
