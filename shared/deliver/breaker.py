"""Whether a destination is tried at all: its breaker, and the one probe at a time that may close it (rule R9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.deliver.backoff import RetryPolicy, Uniform, backoff_seconds
from shared.message.delivery import Verdict
from shared.observe.log import log
from shared.ports import Clock, DestinationStatus, Lanes

if TYPE_CHECKING:
    from shared.registry import DestinationConfig

FAILURES = 3  # in a row, before everybody stops trying
# Refused, or silent: a destination that accepts connections and never answers is as dead as one that is down.
_FAILING = frozenset({Verdict.TRANSIENT, Verdict.AMBIGUOUS})


class Breaker:
    """Knows how destinations are.

    Everybody who writes says what he found: of two who try at the same moment one has to look again.
    """

    def __init__(self, clock: Clock, lanes: Lanes) -> None:
        self._clock = clock
        self._lanes = lanes

    async def status(self, config: DestinationConfig) -> DestinationStatus:
        """Return how a destination is; its file can pause it, and then no order lets it go on."""
        status = await self._lanes.status(config.id)
        return replace(status, paused=True) if config.paused else status

    async def lease(self, found: DestinationStatus, until: datetime) -> DestinationStatus | None:
        """Return the status with the right to probe until then; None: somebody else has taken it.

        For everybody else the breaker is open until the lease ends, whether or not its holder lives.
        """
        if await self._lanes.set_breaker(found, found.failures, until):
            return replace(found, open_until=until)
        return None

    async def release(self, leased: DestinationStatus) -> DestinationStatus:
        """Return the status without the lease: nothing was sent under it, and anybody may probe."""
        now = self._clock.now()
        await self._lanes.set_breaker(leased, leased.failures, now)
        return replace(leased, open_until=now)

    async def judge(
        self, found: DestinationStatus, verdicts: Sequence[Verdict], retry: RetryPolicy, uniform: Uniform
    ) -> DestinationStatus:
        """Open the breaker after failures in a row; close it after anything the destination answered.

        Args:
            found: As it was before these sends; with the lease under which they were made, if there was one.
        """
        is_failing = all(verdict in _FAILING for verdict in verdicts)
        if not verdicts or (not is_failing and not found.failures):
            return found
        now, latest = self._clock.now(), found
        while True:
            failures = latest.failures + len(verdicts) if is_failing else 0
            until = _open_until(failures, now, retry, uniform)
            if until is not None and latest is not found and latest.open_until is not None:
                until = max(until, latest.open_until)  # somebody else's: a probe may be under way
            if await self._lanes.set_breaker(latest, failures, until):
                break
            latest = await self._lanes.status(found.destination)
        if until is not None:
            seconds = round((until - now).total_seconds(), 1)
            log("breaker_opened", destination=found.destination, count=failures, seconds=seconds)
        return replace(found, failures=failures, open_until=until)

    async def reset(self, found: DestinationStatus) -> None:
        """Close it, whatever happened."""
        while not await self._lanes.set_breaker(found, 0, None):
            found = await self._lanes.status(found.destination)


def is_open(status: DestinationStatus, now: datetime) -> bool:
    """Tell whether nobody may try just now."""
    return status.open_until is not None and now < status.open_until


def needs_probe(status: DestinationStatus) -> bool:
    """Tell whether the next send finds out if the destination is back; there is one at a time."""
    return status.failures >= FAILURES


def _open_until(failures: int, now: datetime, retry: RetryPolicy, uniform: Uniform) -> datetime | None:
    if failures < FAILURES:
        return None
    wait = max(retry.base_seconds, backoff_seconds(failures - FAILURES + 1, retry, uniform))
    return now + timedelta(seconds=wait)
