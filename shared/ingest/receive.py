"""Take messages: archive, number, enqueue; only then acknowledge (rule R1)."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.hl7 import Message, parse
from shared.hl7.ack import build_ack
from shared.hl7.batch import split_batch
from shared.ingest.duplicates import duplicate_key
from shared.ingest.ordering import OrderingKeys
from shared.ingest.reply import Acknowledged, Reply, reply_with
from shared.message.envelope import ArchiveRef, Item, encode_envelope, pack
from shared.message.errors import (
    Acknowledgement,
    CharsetUnsupported,
    ContentUndecodable,
    IntegrationError,
    InterfaceRetired,
    NotForThisStage,
    UnknownSender,
)
from shared.message.finding import Finding
from shared.message.identifiers import (
    LIVE,
    InterfaceId,
    OrderingKey,
    new_message_id,
    partition_for,
    partition_of,
)
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation
from shared.message.state import MessageState
from shared.observe.log import log, log_failure
from shared.ports import Archive, Clock, Ledger, Outgoing, Queue

if TYPE_CHECKING:
    from shared.registry import Interface, Registry

TRANSFORM_QUEUE = "transform"
EVERY_BYTE = "8859/1"  # the charset in which no byte is undecodable

# The mark is bookkeeping for the sweep and for duplicates: a few milliseconds' worth of messages share one write.
_MARK_AFTER_SECONDS = 0.02


@dataclass(slots=True)
class _Taken:
    """One message of a request on its way through ingest."""

    message: Message
    interface: Interface
    refusal: IntegrationError | None
    key: OrderingKey
    reservation: Reservation | None = None

    @property
    def record(self) -> MessageRecord:
        assert self.reservation is not None
        return self.reservation.record


class Ingest:
    """The use case behind ``POST /ingest``."""

    def __init__(
        self,
        *,
        clock: Clock,
        archive: Archive,
        ledger: Ledger,
        queue: Queue,
        registry: Registry,
        keys: OrderingKeys,
        partitions: int,
        inline_limit_bytes: int,
    ) -> None:
        self._clock = clock
        self._archive = archive
        self._ledger = ledger
        self._queue = queue
        self._registry = registry
        self._keys = keys
        self._partitions = partitions
        self._inline_limit = inline_limit_bytes
        self._to_mark: list[Progress] = []
        self._marking: asyncio.Task[None] | None = None

    async def take(self, body: bytes, interface: InterfaceId | None = None) -> Reply:
        """Return the acknowledgement of one message, or of each message of a batch, once all of them are durable.

        A batch is never rejected whole: each message is answered by itself, in order.

        Args:
            body: HL7 v2 as received, one message or a batch.
            interface: The interface that the sender addressed; None: the message's header decides.
        """
        bodies = split_batch(body).messages if _is_batch(body) else [body]
        answers: list[Acknowledged | None] = []
        taken: list[_Taken] = []
        for each in bodies:
            outcome = await self._recognise(each, interface)
            if isinstance(outcome, _Taken):
                taken.append(outcome)
                answers.append(None)
            else:
                answers.append(outcome)
        accepted = iter(await self._commit(taken))
        return reply_with([answer if answer is not None else next(accepted) for answer in answers])

    async def close(self) -> None:
        """Write the marks that are still waiting."""
        if self._marking is not None:
            await self._marking

    async def _recognise(self, body: bytes, addressed: InterfaceId | None) -> _Taken | Acknowledged:
        try:
            message = _read(body)
        except IntegrationError as error:
            log("message_unreadable", code=error.code)
            return Acknowledged(Acknowledgement.NONE, b"")
        try:
            interface = self._interface_of(message, addressed)
        except IntegrationError as error:
            log("message_refused", code=error.code)
            return self._answer(message, error.acknowledgement, error)
        return _Taken(message, interface, _refusal(message, interface), await self._keys.key_of(message, interface))

    def _interface_of(self, message: Message, addressed: InterfaceId | None) -> Interface:
        found = self._registry.interfaces.get(addressed) if addressed is not None else self._registry.match(message)
        if found is None:
            raise UnknownSender("MSH-3, MSH-4, MSH-9")
        if found.lifecycle == "retired":
            raise InterfaceRetired(found.id)
        return found

    async def _commit(self, taken: list[_Taken]) -> list[Acknowledged]:
        if not taken:
            return []
        await self._reserve(taken)
        await self._enqueue([each for each in taken if _is_to_send(each)])
        await self._record_refusals([each for each in taken if each.refusal is not None])
        return [self._acknowledge(each) for each in taken]

    async def _reserve(self, taken: list[_Taken]) -> None:
        for interface_id in dict.fromkeys(each.interface.id for each in taken):
            group = [each for each in taken if each.interface.id == interface_id]
            interface = group[0].interface
            refs = await self._archive.put(interface_id, [each.message.raw for each in group])
            arrivals = [self._arrival(each, ref) for each, ref in zip(group, refs, strict=True)]
            window = interface.duplicate.window_hours * 3600
            for each, reservation in zip(group, await self._ledger.reserve(arrivals, window), strict=True):
                each.reservation = reservation

    def _arrival(self, taken: _Taken, ref: ArchiveRef) -> Arrival:
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
            duplicate_key=duplicate_key(interface.id, interface.duplicate.key, message),
            control_id=message.control_id,
            type=f"{message.code}^{message.event}",
            received=now,
        )

    async def _enqueue(self, taken: Sequence[_Taken]) -> None:
        """Send what is new, and what an earlier attempt reserved but may not have sent."""
        by_partition: dict[int, list[Item]] = {}
        for each in taken:
            by_partition.setdefault(partition_of(each.record.message), []).append(self._item(each))
        outgoing = [
            Outgoing(encode_envelope(items), str(partition), items[0].message)
            for partition, group in by_partition.items()
            for items in pack(group, self._inline_limit)
        ]
        if outgoing:
            await self._queue.send(TRANSFORM_QUEUE, outgoing)
            self._mark_queued(taken)

    def _item(self, taken: _Taken) -> Item:
        record = taken.record
        return item_of(record, taken.message.raw if len(taken.message.raw) <= self._inline_limit else None)

    def _mark_queued(self, taken: Sequence[_Taken]) -> None:
        now = self._clock.now()
        for each in taken:
            hop = Hop(each.record.message, now, "ingest", "queued")
            findings = (Finding("control_id_reused", "MSH-10"),) if _reuses_key(each) else ()
            self._to_mark.append(Progress(each.record.message, MessageState.QUEUED, hop, findings=findings))
        if self._marking is None:
            self._marking = asyncio.create_task(self._write_marks())

    async def _write_marks(self) -> None:
        await asyncio.sleep(_MARK_AFTER_SECONDS)
        try:
            while self._to_mark:
                marks, self._to_mark = self._to_mark, []
                await self._ledger.progress(marks)
        except IntegrationError as error:  # the messages are in the queue: what moves them on marks them again
            log_failure("marks_lost", error)
        finally:
            self._marking = None

    async def _record_refusals(self, taken: Sequence[_Taken]) -> None:
        steps = []
        for each in taken:
            assert each.refusal is not None
            hop = Hop(each.record.message, self._clock.now(), "ingest", each.refusal.code, each.refusal.where)
            steps.append(Progress(each.record.message, MessageState.REFUSED, hop, code=each.refusal.code))
        if steps:
            await self._ledger.progress(steps)

    def _acknowledge(self, taken: _Taken) -> Acknowledged:
        if taken.refusal is not None:
            return self._answer(taken.message, taken.refusal.acknowledgement, taken.refusal, taken.record)
        return self._answer(taken.message, Acknowledgement.APPLICATION_ACCEPT, None, taken.record)

    def _answer(
        self,
        message: Message,
        code: Acknowledgement,
        error: IntegrationError | None,
        record: MessageRecord | None = None,
    ) -> Acknowledged:
        # The hub's own control id and time come from the record: a duplicate hears the first acknowledgement again.
        control_id = record.message if record else hashlib.sha256(message.raw).hexdigest()[:20]
        now = record.received if record else self._clock.now()
        return Acknowledged(code.value, build_ack(message, code, control_id[-20:], now, error))


def item_of(record: MessageRecord, body: bytes | None) -> Item:
    """Return the queue item of a recorded message, live run."""
    return Item(
        message=record.message,
        interface=record.interface,
        sequence=record.sequence,
        key=record.key,
        run=LIVE,
        type=record.type,
        mapping=record.mapping,
        raw=record.raw,
        body=body,
    )


def _read(body: bytes) -> Message:
    """Return the message as far as ingest needs it: header and ordering key."""
    try:
        return parse(body)
    except (CharsetUnsupported, ContentUndecodable):
        # It is taken all the same: transform reads it in the interface's own charset, or quarantines it. A sender
        # that is refused for one name would send it for ever, and nothing behind it.
        return parse(body, EVERY_BYTE)


def _is_batch(body: bytes) -> bool:
    """Tell whether a body holds several messages, with the header of a batch or without it.

    Several in one frame are no HL7, but refused they would come again for ever.
    """
    return body.startswith((b"FHS", b"BHS")) or b"\rMSH" in body or b"\nMSH" in body


def _refusal(message: Message, interface: Interface) -> IntegrationError | None:
    if interface.accepts and message.processing_id not in interface.accepts:
        return NotForThisStage("MSH-11")
    return None


def _is_to_send(taken: _Taken) -> bool:
    return taken.refusal is None and taken.record.state is MessageState.RESERVED


def _reuses_key(taken: _Taken) -> bool:
    return taken.reservation is not None and taken.reservation.reuses_key
