"""The contract of `Clock`, of the real one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from shared.adapters.local.clock import SystemClock


def test_now_is_aware_and_utc() -> None:
    """A naive or local time compared with a stored one would move every deadline by the offset."""
    now = SystemClock().now()

    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_sleep_lasts_as_long_as_asked() -> None:
    """A wake that comes early finds nothing due, and would be scheduled again and again."""
    clock = SystemClock()
    began = clock.now()

    asyncio.run(clock.sleep(0.05))

    assert clock.now() - began >= timedelta(seconds=0.05)
