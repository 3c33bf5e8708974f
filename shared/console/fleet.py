"""The connectors of this hub: who they are, how they are, and who has fallen silent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from shared.message.beat import Heard, MirrorState
from shared.message.errors import reason_of
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import (
    CertificateExpiring,
    ConnectorSilent,
    MirrorLost,
    RefusedAfterAcknowledgement,
)
from shared.message.errors.pipeline import NotFound
from shared.message.nearest import no_such
from shared.observe.log import log
from shared.ports import Clock, Fleet

SILENT_BEATS = 3  # one may wait behind a backlog, one may be lost with a restart
WARN_DAYS = 30
_EVENTS = {
    ConnectorSilent: "connector_silent",
    CertificateExpiring: "certificate_expiring",
    MirrorLost: "mirror_behind",
}


class Connectors:
    """What the echo messages of connectors tell; a state that no message proves is not believed."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock

    async def list(self) -> dict[str, Any]:
        """Return every connector that was ever heard, with what needs a person."""
        now = self._clock.now()
        return {"connectors": [_row(one, now) for one in await self._fleet.connectors()]}

    async def forget(self, name: str) -> dict[str, Any]:
        """Return that a connector was taken off the list; it is on it again with its next echo.

        Raises:
            NotFound: it is not on the list.
        """
        if not await self._fleet.forget(name):
            known = [one.beat.connector for one in await self._fleet.connectors()]
            raise NotFound(no_such("connector", name, known))
        return {"forgotten": name}

    async def watch(self) -> None:
        """Write to the log who is silent, whose certificates lapse soon, and who has one copy alone; the alerts rest on
        it."""
        now = self._clock.now()
        for one in await self._fleet.connectors():
            for concern in set(_concerns(one, now)):
                if concern in _EVENTS:
                    seconds = round((now - one.at).total_seconds())
                    log(
                        _EVENTS[concern], logging.WARNING,
                        code=concern.code, connector=one.beat.connector, seconds=seconds,
                    )  # fmt: skip


def _concerns(one: Heard, now: datetime) -> Iterator[type[IntegrationError]]:
    if now - one.at > timedelta(seconds=SILENT_BEATS * one.beat.every_seconds):
        yield ConnectorSilent
    if one.beat.refused:
        yield RefusedAfterAcknowledgement
    if any(each.lapses is None or each.lapses - now < timedelta(days=WARN_DAYS) for each in one.beat.certificates):
        yield CertificateExpiring
    if one.beat.mirror is MirrorState.BEHIND:
        yield MirrorLost


def _row(one: Heard, now: datetime) -> dict[str, Any]:
    beat = one.beat
    return {
        "name": beat.connector,
        "version": beat.version,
        "last_echo": one.at.isoformat(),
        "way_seconds": round((one.at - beat.sent).total_seconds(), 1),
        "waiting": beat.waiting,
        "oldest": beat.oldest.isoformat() if beat.oldest else None,
        "refused": beat.refused,
        "held": beat.held,
        "spool_bytes": beat.spool_bytes,
        "mirror": beat.mirror,
        "certificates": [
            {"of": each.of, "lapses": each.lapses.isoformat() if each.lapses else None} for each in beat.certificates
        ],
        "concerns": [{"code": each.code, "reason": reason_of(each.code)} for each in _concerns(one, now)],
    }
