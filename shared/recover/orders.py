"""What a person orders: send again what was stopped, pause a destination, let it go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared.message.delivery import Delivery
from shared.message.envelope import encode_envelope, with_tokens
from shared.message.errors.pipeline import NotFound, NotStopped
from shared.message.identifiers import DestinationId, MessageId, partition_of
from shared.message.nearest import no_such
from shared.message.queues import TRANSFORM_QUEUE
from shared.message.record import Hop, MessageRecord
from shared.message.replay import Selection
from shared.message.state import DeliveryState, MessageState
from shared.ports import Barriers, Clock, History, Lanes, Ledger, Outgoing, Queue
from shared.recover.request import read_json, read_reason

if TYPE_CHECKING:
    from shared.registry import Registry

_OPERATOR, _RESEND = "operator", "resend"
_LATER = 1000  # messages of a key that are looked at


class Sessions(Protocol):
    """What an operator's orders need of deliver."""

    async def wake_sessions(self, destination: DestinationId) -> None: ...

    async def pause(self, destination: DestinationId) -> None: ...

    async def resume(self, destination: DestinationId) -> None: ...


class Orders:
    """Carries out what a person orders. What a destination accepted is never sent again."""

    def __init__(
        self,
        *,
        clock: Clock,
        ledger: Ledger,
        history: History,
        lanes: Lanes,
        barriers: Barriers,
        queue: Queue,
        sessions: Sessions,
        registry: Registry,
    ) -> None:
        self._registry = registry
        self._history = history
        self._clock = clock
        self._ledger = ledger
        self._lanes = lanes
        self._barriers = barriers
        self._queue = queue
        self._sessions = sessions

    async def order(self, destination: DestinationId, word: str) -> dict[str, Any]:
        """Pause or resume a destination.

        Raises:
            NotFound: no such destination, or no such order.
        """
        config = self._registry.destinations.get(destination)
        if config is None:
            raise NotFound(no_such("destination", destination, self._registry.destinations))
        match word:
            case "pause":
                await self._sessions.pause(destination)
            case "resume":
                await self._sessions.resume(destination)
            case _:
                raise NotFound("a destination is told to pause or to resume")
        return {"destination": destination, "order": word, "paused": config.paused or word == "pause"}

    async def resend(self, message: MessageId, request: bytes) -> dict[str, Any]:
        """Set a quarantined message, or its stopped deliveries, going again; return what was.

        ``delivered_since`` counts by destination what was accepted of later messages of the ordering key: a destination
        that does not know old from new is set back to this message (rule R8); a replay from it brings those again.

        Args:
            request: JSON ``{"reason": "..."}``; the reason is kept with the trace.

        Raises:
            RequestInvalid: there is no reason.
            NotFound: the ledger has no such message.
            NotStopped: nothing of it is in quarantine or review.
        """
        reason = read_reason(read_json(request))
        [record] = await self._ledger.messages([message])
        if record is None:
            raise NotFound(message)
        since = await self._delivered_since(record)
        hop = Hop(message, self._clock.now(), _OPERATOR, _RESEND, reason)
        if record.state is MessageState.QUARANTINED or await self._was_cut_off(record):
            await self._restart(record, hop)
            return {"message": message, "destinations": [], "delivered_since": since}
        stopped = [row for row in await self._lanes.deliveries(message) if is_stopped(row)]
        if not stopped:
            raise NotStopped(message)
        destinations = await self._release(stopped, hop)
        since = {name: count for name, count in since.items() if name in destinations}
        return {"message": message, "destinations": destinations, "delivered_since": since}

    async def _delivered_since(self, record: MessageRecord) -> dict[str, int]:
        """Return how many later messages of the key each destination accepted; of the first ones after it, if many."""
        [own] = await self._history.select(Selection(message=record.message))
        later = await self._history.of_key(record.key, own.number, _LATER)
        rows = [row for one in later for row in await self._lanes.deliveries(one.record.message)]
        return dict(Counter(str(row.destination) for row in rows if row.state is DeliveryState.ACCEPTED))

    async def _was_cut_off(self, record: MessageRecord) -> bool:
        """Tell whether a resend took it out of quarantine and perhaps sent nothing; a second copy does no harm."""
        if record.state is not MessageState.QUEUED:
            return False
        hops, _ = await self._ledger.trace(record.message)
        return bool(hops) and (hops[-1].stage, hops[-1].code) == (_OPERATOR, _RESEND)

    async def _restart(self, record: MessageRecord, hop: Hop) -> None:
        await self._ledger.reopen(record.message, MessageState.QUEUED, hop)
        barrier = await self._barriers.reopen(record.message)
        item = barrier or record.item()
        # The time makes the ids new, here and in the stages behind: the broker must not take what a person resends for
        # the copy that came to grief a moment ago.
        item = item._replace(again=f" resend {hop.at.timestamp():.3f}")
        outgoing = [
            Outgoing(
                encode_envelope([part]),
                str(partition_of(part.message)),
                f"{part.message}-resend-{hop.at.timestamp():.3f}",
            )
            for part in with_tokens(item)
        ]
        await self._queue.send(TRANSFORM_QUEUE, outgoing)

    async def _release(self, stopped: Sequence[Delivery], hop: Hop) -> list[DestinationId]:
        destinations = list(dict.fromkeys(row.destination for row in stopped))
        for row in stopped:
            await self._lanes.reopen(row._replace(settled=hop.at), DeliveryState.PARKED)
        await self._ledger.note([hop])
        for destination in destinations:
            await self._sessions.wake_sessions(destination)
        return destinations


def is_stopped(row: Delivery) -> bool:
    return row.state in (DeliveryState.QUARANTINED, DeliveryState.REVIEW)
