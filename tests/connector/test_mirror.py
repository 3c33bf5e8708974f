"""The mirrored spool: whatever one disk does, the other has everything that anybody was promised."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing, suppress
from itertools import product

import pytest

from connector import mirror as mirror_module
from connector.check import _spool
from connector.cipher import Clear, Sealed
from connector.down_queue import DownQueue
from connector.recover import last_confirmed, newest_copy
from connector.spool import Spool
from connector.states import DownEvent, Up
from connector.status import page
from connector.up_queue import UpQueue
from shared.message.beat import MirrorState
from shared.message.errors.connector import MirrorLost, SpoolInUse, SpoolUnreadable
from shared.message.errors.storage import StorageFailed
from tests.connector.peers import admission
from tests.doubles.waiting import until

MB = 1024 * 1024
TABLES = ("fact", "stream", "up", "refused", "down", "sqlite_sequence")


class Disks:
    """Two folders, and spools on them."""

    def __init__(self, folder):
        self.own, self.other = folder / "own", folder / "other"
        self.own.mkdir(parents=True)
        self.other.mkdir()

    def open(self, cipher=None, *, is_mirrored=True, **options) -> Spool:
        return Spool(self.own, cipher or Clear(), 100 * MB, mirror=self.other if is_mirrored else None, **options)

    def copy_to(self, folder) -> Disks:
        """Return what a crash at this moment leaves."""

        copy = Disks(folder)
        for there, here in ((self.own, copy.own), (self.other, copy.other)):
            shutil.copytree(there, here, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*-shm"))
        return copy

    def lose_own(self):
        for file in self.own.glob("spool.db*"):
            file.unlink()

    def contents(self):
        """Return every row of both."""
        return [_rows(folder / "spool.db") for folder in (self.own, self.other)]


def _rows(file):
    with closing(sqlite3.connect(file)) as connection:
        return {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def before_the_next_commit(spool, do):
    """Do something to the mirror's connection in the thread that commits: another one must not touch it meanwhile."""
    repeat = spool.mirror._repeat

    def do_and_repeat(connection):
        spool.mirror._repeat = repeat
        do(connection)
        repeat(connection)

    spool.mirror._repeat = do_and_repeat


def limit_pages(spool, count):
    """Let the mirror's disk hold so many pages."""
    before_the_next_commit(spool, lambda connection: connection.execute(f"PRAGMA max_page_count={count}"))


def take_away(spool, disks):
    """The mirror's disk is gone in the middle of work."""
    before_the_next_commit(spool, lambda connection: connection.close())
    disks.other.rename(disks.other.with_name("taken_away"))


def put_back(disks):
    disks.other.with_name("taken_away").rename(disks.other)


@pytest.fixture
def disks(tmp_path):
    return Disks(tmp_path)


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    monkeypatch.setattr(mirror_module, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(mirror_module, "REJOIN_SECONDS", 0.0)


async def add(spool, *names):
    queue = await UpQueue.open(spool, "north/adt")
    await asyncio.gather(*(queue.add(name.encode(), name, is_promised=True) for name in names))
    return queue


def names_in(spool):
    return [row[0] for row in spool.read("SELECT control_id FROM up ORDER BY id")]


@pytest.mark.parametrize("cipher", [Clear(), Sealed("secret")])
async def test_both_copies_have_every_row_of_everything(disks, cipher):
    """Numbers, refused ones, deliveries, outcomes, sealed payloads: not the messages alone."""
    spool = disks.open(cipher)
    queue = await add(spool, "M1", "M2", "M3", "M4")
    assert await queue.promise(2)
    assert await queue.withdraw(4)
    await queue.settle([(1, Up.TAKEN, "AA"), (2, Up.REFUSED, "AR")], "M1")
    down = DownQueue(spool)
    for name in ("d1", "d2"):
        await down.take(name, "lab", "", "M9", b"body")
    await down.move("d1", DownEvent.SENT)
    await down.move("d1", DownEvent.ACCEPTED, "AA")
    ours, theirs = disks.contents()
    assert ours == theirs
    assert len(ours["up"]) == 2
    assert (len(ours["refused"]), len(ours["down"])) == (1, 2)
    await spool.close()


async def test_a_crash_at_every_point_of_a_commit_loses_nothing_that_was_promised(disks, tmp_path):
    """Between the two commits of each group, and after both; then both disks come back, or either of them."""
    spool = disks.open()
    promised: list[str] = []
    crashes = []

    def crash_here():
        crashes.append((disks.copy_to(tmp_path / f"crash{len(crashes)}"), list(promised)))

    follow = spool.mirror.follow

    def follow_and_crash():
        crash_here()  # the spool has it, the mirror has not
        follow()

    spool.mirror.follow = follow_and_crash
    queue = await UpQueue.open(spool, "north/adt")
    for name in ("M1", "M2"):
        await queue.add(name.encode(), name, is_promised=True)
        promised.append(name)
        crash_here()
    epoch = spool.epoch
    await spool.close()
    assert len(crashes) == 5

    for number, (left, (crashed, then)) in enumerate(product(("both", "own", "other"), crashes)):
        found = crashed.copy_to(tmp_path / f"found{number}")
        if left == "own":
            shutil.rmtree(found.other)
            found.other.mkdir()
        elif left == "other":
            found.lose_own()
        again = found.open()
        assert names_in(again)[: len(then)] == then
        assert again.epoch > epoch  # R1: whatever was lost, no number is given twice
        ours, theirs = found.contents()
        assert ours == theirs
        assert again.was_brought_back is (left == "other")
        await again.close()


async def test_a_spool_that_was_lost_comes_back_from_its_mirror_and_goes_on(disks):
    """A new disk in the machine: nobody has to do anything."""
    spool = disks.open()
    await add(spool, "M1", "M2")
    first = spool.epoch
    await spool.close()
    disks.lose_own()
    spool = disks.open()
    queue = await add(spool, "M3")
    places = [(one.epoch, one.n, one.control_id) for one in queue.next_after(0, 9)]
    assert places == [(first, 1, "M1"), (first, 2, "M2"), (spool.epoch, 1, "M3")]
    assert spool.was_brought_back
    await spool.close()


async def test_a_damaged_spool_is_set_aside_and_its_mirror_taken(disks):
    """Nothing is deleted: what is damaged may still be read by somebody with time."""
    spool = disks.open()
    await add(spool, "M1")
    await spool.close()
    (disks.own / "spool.db").write_bytes(b"not a database" * 1000)
    spool = disks.open()
    assert names_in(spool) == ["M1"]
    assert len(list(disks.own.glob("spool.db.aside-*"))) == 1
    await spool.close()


async def test_a_spool_from_a_backup_does_not_win_over_its_mirror(disks, tmp_path):
    """The mirror went on after the backup was made: it is the newer."""
    spool = disks.open()
    await add(spool, "M1")
    await spool.close()
    backup = disks.copy_to(tmp_path / "backup")
    spool = disks.open()
    await add(spool, "M2")
    await spool.close()
    shutil.copy(backup.own / "spool.db", disks.own / "spool.db")
    spool = disks.open()
    assert names_in(spool) == ["M1", "M2"]
    await spool.close()


async def test_a_damaged_or_older_mirror_is_brought_into_step(disks, tmp_path):
    """The spool is whole; its second copy is made again."""
    spool = disks.open()
    await add(spool, "M1")
    await spool.close()
    older = (disks.other / "spool.db").read_bytes()
    spool = disks.open()
    await add(spool, "M2")
    await spool.close()
    for content in (older, b"not a database" * 1000):
        (disks.other / "spool.db").write_bytes(content)
        spool = disks.open()
        ours, theirs = disks.contents()
        assert ours == theirs
        assert names_in(spool) == ["M1", "M2"]
        await spool.close()


async def test_a_mirror_that_may_hold_more_than_a_spool_that_ran_alone_is_set_aside(disks):
    """An old disk was started without its mirror: what only the mirror has was acknowledged too."""
    spool = disks.open()
    await add(spool, "M1")
    await spool.close()
    spool = disks.open(is_mirrored=False)
    await add(spool, "M2")
    await spool.close()
    spool = disks.open()
    assert len(list(disks.other.glob("spool.db.aside-*"))) == 1
    ours, theirs = disks.contents()
    assert ours == theirs
    await spool.close()


async def test_the_mirror_of_another_spool_is_never_written(disks):
    """A folder named wrongly: two connectors must not make one spool of two."""
    spool = disks.open()
    await add(spool, "M1")
    await spool.close()
    disks.lose_own()
    await disks.open(is_mirrored=False).close()
    before = (disks.other / "spool.db").read_bytes()
    with pytest.raises(SpoolUnreadable, match="another spool"):
        disks.open()
    assert (disks.other / "spool.db").read_bytes() == before


@pytest.mark.parametrize("may_fall_behind", [False, True])
async def test_one_process_at_a_time_has_a_mirror(disks, tmp_path, may_fall_behind):
    """A second connector with the same mirror would take the first one's messages as its own."""
    spool = disks.open()
    second = Disks.__new__(Disks)
    second.own, second.other = tmp_path / "second", disks.other
    with pytest.raises(SpoolInUse):
        second.open(may_fall_behind=may_fall_behind)
    await spool.close()


async def test_without_its_mirror_a_spool_does_not_start_unless_it_may_be_behind(disks):
    """A disk that is not mounted is no empty disk: its folder is not there, and is not made."""
    disks.other.rmdir()
    with pytest.raises(MirrorLost):
        disks.open()
    assert not disks.other.exists()
    spool = disks.open(may_fall_behind=True)
    await add(spool, "M1")
    assert spool.mirror.is_behind
    await spool.close()


async def test_a_mirror_that_is_lost_stalls_the_spool_until_it_is_back(disks):
    """Nobody hears AA for what is on one disk alone; when the disk is back, everybody does, and nothing is missing."""
    spool = disks.open()
    queue = await add(spool, "M1")
    take_away(spool, disks)
    waiting = asyncio.ensure_future(queue.add(b"M2", "M2", is_promised=True))
    await until(lambda: spool.mirror.is_behind)
    assert not waiting.done()
    put_back(disks)
    await waiting
    assert not spool.mirror.is_behind
    ours, theirs = disks.contents()
    assert ours == theirs
    await spool.close()


async def test_a_mirror_that_may_be_behind_is_left_and_joins_again(disks):
    """One copy, and an alert; without a restart two again."""
    spool = disks.open(may_fall_behind=True)
    queue = await add(spool, "M1")
    take_away(spool, disks)
    await queue.add(b"M2", "M2", is_promised=True)
    assert spool.mirror.is_behind
    put_back(disks)
    await queue.add(b"M3", "M3", is_promised=True)
    assert not spool.mirror.is_behind
    ours, theirs = disks.contents()
    assert ours == theirs
    assert len(ours["up"]) == 3
    await spool.close()


@pytest.mark.parametrize("may_fall_behind", [False, True])
async def test_a_mirror_without_room_catches_up_when_there_is_room(disks, may_fall_behind):
    """A full second disk is like a full first one; what did not fit is not forgotten."""
    spool = disks.open(may_fall_behind=may_fall_behind)
    queue = await add(spool, "M1")
    limit_pages(spool, 20)
    adding = asyncio.gather(*(queue.add(bytes(100_000), f"B{n}", is_promised=True) for n in range(3)))
    await until(lambda: spool.mirror.is_behind)
    if may_fall_behind:
        await adding  # and it did not wait
    else:
        await asyncio.sleep(0.05)
        assert not adding.done()
        limit_pages(spool, 1_000_000)
        await adding
    await queue.add(b"last", "M2", is_promised=True)
    assert not spool.mirror.is_behind
    ours, theirs = disks.contents()
    assert ours == theirs
    assert len(ours["up"]) == 5
    await spool.close()


async def test_who_ends_while_the_mirror_is_lost_promises_nothing(disks):
    """The process must end; the sender keeps its message, and a copy of it here does no harm."""
    spool = disks.open()
    queue = await add(spool, "M1")
    take_away(spool, disks)
    waiting = asyncio.ensure_future(queue.add(b"M2", "M2", is_promised=True))
    await until(lambda: spool.mirror.is_behind)
    await spool.close()
    with pytest.raises(StorageFailed):
        await waiting


async def test_recover_reads_the_newer_copy(disks):
    """The disk is lost and the connector cannot be started yet: the senders must know where to go on."""
    spool = disks.open()
    queue = await add(spool, "M1", "M2")
    await queue.settle([(1, Up.TAKEN, "AA")], "M1")
    assert newest_copy(disks.own, disks.other) == disks.own / "spool.db"
    await spool.close()
    disks.lose_own()
    copy = newest_copy(disks.own, disks.other)
    assert copy == disks.other / "spool.db"
    (one,) = last_confirmed(copy)
    assert (one.stream, one.control_id, one.waiting) == ("north/adt", "M1", 1)


async def test_a_connector_whose_mirror_is_lost_answers_nobody_until_it_is_back(hospital, tmp_path):
    """The whole way: silence, then AA; the status page says why."""
    disks = Disks(tmp_path / "spool")
    hospital.folder = disks.own
    connector = await hospital.connector({"acknowledge": "spool"}, spool={"mirror": str(disks.other)})
    source = await hospital.source(connector)
    assert (await source.ask(admission("M1"))).code == "AA"
    take_away(connector.spool, disks)
    await source.send(admission("M2"))
    with suppress(TimeoutError):
        assert not await source.answer(0.2)
    assert connector.report()["mirror"] == "behind"
    put_back(disks)
    assert b"MSA|AA|" in await source.answer(30)
    assert connector.report()["mirror"] == "in step"
    await until(lambda: hospital.hub.control_ids == ["M1", "M2"])


async def test_a_connector_that_goes_on_without_its_mirror_says_so_with_its_next_echo(hospital, tmp_path):
    """One copy is what nobody notices until the second disk fails too: the operator hears of it (CONNECTOR-011)."""
    disks = Disks(tmp_path / "spool")
    hospital.folder = disks.own
    mirrored = {"mirror": str(disks.other), "on_mirror_lost": "degrade"}
    connector = await hospital.connector({"acknowledge": "spool"}, spool=mirrored, heartbeat={"seconds": 300})
    source = await hospital.source(connector)
    assert connector.beat().mirror is MirrorState.IN_STEP
    take_away(connector.spool, disks)
    assert (await source.ask(admission("M1"))).code == "AA"
    assert connector.beat().mirror is MirrorState.BEHIND
    assert "mirror</th>" in page(connector.report())


async def test_a_connector_ends_though_its_mirror_is_lost(hospital, tmp_path):
    """A service manager waits for it, and would kill it."""
    disks = Disks(tmp_path / "spool")
    hospital.folder = disks.own
    connector = await hospital.connector({"acknowledge": "spool"}, spool={"mirror": str(disks.other)})
    source = await hospital.source(connector)
    take_away(connector.spool, disks)
    await source.send(admission("M1"))
    await until(lambda: connector.spool.mirror.is_behind)
    await source.close()  # or it would be given the ten seconds of every sender that waits for its answer
    async with asyncio.timeout(60):
        await connector.stop()


async def test_check_says_that_a_mirror_on_the_same_disk_is_none(hospital, tmp_path):
    """It would be lost with the disk of the spool; nor is a folder that is not there a mirror."""
    (tmp_path / "mirror").mkdir()
    found = {}
    for name in ("mirror", "nowhere"):
        config = hospital.config(spool={"mirror": str(tmp_path / name)})
        found[name] = next(each for each in _spool(config) if each.what.startswith("mirror"))
    assert not any(each.is_good for each in found.values())
    assert "on the disk of the spool" in found["mirror"].said
