"""Timer triggers: each timer is a loop that waits, runs, and waits again; a run never overlaps the next."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from azure.functions.timer import TimerRequest

from local.faults import report_fault
from local.functions import Function
from local.ncrontab import Schedule, parse_schedule
from shared.message.errors.configuration import FunctionAppUnusable


def read_schedule(function: Function) -> Schedule:
    """Return when the function runs.

    Raises:
        FunctionAppUnusable: its schedule cannot be read.
    """
    try:
        return parse_schedule(function.trigger["schedule"])
    except ValueError as error:
        raise FunctionAppUnusable(f"{function.name}: {error}") from None


async def run_timer(function: Function, schedule: Schedule, ending: asyncio.Event) -> None:
    """Run the function whenever it is due, until the end; a run that has begun is let finish."""
    if function.trigger.get("runOnStartup"):
        await _fire(function)
    while not ending.is_set() and (due := schedule.next_after(datetime.now(UTC))) is not None:
        if not await _ends_before(due, ending):
            await _fire(function)


async def _ends_before(due: datetime, ending: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout((due - datetime.now(UTC)).total_seconds()):
            await ending.wait()
    except TimeoutError:
        return False
    return True


async def _fire(function: Function) -> None:
    try:
        await function.call(TimerRequest(past_due=False))
    except Exception as error:  # noqa: BLE001  # the boundary: a timer that fails runs again when it is due
        report_fault(function.name, error)
