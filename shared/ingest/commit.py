"""Commit what was recognised: archive, number, enqueue (rule R1); what comes together is committed together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from shared.ingest.duplicates import Sent, duplicate_key
from shared.message.barrier import barrier_of
from shared.message.envelope import ArchiveRef, Item, encode_envelope, envelope_id, pack, with_tokens
from shared.message.errors.base import IntegrationError
from shared.message.errors.pipeline import NotForThisStage
from shared.message.finding import Finding
from shared.message.identifiers import OrderingKey, new_message_id, partition_for, partition_of
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.queues import TRANSFORM_QUEUE
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation
from shared.message.state import UNSENT, MessageState
from shared.observe.log import log_failure
from shared.ports import Archive, Barriers, Clock, Intake, Ledger, Outgoing, Parcel, Queue

if TYPE_CHECKING:
    from shared.registry import Interface

# While some wait for the disk others are made ready; more would only make the groups smaller.
GROUPS_UNDER_WAY = 4
# The mark is bookkeeping for the sweep and for duplicates: a few milliseconds' worth of messages share one write.
MARK_AFTER_SECONDS = 0.02


@dataclass(slots=True)
class Taken:
    """One message of a request on its way through ingest.

    Attributes:
        body: As received.
        message: Its header: the same without its long values, where it is HL7.
        others: The other ordering keys that it is in order with (rule R7).
    """

    body: bytes
    message: Sent
    interface: Interface
    refusal: IntegrationError | None
    key: OrderingKey
    others: tuple[OrderingKey, ...] = ()
    reservation: Reservation | None = None

    @property
    def record(self) -> MessageRecord:
        assert self.reservation is not None
        return self.reservation.record

    @property
    def is_reserved(self) -> bool:
        """Whether it is in the ledger and no further: new, or begun by a request that did not end."""
        return self.record.state in UNSENT

    def answer_as_before(self) -> None:
        """Refuse what was refused when its number came first, and nothing else that came before."""
        if self.reservation is None or self.is_reserved:
            return
        was_refused = self.record.state is MessageState.REFUSED
        self.refusal = (self.refusal or NotForThisStage("MSH-11")) if was_refused else None


class _Request(NamedTuple):
    """The messages of one request, in order, and who waits for them."""

    taken: Sequence[Taken]
    committed: asyncio.Future[None]


class Committer:
    """Makes messages durable, in groups: a group is whatever came while the one before it was under way."""

    def __init__(
        self,
        *,
        clock: Clock,
        archive: Archive,
        ledger: Ledger,
        barriers: Barriers,
        queue: Queue,
        intake: Intake | None,
        partitions: int,
        inline_limit_bytes: int,
    ) -> None:
        self._clock = clock
        self._archive = archive
        self._ledger = ledger
        self._barriers = barriers
        self._queue = queue
        self._intake = intake
        self._partitions = partitions
        self._inline_limit = inline_limit_bytes
        self._waiting: list[_Request] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._to_mark: list[Progress] = []
        self._marking: asyncio.Task[None] | None = None

    async def commit(self, taken: Sequence[Taken]) -> None:
        """Return once all of them are archived, numbered and in the queue.

        Raises:
            IntegrationError: a store failed; nothing of the request may be acknowledged.
        """
        request = _Request(taken, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if len(self._under_way) < GROUPS_UNDER_WAY:
            self._under_way.add(asyncio.create_task(self._commit_groups()))
        await request.committed

    async def commit_stream(self, first: SourceSequence, taken: Sequence[Taken | None]) -> None:
        """Return once consecutive messages of a connector's stream are archived, in the ledger and in the queue.

        A message whose number is empty already has no reservation then, and is not kept.

        Args:
            taken: None: the number stays empty.
        Raises:
            StreamOutOfStep: a number before them is missing.
            IntegrationError: a store failed; nothing of the request may be acknowledged.
        """
        for begin, end in _runs(taken):
            await self._follow(first._replace(n=first.n + begin), taken[begin:end])
        kept = [each for each in taken if each is not None and each.reservation is not None]
        await self._enqueue([each for each in kept if _is_to_send(each)])
        await self._record_refusals([each for each in kept if each.refusal is not None and each.is_reserved])

    async def _follow(self, first: SourceSequence, run: Sequence[Taken | None]) -> None:
        new = [each for each in run if each is not None]
        window = new[0].interface.duplicate.window_hours * 3600 if new else 0
        refs = iter(await self._archive.put(new[0].interface.id, [each.body for each in new]) if new else ())
        arrivals = [None if each is None else self._arrival(each, next(refs)) for each in run]
        for each, reservation in zip(run, await self._ledger.follow(first, arrivals, window), strict=True):
            if each is not None:
                each.reservation = reservation
                each.answer_as_before()

    async def close(self) -> None:
        """Finish what was begun, and write the marks that are still waiting."""
        await asyncio.gather(*self._under_way)
        if self._marking is not None:
            await self._marking

    async def _commit_groups(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._commit_group(group)
        finally:  # at once, not by a callback of the task: whoever comes in between would wait for nobody
            self._under_way.discard(task)

    async def _commit_group(self, group: Sequence[_Request]) -> None:
        try:
            await self._commit([each for request in group for each in request.taken])
        except BaseException as error:  # whatever it was, nobody of the group may be acknowledged
            _settle(group, error)
            if not isinstance(error, Exception):
                raise
        else:
            _settle(group, None)

    async def _commit(self, taken: Sequence[Taken]) -> None:
        left: list[Taken] = []
        for interface_id in dict.fromkeys(each.interface.id for each in taken):
            group = [each for each in taken if each.interface.id == interface_id]
            interface = group[0].interface
            refs = await self._archive.put(interface_id, [each.body for each in group])
            arrivals = [self._arrival(each, ref) for each, ref in zip(group, refs, strict=True)]
            window = interface.duplicate.window_hours * 3600
            # A barrier is recorded between its number and its sending (rule R7).
            if self._intake is not None and not any(each.others for each in group):
                await self._intake.take(arrivals, window, TRANSFORM_QUEUE, partial(self._parcel, group))
            else:
                _answer(group, await self._ledger.reserve(arrivals, window))
                left += group
        await self._enqueue([each for each in left if _is_to_send(each)])
        await self._record_refusals([each for each in left if each.refusal is not None])

    def _parcel(self, group: Sequence[Taken], reservations: Sequence[Reservation]) -> Parcel:
        """Return what `_enqueue` and `_record_refusals` would do with messages that were numbered."""
        _answer(group, reservations)
        to_send = [each for each in group if _is_to_send(each)]
        refused = [each for each in group if each.refusal is not None]
        outgoing = self._outgoing([self._item(each) for each in to_send])
        return Parcel(outgoing, [*self._marks(to_send), *self._refusals(refused)])

    def _arrival(self, taken: Taken, ref: ArchiveRef) -> Arrival:
        message, interface = taken.message, taken.interface
        now = self._clock.now()
        partition = partition_for(taken.key, self._partitions)
        return Arrival(
            message=new_message_id(partition, now, secrets.token_bytes(10)),
            interface=interface.id,
            source=interface.id,
            key=taken.key,
            mapping=interface.mapping.version,
            raw=ref,
            duplicate_key=duplicate_key(interface.id, interface.duplicate.key, message, ref.sha256),
            control_id=message.control_id,
            type=f"{message.code}^{message.event}",
            received=now,
        )

    async def _enqueue(self, taken: Sequence[Taken]) -> None:
        """Send what is new, and what an earlier attempt reserved but may not have sent."""
        outgoing = self._outgoing(await self._items(taken))
        if outgoing:
            await self._queue.send(TRANSFORM_QUEUE, outgoing)
            self._mark_queued(taken)

    def _outgoing(self, items: Sequence[Item]) -> list[Outgoing]:
        by_partition: dict[int, list[Item]] = {}
        for item in items:
            for part in with_tokens(item):
                by_partition.setdefault(partition_of(part.message), []).append(part)
        return [
            Outgoing(encode_envelope(envelope), str(partition), envelope_id(str(partition), envelope))
            for partition, group in by_partition.items()
            for envelope in pack(group, self._inline_limit)
        ]

    async def _items(self, taken: Sequence[Taken]) -> list[Item]:
        """Return what to send, in order; a barrier is recorded before any part of it is sent (rule R7)."""
        items = [self._item(each) for each in taken]
        if not any(each.others for each in taken):
            return items
        opened = iter(await self._barriers.open([item for item in items if item.barrier is not None]))
        return [item if item.barrier is None else next(opened) for item in items]

    def _item(self, taken: Taken) -> Item:
        record = taken.record
        item = record.item(body=taken.body if len(taken.body) <= self._inline_limit else None)
        if not taken.others:
            return item
        return item._replace(barrier=barrier_of(record.message, (record.key, *taken.others), self._partitions))

    def _mark_queued(self, taken: Sequence[Taken]) -> None:
        self._to_mark += self._marks(taken)
        if self._marking is None:
            self._marking = asyncio.create_task(self._write_marks())

    def _marks(self, taken: Sequence[Taken]) -> Iterator[Progress]:
        now = self._clock.now()
        for each in taken:
            hop = Hop(each.record.message, now, "ingest", "queued")
            yield Progress(each.record.message, MessageState.QUEUED, hop, findings=_findings(each))

    async def _write_marks(self) -> None:
        await asyncio.sleep(MARK_AFTER_SECONDS)
        try:
            while self._to_mark:
                marks, self._to_mark = self._to_mark, []
                await self._ledger.progress(marks)
        except IntegrationError as error:  # the messages are in the queue: what moves them on marks them again
            log_failure("marks_lost", error)
        finally:
            self._marking = None

    async def _record_refusals(self, taken: Sequence[Taken]) -> None:
        if steps := list(self._refusals(taken)):
            await self._ledger.progress(steps)

    def _refusals(self, taken: Sequence[Taken]) -> Iterator[Progress]:
        for each in taken:
            assert each.refusal is not None
            hop = Hop(each.record.message, self._clock.now(), "ingest", each.refusal.code, each.refusal.where)
            yield Progress(each.record.message, MessageState.REFUSED, hop, code=each.refusal.code)


def _answer(group: Sequence[Taken], reservations: Sequence[Reservation]) -> None:
    for each, reservation in zip(group, reservations, strict=True):
        each.reservation = reservation


def _settle(group: Sequence[_Request], failure: BaseException | None) -> None:
    for request in group:
        if request.committed.done():  # whoever waited has gone
            continue
        if failure is None:
            request.committed.set_result(None)
        elif isinstance(failure, asyncio.CancelledError):
            request.committed.cancel()
        else:
            request.committed.set_exception(failure)


def _runs(taken: Sequence[Taken | None]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each run of one interface: what is archived and counted together stays in order."""
    begin, interface = 0, None
    for at, each in enumerate(taken):
        if each is not None and interface is not None and each.interface.id != interface:
            yield begin, at
            begin = at
        interface = each.interface.id if each is not None else interface
    yield begin, len(taken)


def _is_to_send(taken: Taken) -> bool:
    return taken.refusal is None and taken.is_reserved


def _findings(taken: Taken) -> tuple[Finding, ...]:
    assert taken.reservation is not None
    found = (
        (taken.reservation.reuses_key, Finding("control_id_reused", ", ".join(taken.interface.duplicate.key))),
        (taken.reservation.is_late, Finding("message_late", "")),
    )
    return tuple(finding for is_so, finding in found if is_so)
