"""A deliverer ends, whatever the disk or the other side does, and leaves no line behind."""

from __future__ import annotations

import asyncio

import pytest

from connector.cipher import Clear
from connector.config import DeliverTable
from connector.deliverer import Deliverer
from connector.down_queue import DownQueue
from connector.spool import Spool
from connector.states import Down, DownEvent
from shared.message.errors.storage import StorageFull
from tests.connector.peers import System, admission
from tests.doubles.waiting import until


class FullDisk(DownQueue):
    """Takes no outcome, and no send either, as long as it is full."""

    refuses: tuple[DownEvent, ...] = ()
    tries = 0

    async def move(self, delivery, event, code="", *, then=None):
        if event in self.refuses:
            self.tries += 1
            raise StorageFull("spool")
        return await super().move(delivery, event, code, then=then)


@pytest.fixture
async def system():
    system = System()
    await system.start()
    yield system
    await system.stop()


@pytest.fixture
async def queue(tmp_path):
    spool = Spool(tmp_path / "spool", Clear(), 1 << 30)
    queue = FullDisk(spool)
    await queue.take("d1", "lab", "", "M1", admission("M1"))
    yield queue
    await spool.close()


def deliverer(queue, system, **keys) -> Deliverer:
    address = f"mllp://127.0.0.1:{system.port}"
    waits = {"retry_base_seconds": 0.01, "retry_cap_seconds": 0.01}
    table = DeliverTable(name="lab", address=address, **{"on_ambiguous": "review", **waits, **keys})
    return Deliverer(table, queue, queue._spool.clock)


async def test_a_task_that_is_cancelled_in_the_middle_of_a_send_ends(queue, system):
    """The loop ends around it and the spool is closed: nobody is there to write down anything for."""
    system.answers["M1"] = "silence"
    delivering = deliverer(queue, system)
    await delivering.start()
    await until(lambda: system.received)
    await queue._spool.close()
    for task in delivering._tasks:
        task.cancel()
    ended, _ = await asyncio.wait(delivering._tasks, timeout=20)
    assert len(ended) == 1


async def test_it_stops_though_the_disk_takes_no_outcome_and_the_next_start_finds_it(queue, system):
    """A service manager waits for it. What is written down is that it was being sent: so it may have arrived."""
    system.answers["M1"] = "silence"
    delivering = deliverer(queue, system)
    await delivering.start()
    await until(lambda: system.received)
    queue.refuses = (DownEvent.NO_ANSWER,)
    async with asyncio.timeout(20):
        await delivering.stop(0.05)
    assert queue.outcome("d1").state is Down.SENDING
    queue.refuses = ()
    again = deliverer(queue, system)
    await again.start()
    await again.stop()
    assert (queue.outcome("d1").state, queue.outcome("d1").code) == (Down.AMBIGUOUS, "interrupted")
    assert system.received == ["M1"]


async def test_a_send_that_is_cut_short_by_the_end_is_ambiguous_at_once(queue, system):
    """The hub may ask before the next start, or there is none: the destination was taken out of the file."""
    system.answers["M1"] = "silence"
    delivering = deliverer(queue, system)
    await delivering.start()
    await until(lambda: system.received)
    await delivering.stop(0.05)
    assert (queue.outcome("d1").state, queue.outcome("d1").code) == (Down.AMBIGUOUS, "interrupted")


async def test_what_goes_again_by_itself_waits_for_nobody_though_the_disk_fills_up(queue, system, monkeypatch):
    """Ambiguous and to be sent again are one commit: after the first of two, the lane would wait for a person."""
    commits, write = 0, queue._spool.write

    async def fills_up(work):
        nonlocal commits
        commits += 1
        if commits == 3:  # the first is that it is being sent, the second how that ended
            raise StorageFull("spool")
        return await write(work)

    monkeypatch.setattr(queue._spool, "write", fills_up)
    system.answers["M1"] = "silence"
    delivering = deliverer(queue, system, on_ambiguous="resend", answer_seconds=0.2)
    await delivering.start()
    await until(lambda: system.received)
    del system.answers["M1"]
    await until(lambda: queue.outcome("d1").state is Down.DELIVERED)
    await delivering.stop()
    assert (system.received, queue.outcome("d1").attempts) == (["M1", "M1"], 2)


async def test_a_disk_that_is_full_costs_the_system_no_connections(queue, system):
    """Old systems take a handful: a line that was opened is used for the next attempt, and closed at the end."""
    queue.refuses = (DownEvent.SENT,)
    delivering = deliverer(queue, system)
    await delivering.start()
    await until(lambda: queue.tries > 5)
    queue.refuses = ()
    await until(lambda: queue.outcome("d1").state is Down.DELIVERED)
    await delivering.stop()
    assert (system.connections, system.received) == (1, ["M1"])
    await until(lambda: not system._writers)
