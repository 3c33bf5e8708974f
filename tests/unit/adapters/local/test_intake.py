"""Ledger and queue as one: what R1 asks of both, in one commit."""

from __future__ import annotations

import pytest

from shared.message.errors.base import IntegrationError
from shared.message.errors.storage import StorageFailed
from shared.message.record import Hop, Progress
from shared.message.state import MessageState
from shared.ports import Outgoing, Parcel
from tests.contract.conftest import local
from tests.doubles.clock import NOON, SettableClock
from tests.doubles.samples import arrival

WINDOW = 3600.0


@pytest.fixture
async def hub(tmp_path):
    adapters = local(tmp_path / "home", SettableClock())
    yield adapters
    await adapters.close()


def parcel_of(reservations):
    ids = [one.record.message for one in reservations]
    steps = [Progress(one, MessageState.QUEUED, Hop(one, NOON, "ingest", "queued")) for one in ids]
    return Parcel([Outgoing(one.encode(), "0", one) for one in ids], steps)


async def received(hub):
    lock = await hub.queue.accept_session("transform")
    return [] if lock is None else [one.body.decode() for one in await hub.queue.receive(lock, 10)]


async def test_what_is_numbered_is_in_the_queue_and_marked(hub):
    """After this the sender hears AA: the message has to be where the next stage looks (R1)."""
    await hub.intake.take([arrival(1), arrival(2)], WINDOW, "transform", parcel_of)

    newest, oldest = await hub.ledger.recent()
    assert [oldest.sequence.n, newest.sequence.n] == [1, 2]
    assert await hub.ledger.counts() == {"queued": 2}
    assert await received(hub) == [oldest.message, newest.message]


async def test_it_numbers_on_where_the_ledger_alone_left_off(hub):
    """A barrier is numbered by the ledger, its neighbours by both: they are one source."""
    await hub.ledger.reserve([arrival(1)], WINDOW)
    numbered = []

    def note(reservations):
        numbered[:] = reservations
        return parcel_of(reservations)

    await hub.intake.take([arrival(1), arrival(2)], WINDOW, "transform", note)

    duplicate, new = numbered
    assert (duplicate.is_new, new.is_new, new.record.sequence.n) == (False, True, 2)


@pytest.mark.parametrize("error", [StorageFailed("x"), ValueError()])
async def test_what_cannot_be_sent_has_no_number(hub, error):
    """A number without its message would be looked for as a lost one."""

    def fail(reservations):
        raise error

    with pytest.raises((IntegrationError, ValueError)):
        await hub.intake.take([arrival(1)], WINDOW, "transform", fail)
    await hub.intake.take([arrival(2)], WINDOW, "transform", parcel_of)

    [record] = await hub.ledger.recent()
    assert record.sequence.n == 1
    assert await received(hub) == [record.message]


async def test_it_is_there_after_a_restart(tmp_path):
    """What was acknowledged is on the disk, in the ledger and in the queue alike."""
    before = local(tmp_path / "home", SettableClock())
    await before.intake.take([arrival(1)], WINDOW, "transform", parcel_of)
    await before.close()
    after = local(tmp_path / "home", SettableClock())

    [record] = await after.ledger.recent()
    assert record.state is MessageState.QUEUED
    assert await received(after) == [record.message]
    await after.close()
