"""The spool: what was acknowledged is on the disk, in order, and readable by nobody without the key."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing

import pytest

from connector import spool as spool_module
from connector.cipher import Clear, Sealed
from connector.down_queue import DownQueue
from connector.spool import Spool
from connector.states import Down, DownEvent, Up
from connector.up_queue import UpQueue
from shared.message.errors.connector import DeliveryConflict, MirrorLost, SpoolInUse, SpoolUnreadable
from shared.message.errors.pipeline import NotFound
from shared.message.errors.storage import StorageFailed, StorageFull

MB = 1024 * 1024


@pytest.fixture
def open_spool(tmp_path):
    opened = []

    def open(cipher=None, **options) -> Spool:
        spool = Spool(tmp_path / "spool", cipher or Clear(), 100 * MB, **options)
        opened.append(spool)
        return spool

    return open


async def test_messages_come_back_in_the_order_in_which_they_were_added(open_spool):
    """From many writers at once: the order of their calls is the order of the stream, without a gap."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    await asyncio.gather(*(queue.add(b"%d" % n, f"M{n}", is_promised=True) for n in range(200)))
    found = queue.next_after(0, 500)
    assert [one.body for one in found] == [b"%d" % n for n in range(200)]
    assert [(one.epoch, one.n) for one in found] == [(spool.epoch, n + 1) for n in range(200)]
    await spool.close()


async def test_a_new_life_has_a_greater_epoch_and_keeps_what_it_finds(open_spool):
    """R1: (epoch, n) is given once; old messages go up under their old numbers, before any new one."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    await queue.add(b"old", "M1", is_promised=True)
    first = spool.epoch
    await spool.close()
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    await queue.add(b"new", "M2", is_promised=True)
    assert [(one.epoch, one.n, one.body) for one in queue.next_after(0, 9)] == [
        (first, 1, b"old"),
        (spool.epoch, 1, b"new"),
    ]
    assert spool.epoch > first
    await spool.close()


async def test_a_copy_from_a_backup_never_reuses_a_number(open_spool, tmp_path):
    """Yesterday's disk comes back: its counter is yesterday's, so its epoch must not be."""
    spool = open_spool(clock=lambda: 1000.0)
    await (await UpQueue.open(spool, "north/adt")).add(b"x", "M1", is_promised=True)
    backup = spool.read("SELECT value FROM fact WHERE name = 'epoch'")[0][0]
    await spool.close()
    lives = []
    for day in (1, 2):  # the original goes on, then the copy comes back
        spool = open_spool(clock=lambda day=day: 1000.0 + 86_400 * day)
        lives.append(spool.epoch)
        await spool.write(
            lambda connection: connection.execute("UPDATE fact SET value = ? WHERE name = 'epoch'", (backup,))
        )
        await spool.close()
    assert backup < lives[0] < lives[1]


async def test_a_clock_that_was_set_back_gives_a_greater_epoch_all_the_same(open_spool):
    """The battery of an old server; the stored number is the floor."""
    spool = open_spool(clock=lambda: 2000.0)
    first = spool.epoch
    await spool.close()
    spool = open_spool(clock=lambda: 1.0)
    assert spool.epoch == first + 1
    await spool.close()


async def test_what_is_on_the_disk_is_unreadable_without_the_key(open_spool, tmp_path):
    """A stolen disk; the record number is not even in the file's slack."""
    spool = open_spool(Sealed("secret"))
    queue = await UpQueue.open(spool, "north/adt")
    await queue.add(b"MSH|PATIENTNAME", "M1", is_promised=True)
    await DownQueue(spool).take("d1", "lab", "", "M1", b"MSH|PATIENTNAME")
    assert queue.next_after(0, 1)[0].body == b"MSH|PATIENTNAME"
    files = [file.read_bytes() for file in (tmp_path / "spool").iterdir()]
    await spool.close()
    files += [file.read_bytes() for file in (tmp_path / "spool").iterdir()]
    assert not any(b"PATIENTNAME" in content for content in files)


@pytest.mark.parametrize(
    ("written", "read"), [(Sealed("a"), Sealed("b")), (Sealed("a"), Clear()), (Clear(), Sealed("a"))]
)
async def test_a_spool_with_another_key_is_refused_at_the_start(open_spool, written, read):
    """Not at the first message: by then senders have been let in."""
    await open_spool(written).close()
    with pytest.raises(SpoolUnreadable):
        open_spool(read)


async def test_a_payload_moved_to_another_place_does_not_open():
    """Whoever can write to the disk must not be able to swap two patients' messages."""
    cipher = Sealed("secret")
    with pytest.raises(SpoolUnreadable):
        cipher.open(cipher.seal(b"x", "up north/adt 1 1"), "up north/adt 1 2")


async def test_one_process_at_a_time_has_the_spool(open_spool):
    """A standby with the same spool waits outside; two at once would deliver everything twice."""
    spool = open_spool()
    with pytest.raises(SpoolInUse):
        open_spool()
    await spool.close()
    await open_spool().close()


async def test_a_spool_of_another_version_is_refused(open_spool, tmp_path):
    """It holds what was acknowledged: better not to start than to guess."""
    await open_spool().close()
    connection = sqlite3.connect(tmp_path / "spool" / "spool.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(SpoolUnreadable, match="version 99"):
        open_spool()


@pytest.mark.parametrize("wrong", ["key", "version", "damaged", "mirror", "disk"])
async def test_a_spool_that_cannot_be_opened_leaves_no_file_open(open_spool, tmp_path, monkeypatch, wrong):
    """On Windows nobody could move such a file aside, or bring back a copy, while this process lives."""
    await open_spool(Sealed("a")).close()
    file = tmp_path / "spool" / "spool.db"
    opened = []

    def connect(*arguments, **options):
        opened.append(sqlite3_connect(*arguments, **options))
        return opened[-1]

    sqlite3_connect = sqlite3.connect
    cipher, mirror = Sealed("a"), None
    if wrong == "key":
        cipher = Sealed("b")
    elif wrong == "version":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA user_version=99")
    elif wrong == "damaged":
        file.write_bytes(b"not a database" * 1000)
    elif wrong == "mirror":
        mirror = tmp_path / "nowhere"
    else:
        monkeypatch.setattr(Spool, "_begin_epoch", _fail)
    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises((SpoolUnreadable, MirrorLost, StorageFailed)):
        open_spool(cipher, mirror=mirror)
    assert opened
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
            connection.execute("SELECT 1")


def _fail(_):
    raise sqlite3.OperationalError


async def test_what_comes_after_the_end_is_told_so(open_spool):
    """Whoever would wait for its commit would wait for ever."""
    spool = open_spool()
    await spool.close()
    async with asyncio.timeout(20):
        with pytest.raises(StorageFailed):
            await spool.write(lambda connection: None)


async def test_a_failed_commit_gives_no_number_away(open_spool):
    """A number that nobody has would be a gap, and the stream would stand still.

    More messages than one commit takes: those behind the first group fail with it. Each is given again by whoever was
    told so, and what came later must not stand before it.
    """
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    pages = await spool.write(lambda connection: connection.execute("PRAGMA max_page_count=1").fetchone()[0])
    adding = [queue.add(bytes(8192), f"M{n}", is_promised=True) for n in range(150)]
    assert {type(each) for each in await asyncio.gather(*adding, return_exceptions=True)} == {StorageFull}
    await spool.write(lambda connection: connection.execute(f"PRAGMA max_page_count={pages + 9999}").fetchone())
    await queue.add(b"b", "M2", is_promised=True)
    assert [(one.n, one.body) for one in queue.next_after(0, 9)] == [(1, b"b")]
    assert queue.backlog().count == 1
    await spool.close()


async def test_a_work_that_fails_takes_no_message_with_it(open_spool):
    """A delivery's row that cannot be written is no reason to refuse what a sender brings."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")

    def fail(connection):
        raise sqlite3.OperationalError("disk I/O error")

    both = asyncio.gather(spool.write(fail), queue.add(b"a", "M1", is_promised=True), return_exceptions=True)
    assert [type(each).__name__ for each in await both] == ["StorageFailed", "int"]
    assert [(one.n, one.body) for one in queue.next_after(0, 9)] == [(1, b"a")]
    await spool.close()


async def test_whatever_goes_wrong_in_a_commit_is_told_and_the_next_one_goes_on(open_spool, monkeypatch):
    """An error that nobody thought of must not end the thread that commits: senders would wait for ever."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")

    def insert(connection, group):
        monkeypatch.undo()
        raise LookupError("nobody thought of it")

    monkeypatch.setattr(spool_module, "insert", insert)
    with pytest.raises(LookupError):
        await queue.add(b"a", "M1", is_promised=True)
    await queue.add(b"b", "M2", is_promised=True)
    assert [(one.n, one.body) for one in queue.next_after(0, 9)] == [(1, b"b")]
    await spool.close()


async def test_what_fails_in_somebodys_answer_does_not_end_the_spool(open_spool):
    """One connection's trouble: without this nobody of any listener would be answered any more."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")

    def fail(*told):
        raise LookupError("nobody thought of it")

    spool.arrivals.put(queue, b"a", "M1", fail, is_promised=True)
    async with asyncio.timeout(20):
        await asyncio.gather(queue.add(b"b", "M2", is_promised=True), spool.write(lambda connection: None))
        await queue.add(b"c", "M3", is_promised=True)
    assert [one.body for one in queue.next_after(0, 9)] == [b"a", b"b", b"c"]
    await spool.close()


async def test_a_disk_that_cannot_be_asked_for_its_room_does_not_end_the_spool(open_spool, monkeypatch):
    """Somebody waits for room, and the file cannot be read at the moment in which there would be some."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    spool._room.clear()

    def fail(self):
        monkeypatch.undo()
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Spool, "is_full", property(fail))
    async with asyncio.timeout(20):
        await queue.add(b"a", "M1", is_promised=True)
        await queue.add(b"b", "M2", is_promised=True)
    assert spool._room.is_set()
    await spool.close()


async def test_any_number_of_works_may_wait_for_a_disk_that_fails(open_spool):
    """Each is told so in a turn of its own: a thousand within each other would be more than Python bears."""
    spool = open_spool()

    def fail(connection):
        raise sqlite3.OperationalError("disk I/O error")

    async with asyncio.timeout(20):
        ended = await asyncio.gather(*(spool.write(fail) for _ in range(2000)), return_exceptions=True)
        await spool.write(lambda connection: None)
    assert {type(each).__name__ for each in ended} == {"StorageFailed"}
    await spool.close()


async def test_a_slow_commit_waits_for_those_who_were_just_answered(open_spool, monkeypatch):
    """Else they share the commits in two halves by turns, and each waits for two: half as many messages a second."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    commit, waited = spool._commit, []

    def commit_slowly(arrived):
        time.sleep(0.03)
        return commit(arrived)

    monkeypatch.setattr(spool, "_commit", commit_slowly)
    monkeypatch.setattr(spool.arrivals, "await_others", lambda *given: waited.append(given))

    await asyncio.gather(*(queue.add(b"one", f"M{number}", is_promised=True) for number in range(5)))
    await queue.add(b"one", "M5", is_promised=True)
    await queue.add(b"one", "M6", is_promised=True)
    await spool.close()

    assert [senders for senders, _ in waited] == [0, 5, 1]
    assert all(seconds >= 0.015 for _, seconds in waited[1:])


async def test_who_waits_for_others_goes_on_when_they_are_there_or_the_time_is_over(open_spool):
    """A sender who does not come again costs the others half a commit, no more."""
    spool = open_spool()
    arrivals = spool.arrivals
    arrivals.await_others(senders=0, seconds=3600)
    arrivals.await_others(senders=5, seconds=0.01)
    await spool.close()


async def test_what_is_settled_leaves_and_the_last_confirmed_stays(open_spool):
    """`connector recover` prints it after the disk has been lost."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    ids = [await queue.add(b"x", f"M{n}", is_promised=n == 1) for n in range(3)]
    kept = await queue.settle([(ids[0], Up.TAKEN, "AA"), (ids[1], Up.REFUSED, "AR"), (ids[2], Up.REFUSED, "AR")], "M0")
    assert kept == [ids[1]]
    assert (queue.next_after(0, 9), queue.backlog().count, queue.confirmed()[0]) == ([], 0, "M0")
    assert spool.read("SELECT control_id, code FROM refused") == [("M1", "AR")]
    await spool.close()


async def test_a_promise_or_a_withdrawal_comes_too_late_for_what_was_settled(open_spool):
    """The sender then hears what the hub said, and nothing else."""
    spool = open_spool()
    queue = await UpQueue.open(spool, "north/adt")
    first, second = [await queue.add(b"x", "M", is_promised=False) for _ in range(2)]
    await queue.settle([(first, Up.TAKEN, "AA")], "M")
    assert [await queue.promise(first), await queue.withdraw(first)] == [False, False]
    assert await queue.withdraw(second)
    assert queue.next_after(0, 9)[0].state is Up.WITHDRAWN
    await spool.close()


async def test_a_delivery_is_its_bytes(open_spool):
    """The same again: the same outcome. Other bytes, another destination: a conflict."""
    spool = open_spool()
    queue = DownQueue(spool)
    first = await queue.take("d1", "lab", "", "M1", b"a")
    assert await queue.take("d1", "lab", "", "M1", b"a") == first
    for destination, body in (("lab", b"b"), ("pharmacy", b"a")):
        with pytest.raises(DeliveryConflict):
            await queue.take("d1", destination, "", "M1", body)
    await spool.close()


async def test_a_final_outcome_keeps_no_payload_and_is_forgotten_in_time(open_spool):
    """Nothing of a patient stays longer than it has to."""
    now = [1000.0]
    spool = open_spool(clock=lambda: now[0])
    queue = DownQueue(spool)
    for name in ("d1", "d2"):
        await queue.take(name, "lab", "", "M1", b"body")
        await queue.move(name, DownEvent.SENT)
    assert (await queue.move("d1", DownEvent.ACCEPTED, "AA")).state is Down.DELIVERED
    assert spool.read("SELECT delivery, body FROM down WHERE body IS NULL") == [("d1", None)]
    now[0] = 2000.0
    assert await queue.forget(1500.0) == 1
    with pytest.raises(NotFound):
        queue.outcome("d1")
    assert queue.outcome("d2").state is Down.SENDING
    await spool.close()


async def test_what_cannot_happen_to_a_delivery_changes_nothing(open_spool):
    """The table is the law, in the database too."""
    spool = open_spool()
    queue = DownQueue(spool)
    await queue.take("d1", "lab", "", "M1", b"a")
    with pytest.raises(ValueError, match="ACCEPT does not happen"):
        await queue.move("d1", DownEvent.ACCEPT)
    assert queue.outcome("d1").state is Down.COMMITTED
    with pytest.raises(NotFound):
        await queue.move("none", DownEvent.CANCEL)
    await spool.close()
