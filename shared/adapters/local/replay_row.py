"""What was ordered with a replay, as bytes: the same ones for the same order."""

from __future__ import annotations

from datetime import datetime

import orjson

from shared.adapters.instant import optional_instant, optional_microseconds
from shared.message.identifiers import DestinationId, InterfaceId, MessageId, OrderingKey, RunId
from shared.message.replay import Replay, ReplayState, Selection


def pack_order(replay: Replay) -> bytes:
    """Return what was ordered, the same bytes for the same order."""
    wanted = replay.selection
    return orjson.dumps(
        {
            "message": wanted.message,
            "interface": wanted.interface,
            "key": wanted.key,
            "mapping": wanted.mapping,
            "finding": wanted.finding,
            "since": optional_microseconds(wanted.since),
            "until": optional_microseconds(wanted.until),
            "destinations": replay.destinations,
            "passed_by": replay.passed_by,
            "allows_stale": replay.allows_stale,
            "resends_accepted": replay.resends_accepted,
            "reason": replay.reason,
        }
    )


def replay_of(order: bytes | str, run: str, created: datetime, state: str, reached: int) -> Replay:
    """Return the replay that was ordered, as far as it is."""
    said = orjson.loads(order)
    selection = Selection(
        message=said["message"] and MessageId(said["message"]),
        interface=said["interface"] and InterfaceId(said["interface"]),
        key=said["key"] and OrderingKey(said["key"]),
        mapping=said["mapping"],
        finding=said["finding"],
        since=optional_instant(said["since"]),
        until=optional_instant(said["until"]),
    )
    return Replay(
        run=RunId(run),
        created=created,
        selection=selection,
        destinations=tuple(DestinationId(one) for one in said["destinations"]),
        reason=said["reason"],
        passed_by=said["passed_by"] and DestinationId(said["passed_by"]),
        allows_stale=said["allows_stale"],
        resends_accepted=said["resends_accepted"],
        state=ReplayState(state),
        reached=reached,
    )
