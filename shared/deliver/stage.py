"""The use case behind the queue ``deliver``: the lanes of one session, from their heads (rules R3, R4, R6, R9)."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from shared.barriers.unreadable import Unreadable
from shared.deliver.backoff import Uniform
from shared.deliver.barrier import Meeting
from shared.deliver.breaker import FAILURES, Breaker, is_open, needs_probe
from shared.deliver.outputs import Output, Outputs
from shared.deliver.pace import Pace
from shared.deliver.settle import advances, may_resend, settle, skipped
from shared.message.delivery import Answer, Attempt, Delivery, Verdict, accepted_at
from shared.message.envelope import Item, Wake, encode_wake, is_older
from shared.message.errors.base import IntegrationError
from shared.message.errors.pipeline import AnswerMissing, PoisonMessage
from shared.message.errors.storage import EnvelopeUnreadable
from shared.message.identifiers import LIVE, DestinationId, SessionId, delivery_id
from shared.message.state import DeliveryState
from shared.message.work import ATTEMPT_LIMIT, BATCH_BYTES, Offer, batches_by_size, contents_of
from shared.observe.log import log, log_failure
from shared.ports import Clock, Destination, DestinationStatus, Lanes, Outgoing, Ownership, Queue, Replays, Turn

if TYPE_CHECKING:
    from shared.registry import DestinationConfig, Registry

DELIVER_QUEUE = "deliver"

_READY_LIMIT = 128  # deliveries in one turn: all of an envelope, mostly, so that their outputs are one blob
_FEED_LANE = "feed"


@dataclass(frozen=True, slots=True)
class DeliverLimits:
    """How long things may take (rule R9).

    Attributes:
        budget: Of one invocation; what is left is parked with a wake.
        send_timeout: Of one send.
        clock_skew: Between two workers.
    """

    budget: timedelta
    send_timeout: timedelta
    clock_skew: timedelta


@dataclass(slots=True)
class _Round:
    """What one batch of a turn has come to, until it is written."""

    lanes: Lanes
    ownership: Ownership
    config: DestinationConfig
    destination: Destination
    until: datetime
    pace: Pace | None
    outputs: dict[str, Output | IntegrationError]
    stopped: set[str]
    rows: list[Delivery] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    barriers: list[Delivery] = field(default_factory=list)
    intents: list[Delivery] = field(default_factory=list)
    last_write: asyncio.Task[None] | None = None
    next_write: asyncio.Task[None] | None = None

    def add(self, row: Delivery, attempt: Attempt | None) -> None:
        """Note a delivery as it stands, and the attempt if one was made."""
        self.rows.append(row)
        if row.item.barrier is not None:
            self.barriers.append(row)
        if attempt is not None:
            self.attempts.append(attempt)
            self.verdicts.append(attempt.verdict)

    @property
    def is_silent(self) -> bool:
        """Tell whether nobody answered the last sends: each costs a time-out, and perhaps a person's time."""
        last = self.verdicts[-FAILURES:]
        return len(last) == FAILURES and all(verdict is Verdict.AMBIGUOUS for verdict in last)

    async def write(self, intents: Sequence[Delivery] = ()) -> None:
        """Write what is not written yet, and these.

        Raises:
            OwnershipLost: somebody else has taken the session.
        """
        rows, attempts = self.rows, self.attempts
        self.rows, self.attempts = [], []
        await self.lanes.write(self.ownership, [*rows, *intents], attempts)

    async def intend(self, intent: Delivery) -> None:
        """Return once it is on record; those that other lanes have ready while one is written share the next write."""
        self.intents.append(intent)
        if self.next_write is None:
            self.next_write = asyncio.create_task(self._write_intents(self.last_write))
        await self.next_write

    async def _write_intents(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        intents, self.intents = self.intents, []
        self.last_write, self.next_write = self.next_write, None
        await self.write(intents)


class DeliverStage:
    """Delivers what a session holds, in order, once."""

    def __init__(
        self,
        *,
        clock: Clock,
        lanes: Lanes,
        queue: Queue,
        registry: Registry,
        outputs: Outputs,
        open_destination: Callable[[DestinationConfig], Destination],
        limits: DeliverLimits,
        replays: Replays,
        unreadable: Unreadable,
        uniform: Uniform = random.uniform,
    ) -> None:
        self._clock = clock
        self._lanes = lanes
        self._queue = queue
        self._registry = registry
        self._outputs = outputs
        self._open_destination = open_destination
        self._limits = limits
        self._replays = replays
        self._unreadable = unreadable
        self._uniform = uniform
        self._breaker = Breaker(clock, lanes)
        self._meeting = Meeting(clock=clock, lanes=lanes, wake=self._send_wakes)
        self._paces: dict[SessionId, Pace] = {}
        self._destinations: dict[DestinationId, Destination] = {}

    async def run(self, session: SessionId, offers: Sequence[Offer]) -> None:
        """Take over the session, and deliver what is ready until nothing is or the budget is spent."""
        config = self._registry.destinations[DestinationId(session.rpartition(".")[0])]
        until = self._clock.now() + self._limits.budget
        (items, is_woken), stuck = await self._contents(offers)
        offered = [self._offer(session, item, config) for item in items]
        while True:
            began = self._clock.now()
            status = await self._breaker.status(config)
            limit = _ready_limit(status, began)
            is_probe = needs_probe(status)
            # What a turn sends is covered by its intents or its lease: what it does not reach is taken anew.
            is_short = config.idempotent or is_probe
            ends = min(until, began + self._limits.send_timeout) if is_short else until
            turn = await self._take(session, offered, config, began, limit)
            status = await (self._probe if is_probe and turn.ready else self._work)(turn, config, status, ends)
            now = self._clock.now()
            may_send = self._next_send(session, now)
            must_wait = (may_send > now and may_send >= ends) or is_open(status, now)
            if must_wait or limit == 0 or now >= until or (len(turn.ready) < limit and now < ends):
                break
            offered = []
        await self._ensure_wake(turn, status, is_woken)
        if stuck is not None:
            raise stuck

    async def _contents(self, offers: Sequence[Offer]) -> tuple[tuple[list[Item], bool], EnvelopeUnreadable | None]:
        """Return what the readable queue messages hold, and the error of one that is left with those behind it."""
        try:
            return contents_of(offers), None
        except EnvelopeUnreadable:
            readable, stuck = await self._unreadable.sort_out(DELIVER_QUEUE, offers)
            return contents_of(readable), stuck

    async def wake_overdue(self) -> int:
        """Wake every session whose wake should have come by now; return how many (rule R6)."""
        overdue = await self._lanes.overdue(self._clock.now())
        await self._send_wakes([(session, destination, None) for session, destination in overdue])
        return len(overdue)

    async def pause(self, destination: DestinationId) -> None:
        """Stop sending to a destination; what comes for it waits in its lanes."""
        await self._lanes.set_paused(destination, True)
        log("destination_paused", destination=destination)

    async def resume(self, destination: DestinationId) -> None:
        """Go on sending to a destination, from the heads of its lanes."""
        await self._lanes.set_paused(destination, False)
        await self._breaker.reset(await self._lanes.status(destination))
        await self.wake_sessions(destination)
        log("destination_resumed", destination=destination)

    async def wake_sessions(self, destination: DestinationId) -> None:
        """Look at every session of a destination that has something waiting."""
        sessions = await self._lanes.sessions(destination)
        await self._send_wakes([(session, destination, None) for session in sessions])

    async def close(self) -> None:
        """Close the connections to all destinations."""
        await asyncio.gather(*(destination.close() for destination in self._destinations.values()))

    def _offer(self, session: SessionId, item: Item, config: DestinationConfig) -> Delivery:
        return Delivery(
            id=delivery_id(item.message, config.id, item.run),
            session=session,
            lane=_FEED_LANE if config.order == "feed" else item.key,
            item=item.by_reference(),
            state=DeliveryState.PARKED,
            offered=self._clock.now(),
        )

    async def _take(
        self, session: SessionId, offered: Sequence[Delivery], config: DestinationConfig, now: datetime, limit: int
    ) -> Turn:
        deadline = self._over_by(now + self._limits.send_timeout) if config.idempotent else None
        return await self._lanes.take(session, offered, now, deadline, limit)

    def _over_by(self, ends: datetime) -> datetime:
        """Return when the last send of a turn is over by everybody's clock: a successor waits past it (rule R3)."""
        return ends + self._limits.send_timeout + self._limits.clock_skew

    async def _probe(
        self, turn: Turn, config: DestinationConfig, status: DestinationStatus, until: datetime
    ) -> DestinationStatus:
        """Send what is ready if nobody else finds out just now whether the destination is back (rule R9)."""
        leased = await self._breaker.lease(status, self._over_by(until))
        if leased is None:
            await self._return(turn.ready, turn.ownership, config)
            return await self._breaker.status(config)
        after = await self._work(turn, config, leased, until)
        if after is leased:
            return await self._breaker.release(leased)
        if not after.failures:  # the others sleep until the lease ends: they need not
            others = [each for each in await self._lanes.sessions(config.id) if each != turn.ownership.session]
            await self._send_wakes([(session, config.id, None) for session in others])
        return after

    async def _return(self, rows: Sequence[Delivery], ownership: Ownership, config: DestinationConfig) -> None:
        """Leave deliveries for another turn; where the turn began with their intents, these are taken back."""
        if rows and config.idempotent:
            await self._lanes.write(ownership, [row._replace(send_deadline=None) for row in rows])

    async def _work(
        self, turn: Turn, config: DestinationConfig, status: DestinationStatus, until: datetime
    ) -> DestinationStatus:
        stopped: set[str] = set()
        found = status
        for batch in batches_by_size(turn.ready, lambda row: row.item.raw.size, BATCH_BYTES):
            if status is not found and is_open(status, self._clock.now()):
                await self._return(batch, turn.ownership, config)
                continue
            work = _Round(
                lanes=self._lanes,
                ownership=turn.ownership,
                config=config,
                destination=self._destination(config),
                until=until,
                pace=self._pace(turn.ownership.session, config),
                outputs=await self._outputs.prepare([row for row in batch if not row.item.is_token], config),
                stopped=stopped,
            )
            await self._drain_lanes(batch, work)
            await work.write()
            await self._meeting.let_pass(work.barriers)
            status = await self._breaker.judge(status, work.verdicts, config.retry, self._uniform)
        return status

    def _destination(self, config: DestinationConfig) -> Destination:
        if config.id not in self._destinations:
            self._destinations[config.id] = self._open_destination(config)
        return self._destinations[config.id]

    def _pace(self, session: SessionId, config: DestinationConfig) -> Pace | None:
        if config.rate_per_second is None:
            return None
        return self._paces.setdefault(session, Pace(config.rate_per_second, config.concurrency))

    def _next_send(self, session: SessionId, now: datetime) -> datetime:
        pace = self._paces.get(session)
        return now if pace is None else pace.begins(now)

    async def _drain_lanes(self, batch: Sequence[Delivery], work: _Round) -> None:
        """Drain lanes side by side, each serially, over as many connections as the destination allows."""
        connections = asyncio.Semaphore(work.config.connections)
        lanes = [list(rows) for _, rows in groupby(batch, key=lambda row: row.lane)]
        await asyncio.gather(*(self._drain_lane(rows, work, connections) for rows in lanes))

    async def _drain_lane(self, rows: Sequence[Delivery], work: _Round, connections: asyncio.Semaphore) -> None:
        before: list[Delivery] = []
        for row in rows:
            if self._is_over(row, work):
                _give_back(row, work)
                continue
            if row.item.barrier is not None and not await self._may_pass(row, work):
                work.stopped.add(row.lane)
                continue
            if row.item.is_token:
                work.add(self._meeting.passed(row), None)
                continue
            async with connections:
                if self._is_over(row, work):  # by now: it waited for a connection
                    _give_back(row, work)
                    continue
                if work.pace is not None and not await work.pace.turn(self._clock, work.until):
                    _give_back(row, work)
                    continue
                settled, attempt = await self._deliver(row, work, before)
            work.add(settled, attempt)
            before.append(settled)
            if not advances(settled):
                work.stopped.add(row.lane)

    async def _may_pass(self, row: Delivery, work: _Round) -> bool:
        """Tell whether a part of a barrier may go on; what its lane has sent is on record before it says so."""
        await work.write()
        return await self._meeting.come(row, work.ownership)

    def _is_over(self, row: Delivery, work: _Round) -> bool:
        return row.lane in work.stopped or work.is_silent or self._clock.now() >= work.until

    async def _deliver(
        self, row: Delivery, work: _Round, before: Sequence[Delivery]
    ) -> tuple[Delivery, Attempt | None]:
        """Return the delivery as it stands after its turn, and the attempt if one was made."""
        now = self._clock.now()
        output = work.outputs[row.id]
        if isinstance(output, IntegrationError):
            answer = Answer(Verdict.PERMANENT, output.code)
            return settle(row, answer, work.config, now, self._uniform), None
        if row.state is DeliveryState.INTENT and not may_resend(work.config):
            answer = Answer(Verdict.AMBIGUOUS, AnswerMissing.code)  # a worker before us may have sent it
            return settle(row, answer, work.config, now, self._uniform), None
        if row.item.run != LIVE and not row.attempts and await self._is_there(row, output, before):
            return skipped(row, output.sha256, now), None
        deadline = now + self._limits.send_timeout
        over = deadline + self._limits.clock_skew  # a successor waits past it (rule R3)
        row = row._replace(attempts=row.attempts + 1, output=output.sha256, send_deadline=over)
        if not work.config.idempotent:
            await work.intend(row._replace(state=DeliveryState.INTENT))
        answer = await self._send(row, output, work, deadline)
        ended = self._clock.now()
        attempt = Attempt(row.id, row.attempts, now, ended, answer.verdict, answer.code)
        return settle(row, answer, work.config, ended, self._uniform), attempt

    async def _is_there(self, row: Delivery, output: Output, before: Sequence[Delivery]) -> bool:
        """Tell whether the destination has what a replay brings, and nothing older of the key came after it (R8).

        Args:
            before: What became of the lane's rows in this round: they may not be written yet.
        """
        replay = await self._replays.get(row.item.run)
        if replay is not None and replay.resends_accepted:
            return False
        newest = {one.id: one for one in (*await self._lanes.deliveries(row.item.message), *before)}.values()
        mine = [one for one in newest if one.item.message == row.item.message]
        position = accepted_at(mine, row.destination, output.sha256)
        if position is None or any(_overtook(one, row, position) for one in before):
            return False
        return not await self._replays.overtaken(row, position)

    async def _send(self, row: Delivery, output: Output, work: _Round, deadline: datetime) -> Answer:
        """Return the destination's answer; an error of ours stops this delivery alone, for good the third time (R5)."""
        try:
            return await work.destination.send(row, output.body, output.media_type, deadline)
        except Exception as error:  # noqa: BLE001  # raised, it would take the lanes beside it along
            log_failure("send_failed", error, destination=row.destination, message=row.item.message)
            verdict = Verdict.AMBIGUOUS if row.attempts < ATTEMPT_LIMIT else Verdict.PERMANENT
            return Answer(verdict, PoisonMessage.code)

    async def _ensure_wake(self, turn: Turn, status: DestinationStatus, is_woken: bool) -> None:
        """Make sure that somebody looks at the lanes again when their first head falls due (rule R6).

        Args:
            is_woken: A wake was among what began this invocation.
        """
        session, now = turn.ownership.session, self._clock.now()
        due = await self._lanes.next_due(session)
        if due is None or status.paused:
            if turn.wake is not None:
                await self._lanes.schedule_wake(turn.ownership, None)
            return
        due = max(due, self._next_send(session, now), status.open_until or now)
        if turn.wake is not None and now < turn.wake <= due:
            if not is_woken or turn.wake > now + self._limits.clock_skew:
                return
            # The broker's clock may be ahead of ours: the wake that is recorded may be the one that has just come.
            due = max(due, now + self._limits.clock_skew)
        await self._send_wakes([(session, status.destination, due)])
        await self._lanes.schedule_wake(turn.ownership, due)

    async def _send_wakes(self, wakes: Sequence[tuple[SessionId, DestinationId, datetime | None]]) -> None:
        # A fresh id each time: the broker's duplicate detection must never swallow a wake.
        outgoing = [
            Outgoing(encode_wake(Wake(destination)), session, secrets.token_hex(16), due)
            for session, destination, due in wakes
        ]
        if outgoing:
            await self._queue.send(DELIVER_QUEUE, outgoing)


def _overtook(one: Delivery, row: Delivery, position: int) -> bool:
    """Tell whether a replay has brought something older of the row's key since this position."""
    is_replayed = one.item.run != LIVE and one.item.key == row.item.key
    return (
        is_replayed
        and one.position > position
        and one.may_have_arrived
        and is_older(one.item.message, one.item.sequence, row.item)
    )


def _give_back(row: Delivery, work: _Round) -> None:
    """Leave a delivery and what is behind it for another turn."""
    work.stopped.add(row.lane)
    if work.config.idempotent:  # its intent was recorded when the turn began, and it was not sent
        work.add(row._replace(send_deadline=None), None)


def _ready_limit(status: DestinationStatus, now: datetime) -> int:
    if status.paused or is_open(status, now):
        return 0
    return 1 if status.failures else _READY_LIMIT  # one probe first, until the destination answers again
