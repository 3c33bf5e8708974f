"""What the archive makes of the files that a crash or a bad disk left behind."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.local import journal, segment_writer
from shared.adapters.local.archive import SCHEMA, LocalArchive, open_archive
from shared.adapters.local.database import Database
from shared.adapters.local.journal import ENTRY_LIMIT_BYTES, HALF_BYTES
from shared.adapters.local.segment import PREAMBLE_BYTES, encode_header, new_preamble
from shared.message.envelope import ArchiveRef
from shared.message.errors.storage import ArchiveDamaged, StorageFailed, StorageFull
from shared.message.identifiers import InterfaceId
from tests.doubles.samples import LAB

Scenario = Callable[[LocalArchive], Coroutine[Any, Any, None]]
OUTPUTS = Path("archive/lab/output/00000001")
RAW = Path("archive/lab/raw/00000001")


def play(home: Path, scenario: Scenario) -> None:
    home.mkdir(exist_ok=True)

    async def run() -> None:
        database = Database(home / "hub.db", [SCHEMA])
        archive = open_archive(home / "archive", database)
        try:
            await scenario(archive)
        finally:
            await archive.close()
            await database.close()

    asyncio.run(run())


def forget_index(home: Path) -> None:
    (home / "hub.db").unlink()


def test_an_index_that_was_lost_is_read_again_from_the_segments(tmp_path: Path) -> None:
    """The segments are the truth: SQLite may be deleted and comes back."""
    named = [(f"out/{n}", b"%d" % n * 100) for n in range(3000)]

    async def keep(archive: LocalArchive) -> None:
        await archive.keep(LAB, named)

    async def find(archive: LocalArchive) -> None:
        refs = await archive.find([name for name, _ in named])
        assert [await archive.get(ref) for ref in refs if ref] == [body for _, body in named]

    play(tmp_path, keep)
    forget_index(tmp_path)
    play(tmp_path, find)


@pytest.mark.parametrize("torn", [1, 30, 54, 1000])
def test_a_torn_end_is_cut_off_and_writing_goes_on(tmp_path: Path, torn: int) -> None:
    """The crash came in the middle of a write that nobody was told had happened."""

    async def keep(archive: LocalArchive) -> None:
        await archive.keep(LAB, [("out/1", b"first")])

    async def keep_more(archive: LocalArchive) -> None:
        (second,) = await archive.keep(LAB, [("out/2", b"second")])
        (first,) = await archive.find(["out/1"])
        assert first is not None
        assert await archive.get(first) == b"first"
        assert await archive.get(second) == b"second"

    play(tmp_path, keep)
    whole = (tmp_path / OUTPUTS).read_bytes()
    header = encode_header(whole[:PREAMBLE_BYTES], hashlib.sha256(b"x" * 2000).digest(), 2000, "out/2")
    with (tmp_path / OUTPUTS).open("ab") as segment:
        segment.write((header + b"x" * 2000)[:torn])
    play(tmp_path, keep_more)
    assert (tmp_path / OUTPUTS).read_bytes().startswith(whole)

    forget_index(tmp_path)
    play(tmp_path, keep_more)


def test_a_segment_without_its_first_bytes_is_begun_anew(tmp_path: Path) -> None:
    """The crash came between creating the file and writing to it."""

    async def put(archive: LocalArchive) -> None:
        (ref,) = await archive.put(LAB, [b"body"])
        assert await archive.get(ref) == b"body"

    (tmp_path / RAW).parent.mkdir(parents=True)
    (tmp_path / RAW).write_bytes(b"CDS1\x00")
    play(tmp_path, put)
    play(tmp_path, put)


def test_damage_in_the_middle_costs_the_damaged_record_alone(tmp_path: Path) -> None:
    """What is behind it was acknowledged: a bad sector is not a torn end."""

    async def keep(archive: LocalArchive) -> None:
        for n in range(3):
            await archive.keep(LAB, [(f"out/{n}", b"body %d" % n)])

    async def find(archive: LocalArchive) -> None:
        first, second, third = await archive.find(["out/0", "out/1", "out/2"])
        assert second is None
        assert [await archive.get(ref) for ref in (first, third) if ref] == [b"body 0", b"body 2"]

    play(tmp_path, keep)
    segment = tmp_path / OUTPUTS
    segment.write_bytes(segment.read_bytes().replace(b"body 1", b"bodx 1"))
    forget_index(tmp_path)
    play(tmp_path, find)


def test_damaged_bytes_are_never_handed_out(tmp_path: Path) -> None:
    """A wrong dose is worse than a missing one."""

    refs: list[ArchiveRef] = []

    async def put(archive: LocalArchive) -> None:
        refs.extend(await archive.put(LAB, [b"5 mg"]))

    async def get(archive: LocalArchive) -> None:
        with pytest.raises(ArchiveDamaged, match="ARCHIVE-001"):
            await archive.get(refs[0])

    play(tmp_path, put)
    segment = tmp_path / RAW
    segment.write_bytes(segment.read_bytes().replace(b"5 mg", b"9 mg"))
    play(tmp_path, get)


def test_a_body_that_looks_like_a_record_is_not_one(tmp_path: Path) -> None:
    """A sender could otherwise put its own bytes under the name of an output."""
    forged = encode_header(new_preamble(), hashlib.sha256(b"forged").digest(), 6, "out/1") + b"forged"

    async def put(archive: LocalArchive) -> None:
        await archive.keep(LAB, [("out/0", forged)])

    async def find(archive: LocalArchive) -> None:
        assert await archive.find(["out/1"]) == [None]

    play(tmp_path, put)
    segment = tmp_path / OUTPUTS
    segment.write_bytes(segment.read_bytes().replace(b"out/0", b"out/x"))  # the record around it is damaged
    forget_index(tmp_path)
    play(tmp_path, find)


def lose_what_was_not_synced(home: Path, copy: Path) -> None:
    """Copy a home that is in use, as a power failure could leave it: of the segments nothing but their names."""
    shutil.copytree(home, copy)
    for segment in copy.glob("archive/*/*/*"):
        segment.write_bytes(b"")


@pytest.mark.parametrize("groups", [1, 40])
def test_the_journal_brings_back_what_the_segments_lost(tmp_path: Path, groups: int) -> None:
    """Power failed after the acknowledgement, before the segments were synced."""
    bodies = {f"out/{n}": bytes([n]) * 50_000 for n in range(groups)}  # 40: less than half of the journal
    assert groups * 50_000 < HALF_BYTES

    async def keep(archive: LocalArchive) -> None:
        for name, body in bodies.items():
            await archive.keep(InterfaceId(f"interface-{len(name)}"), [(name, body)])
        lose_what_was_not_synced(tmp_path / "home", tmp_path / "copy")

    async def find(archive: LocalArchive) -> None:
        refs = await archive.find(list(bodies))
        assert [await archive.get(ref) for ref in refs if ref] == list(bodies.values())

    play(tmp_path / "home", keep)
    play(tmp_path / "copy", find)
    play(tmp_path / "copy", find)


def test_segments_are_synced_before_the_journal_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the third time through the journal would be the end of the first messages."""
    synced: list[str] = []
    sync_segments = journal._sync_segments

    def record(root: Path, segments: set[str]) -> None:
        synced.extend(sorted(segments))
        sync_segments(root, segments)

    async def put(archive: LocalArchive) -> None:
        body = b"x" * (ENTRY_LIMIT_BYTES // 2)
        for n in range(2 * HALF_BYTES // len(body) + 1):
            await archive.put(InterfaceId(f"interface-{n}"), [body])
            assert n < HALF_BYTES // len(body) or "interface-0/raw/00000001" in synced

    monkeypatch.setattr(journal, "_sync_segments", record)
    play(tmp_path, put)


def test_a_full_segment_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old segments are purged as whole files."""
    monkeypatch.setattr(segment_writer, "SEGMENT_BYTES", 1000)
    bodies = [b"%d" % n * 400 for n in range(9)]

    async def put(archive: LocalArchive) -> None:
        refs = [(await archive.put(LAB, [body]))[0] for body in bodies]
        assert [await archive.get(ref) for ref in refs] == bodies

    play(tmp_path, put)
    assert len(list((tmp_path / RAW).parent.iterdir())) == 3
    play(tmp_path, put)
    assert len(list((tmp_path / RAW).parent.iterdir())) > 3


def test_a_disk_that_is_full_for_a_while_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a record stays behind the last whole one: what comes next must not be put behind that half."""
    write_all = segment_writer.write_all

    def fill_up(descriptor: int, buffers: Sequence[bytes]) -> None:
        write_all(descriptor, [b"".join(buffers)[:100]])
        raise OSError(errno.ENOSPC, "full")

    async def put(archive: LocalArchive) -> None:
        refs = await archive.put(LAB, [b"before"])
        monkeypatch.setattr(segment_writer, "write_all", fill_up)
        with pytest.raises(StorageFull):
            await archive.put(LAB, [b"x" * 200])
        monkeypatch.setattr(segment_writer, "write_all", write_all)
        refs += await archive.put(LAB, [b"after"])
        assert [await archive.get(ref) for ref in refs] == [b"before", b"after"]

    play(tmp_path, put)


def test_after_a_failed_sync_nothing_is_acknowledged_until_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells of a failed sync once: the next one says that all is well, and it is not."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    async def put(archive: LocalArchive) -> None:
        monkeypatch.setattr(journal, "sync", fail)
        for _ in range(2):
            with pytest.raises(StorageFailed, match="EIO"):
                await archive.put(LAB, [b"body"])
            monkeypatch.setattr(journal, "sync", os.fsync)

    async def put_again(archive: LocalArchive) -> None:
        (ref,) = await archive.put(LAB, [b"body"])
        assert await archive.get(ref) == b"body"

    play(tmp_path, put)
    play(tmp_path, put_again)
