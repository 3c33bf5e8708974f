"""The use case behind the queue ``route``: one delivery for each destination that wants the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from shared.barriers.gate import MakeGate, Stage
from shared.changes.record import KeptRecord, open_record
from shared.hl7 import parse
from shared.message.envelope import Item, encode_envelope, envelope_id, pack, with_tokens
from shared.message.errors.pipeline import PoisonMessage
from shared.message.identifiers import LIVE, DestinationId, SessionId, deliver_session, partition_of
from shared.message.queues import DELIVER_QUEUE
from shared.message.record import Hop, Progress
from shared.message.replay import Passed
from shared.message.state import MessageState
from shared.message.work import Offer
from shared.ports import Archive, Clock, Ledger, Outgoing, Queue, Replays
from shared.route.originals import Originals, reports_results
from shared.route.select import Decision, looks_inside, select_routes

if TYPE_CHECKING:
    from shared.registry import Registry


class RouteStage:
    """Takes canonical messages of one partition, in order, and gives deliveries."""

    def __init__(
        self,
        *,
        clock: Clock,
        archive: Archive,
        ledger: Ledger,
        queue: Queue,
        registry: Registry,
        replays: Replays,
        gate: MakeGate,
    ) -> None:
        self._clock = clock
        self._archive = archive
        self._ledger = ledger
        self._queue = queue
        self._registry = registry
        self._replays = replays
        self._originals = Originals(archive)
        self._gate = gate(Stage("route", self._process, self._give_up))

    async def run(self, offers: Sequence[Offer]) -> None:
        """Route every message of these envelopes."""
        await self._gate.run(offers)

    async def _process(self, items: Sequence[Item]) -> None:
        decisions = [await self._decide(item) for item in items]
        outgoing = self._outgoing(items, decisions)
        if outgoing:
            await self._queue.send(DELIVER_QUEUE, outgoing)
        await self._ledger.progress([self._progress(*pair) for pair in zip(items, decisions, strict=True)])
        passed = [
            Passed(item.run, item.message, sum(decision.is_wanted for decision in decided))
            for item, decided in zip(items, decisions, strict=True)
            if item.run != LIVE
        ]
        if passed:
            await self._replays.mark_passed(passed)

    async def preview(self, item: Item, canonical: bytes) -> list[DestinationId]:
        """Return the destinations that the message would go to now, as this record; nothing is remembered."""
        record = open_record(canonical) if reports_results(item) else None
        return [decision.destination for decision in await self._select(item, record) if decision.is_wanted]

    async def _decide(self, item: Item) -> list[Decision]:
        """Return the decisions, and remember who is sent a report."""
        interface = self._registry.interfaces[item.interface]
        record = await self._originals.record_of(item) if looks_inside(interface) else None
        decided = await self._restrict(item, await self._select(item, record))
        if record is not None:
            await self._originals.remember(item, interface, record, decided)
        return decided

    async def _select(self, item: Item, record: KeptRecord | None) -> list[Decision]:
        interface = self._registry.interfaces[item.interface]
        if not looks_inside(interface):
            return select_routes(item.type, interface, _unread)
        message = parse(await self._archive.get(item.raw), interface.charset)
        decided = select_routes(item.type, interface, lambda: message)
        return decided if record is None else await self._originals.follow(record, decided)

    async def _restrict(self, item: Item, decided: list[Decision]) -> list[Decision]:
        """Return the decisions for the destinations that the item's replay is for."""
        if item.run == LIVE:
            return decided
        replay = await self._replays.get(item.run)
        reached = replay.destinations if replay is not None else ()
        return [one for one in decided if one.destination in reached]

    def _outgoing(self, items: Sequence[Item], decisions: Sequence[list[Decision]]) -> list[Outgoing]:
        by_session: dict[SessionId, list[Item]] = {}
        for item, decided in zip(items, decisions, strict=True):
            for decision in decided:
                if decision.is_wanted:
                    for part in self._parts(item, decision.destination):
                        by_session.setdefault(self._session(part), []).append(part)
        return [
            Outgoing(encode_envelope(group), session, envelope_id(session, group))
            for session, all_items in by_session.items()
            for group in pack(all_items)
        ]

    def _parts(self, item: Item, destination: DestinationId) -> tuple[Item, ...]:
        """Return the delivery, with its tokens where the destination orders by key: a feed has one line for all."""
        delivery = item._replace(destination=destination, body=None)
        if self._registry.destinations[destination].order == "feed":
            return (delivery._replace(barrier=None),)
        return with_tokens(delivery)

    def _session(self, item: Item) -> SessionId:
        assert item.destination is not None
        concurrency = self._registry.destinations[item.destination].concurrency
        return deliver_session(item.destination, partition_of(item.message), concurrency)

    def _progress(self, item: Item, decided: list[Decision]) -> Progress:
        wanted = any(decision.is_wanted for decision in decided)
        state = MessageState.ROUTED if wanted else MessageState.FILTERED
        detail = "; ".join(f"{each.destination} {'yes' if each.is_wanted else 'no'}: {each.reason}" for each in decided)
        hop = Hop(item.message, self._clock.now(), "route", state.value, detail)
        return Progress(item.message, state, hop, run=item.run)

    async def _give_up(self, item: Item) -> None:
        hop = Hop(item.message, self._clock.now(), "route", PoisonMessage.code)
        step = Progress(item.message, MessageState.QUARANTINED, hop, code=PoisonMessage.code, run=item.run)
        await self._ledger.progress([step])
        if item.run != LIVE:
            await self._replays.mark_passed([Passed(item.run, item.message, 0, PoisonMessage.code)])


def _unread() -> NoReturn:
    raise AssertionError("a route looked into a message that was not read")
