"""Timers run when they are due, and go on whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from local.ncrontab import parse_schedule
from local.timer_triggers import run_timer
from tests.local import sample_app


@pytest.fixture
def tick(functions):
    return next(function for function in functions if function.name == "tick")


async def test_timer_runs_at_the_start_and_every_second_even_after_it_failed(tick, seen, eventually):
    """The retry timer that dies with its first error would leave lanes asleep for ever."""
    sample_app.FAIL_ON.add("tick")
    ending = asyncio.Event()
    running = asyncio.create_task(run_timer(tick, parse_schedule("* * * * * *"), ending))

    await eventually(lambda: len(seen) >= 2)

    ending.set()
    async with asyncio.timeout(10):
        await running


async def test_timer_that_is_never_due_ends(tick, seen):
    """30 February must not spin."""
    async with asyncio.timeout(10):
        await run_timer(tick, parse_schedule("0 0 0 30 2 *"), asyncio.Event())

    assert seen == ["tick"]
