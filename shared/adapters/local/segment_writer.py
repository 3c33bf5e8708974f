"""Appending to archive segments: everything that waits is written together and made durable by one sync."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.adapters.local.disk import BINARY, sync, write_all
from shared.adapters.local.folder import sync_folder
from shared.adapters.local.journal import ENTRY_LIMIT_BYTES, Entry, Journal
from shared.adapters.local.segment import PREAMBLE_BYTES, encode_header, new_preamble
from shared.adapters.local.storage_error import storage_error
from shared.adapters.local.work_thread import WorkThread
from shared.message.envelope import ArchiveRef

SEGMENT_BYTES = 64 << 20  # a segment is closed once it is longer
WAITING_LIMIT = 1024
OPEN_SEGMENTS = 64
_LARGE_BYTES = 1 << 18  # hashing more than this would hold up the loop


@dataclass(slots=True, eq=False)
class Tail:
    """The segment of a folder that is being written.

    Attributes:
        length: Bytes that are durable.
        marked: How much of that the index knows; a start reads only what comes after.
    """

    folder: str
    number: int
    length: int
    preamble: bytes
    marked: int = 0


@dataclass(slots=True, eq=False)
class _Append:
    folder: str
    named: Sequence[tuple[str, bytes]]
    digests: Sequence[bytes]
    future: asyncio.Future[list[ArchiveRef]]


@dataclass(slots=True, eq=False)
class _Batch:
    """What goes to one segment in one write."""

    tail: Tail
    buffers: list[bytes] = field(default_factory=list)
    length: int = 0
    settled: list[tuple[_Append, list[ArchiveRef]]] = field(default_factory=list)
    error: OSError | None = None

    def entry(self) -> Entry:
        return Entry(segment_name(self.tail.folder, self.tail.number), self.tail.length, self.buffers)


class SegmentWriter:
    """The writing side of the archive: one group under way, one gathering."""

    def __init__(self, root: Path, tails: Mapping[str, Tail], journal: Journal) -> None:
        self._root = root
        self._journal = journal
        self._failure: OSError | None = None
        self._tails = dict(tails)
        self._open: OrderedDict[str, tuple[int, int]] = OrderedDict()  # folder -> segment number, descriptor
        self._thread = WorkThread("archive")
        self._room = asyncio.Semaphore(WAITING_LIMIT)
        self._waiting: list[_Append] = []
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def tails(self) -> list[Tail]:
        return list(self._tails.values())

    async def append(self, folder: str, named: Sequence[tuple[str, bytes]]) -> tuple[list[ArchiveRef], Tail]:
        """Return where each body is kept, once all of them are durable, and the tail they went to.

        Raises:
            StorageFull: the disk is full; nothing was kept.
            StorageFailed: the disk failed; nothing was kept.
        """
        digests = [await _digest(body) for _, body in named]
        async with self._room:
            loop = asyncio.get_running_loop()
            append = _Append(folder, named, digests, loop.create_future())
            self._waiting.append(append)
            if self._idle.is_set():
                self._idle.clear()
                loop.call_soon(self._run_group, loop)
            return await append.future, self._tails[folder]

    async def begin_segment(self, folder: str) -> None:
        """Go on in a new segment, if the folder's last one has anything; its file is there at once, for its number."""
        while not self._idle.is_set():
            await self._idle.wait()
        tail = self._tails.get(folder)
        if tail is not None and tail.length:
            self._tails[folder] = Tail(folder, tail.number + 1, 0, new_preamble())
            path = self._root / segment_name(folder, tail.number + 1)
            path.touch(0o600)
            sync_folder(path.parent)

    async def close(self) -> None:
        """Finish what was begun and close the files."""
        await self._idle.wait()
        self._thread.shutdown()
        self._journal.close()
        for _, descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _run_group(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        batches: dict[str, _Batch] = {}
        for append in waiting:
            if append.folder not in batches:
                batches[append.folder] = _Batch(self._tail(append.folder))
            _add(batches[append.folder], append)
        self._thread.submit(self._write_group, loop, list(batches.values()))

    def _tail(self, folder: str) -> Tail:
        """Return the folder's tail, a new one when there is none or the last is long enough."""
        tail = self._tails.get(folder)
        if tail is None or tail.length >= SEGMENT_BYTES:
            tail = self._tails[folder] = Tail(folder, tail.number + 1 if tail else 1, 0, new_preamble())
        return tail

    def _write_group(self, loop: asyncio.AbstractEventLoop, batches: list[_Batch]) -> None:
        entries = []
        for batch in batches:
            try:
                self._write(batch)
            except OSError as error:
                batch.error = error
            else:
                if batch.length <= ENTRY_LIMIT_BYTES:
                    entries.append(batch.entry())
        self._make_durable(entries)
        if self._failure is not None:
            for batch in batches:
                batch.error = self._failure
        loop.call_soon_threadsafe(self._finish, loop, batches)

    def _write(self, batch: _Batch) -> None:
        descriptor = self._descriptor(batch.tail)
        try:
            write_all(descriptor, batch.buffers)
            if batch.length > ENTRY_LIMIT_BYTES:
                sync(descriptor)
        except OSError:
            self._cut_back(descriptor, batch.tail.length)
            raise

    def _cut_back(self, descriptor: int, length: int) -> None:
        try:
            os.ftruncate(descriptor, length)
        except OSError as error:
            self._failure = error  # what is appended now would not be where its reference says

    def _make_durable(self, entries: list[Entry]) -> None:
        # After a failed sync nobody knows what the disk has, and the next sync would not say: only a start, which
        # replays the journal, can go on from here.
        if entries and self._failure is None:
            try:
                self._journal.append(entries)
            except OSError as error:
                self._failure = error

    def _descriptor(self, tail: Tail) -> int:
        number, descriptor = self._open.pop(tail.folder, (0, -1))
        if number != tail.number:
            if number:
                os.close(descriptor)
            descriptor = self._open_segment(tail)
        self._open[tail.folder] = tail.number, descriptor
        if len(self._open) > OPEN_SEGMENTS:
            os.close(self._open.popitem(last=False)[1][1])
        return descriptor

    def _open_segment(self, tail: Tail) -> int:
        path = self._root / segment_name(tail.folder, tail.number)
        if tail.length:
            return os.open(path, os.O_WRONLY | os.O_APPEND | BINARY)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | BINARY | os.O_CREAT | os.O_TRUNC, 0o600)
        for folder in (path.parent, path.parent.parent, self._root):
            sync_folder(folder)
        return descriptor

    def _finish(self, loop: asyncio.AbstractEventLoop, batches: list[_Batch]) -> None:
        for batch in batches:
            if batch.error is None:
                batch.tail.length += batch.length
            for append, refs in batch.settled:
                if append.future.done():
                    continue
                if batch.error is None:
                    append.future.set_result(refs)
                else:
                    append.future.set_exception(storage_error(batch.error))
        if self._waiting:
            loop.call_soon(self._run_group, loop)
        else:
            self._idle.set()


def segment_name(folder: str, number: int) -> str:
    """Return the path of a segment below the archive's root."""
    return f"{folder}/{number:08d}"


def _add(batch: _Batch, append: _Append) -> None:
    tail = batch.tail
    if not tail.length and not batch.length:
        batch.buffers.append(tail.preamble)
        batch.length = PREAMBLE_BYTES
    refs = []
    for (name, body), digest in zip(append.named, append.digests, strict=True):
        header = encode_header(tail.preamble, digest, len(body), name)
        batch.length += len(header)
        at = f"{segment_name(tail.folder, tail.number)}@{tail.length + batch.length}"
        refs.append(ArchiveRef(digest.hex(), len(body), at))
        batch.buffers += header, body
        batch.length += len(body)
    batch.settled.append((append, refs))


async def _digest(body: bytes) -> bytes:
    if len(body) > _LARGE_BYTES:
        return (await asyncio.to_thread(hashlib.sha256, body)).digest()
    return hashlib.sha256(body).digest()
