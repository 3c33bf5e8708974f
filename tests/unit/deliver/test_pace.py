"""The pace of a destination."""

from __future__ import annotations

from datetime import timedelta

from shared.deliver.pace import Pace
from tests.doubles.clock import NOON, SettableClock


class CountingClock(SettableClock):
    """Time passes for whoever sleeps, at once."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


async def begins(pace, clock, until):
    found = []
    while await pace.turn(clock, until):
        found.append((clock.now() - NOON).total_seconds())
    return found


async def test_sends_are_spaced_evenly_until_the_time_is_over():
    """Two a second in one session of one: every half second."""
    clock = CountingClock()
    assert await begins(Pace(2, 1), clock, NOON + timedelta(seconds=2)) == [0, 0.5, 1, 1.5]


async def test_each_session_has_its_share():
    """Two a second over four sessions: each sends every two seconds."""
    clock = CountingClock()
    assert await begins(Pace(2, 4), clock, NOON + timedelta(seconds=5)) == [0, 2, 4]


async def test_a_pause_saves_up_nothing():
    """A system that bears one a second does not bear sixty after a quiet minute."""
    clock = CountingClock()
    pace = Pace(1, 1)
    assert await pace.turn(clock, NOON + timedelta(hours=1))
    clock.advance(60)
    assert await begins(pace, clock, NOON + timedelta(seconds=62)) == [60, 61]


async def test_a_clock_that_is_set_back_pauses_nobody():
    """The next send would be an hour away, and lanes would fill as if the destination were down."""
    clock = CountingClock()
    pace = Pace(1, 1)
    assert await begins(pace, clock, NOON + timedelta(seconds=1)) == [0]
    clock.advance(-3600)
    assert await pace.turn(clock, clock.now() + timedelta(seconds=1)) is False  # a second after the last one, as ever
    clock.advance(1)
    assert await pace.turn(clock, clock.now() + timedelta(seconds=1))
