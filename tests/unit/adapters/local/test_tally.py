"""How much waits where is known without asking the database: it may be too much for a moment, and never too little."""

from __future__ import annotations

import asyncio

import pytest

from shared.adapters.local.tally import Tally
from shared.message.errors.storage import StorageFailed


async def never():
    await asyncio.Event().wait()


async def said(*answers):
    return answers


async def refused():
    raise StorageFailed("refused")


async def test_what_is_being_written_counts_already_and_what_was_there_counts_once():
    """Who asks between the write and its end would else pass what waits."""
    tally = Tally([("here", 1)])
    go_on = asyncio.get_running_loop().create_future()

    writing = asyncio.create_task(tally.add(["here", "there"], go_on))
    await asyncio.sleep(0)
    assert tally.waiting == {"here": 2, "there": 1}

    go_on.set_result([0, 1])
    await writing
    assert tally.waiting == {"here": 1, "there": 1}


async def test_what_was_not_written_does_not_count():
    """Or a partition would ask for what nobody parked, until the hub is started again."""
    tally = Tally([])

    with pytest.raises(StorageFailed):
        await tally.add(["here"], refused())

    assert tally.waiting == {}


async def test_what_may_have_been_written_counts():
    """A caller that is cancelled does not hear whether its write is on the disk; one too few would let others pass."""
    tally = Tally([])

    writing = asyncio.create_task(tally.add(["here"], never()))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])

    assert tally.waiting == {"here": 1}


async def test_what_was_gone_already_is_not_taken_twice():
    """Two workers may let go on the same message: one of them lost its session."""
    tally = Tally([("here", 2)])

    await tally.remove(["here", "here"], said(1, 0))

    assert tally.waiting == {"here": 1}
