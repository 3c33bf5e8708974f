"""Take messages: recognise and commit them; only then acknowledge (rule R1)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from shared.hl7 import Message, parse
from shared.hl7.ack import build_ack
from shared.hl7.batch import holds_several, split_batch
from shared.hl7.echo import ECHO_BEGINS, is_echo, read_echo
from shared.hl7.long_values import set_aside
from shared.ingest.commit import Committer, Taken
from shared.ingest.ordering import OrderingKeys
from shared.ingest.receive_fhir import FhirIngest
from shared.ingest.reply import Acknowledged, Reply, reply_with
from shared.ingest.traffic import Traffic
from shared.ingest.validity import refusal_of
from shared.message.beat import Heard
from shared.message.errors.base import Acknowledgement, IntegrationError
from shared.message.errors.connector import StreamNotYours, StreamOutOfStep
from shared.message.errors.hl7 import CharsetUnsupported, ContentUndecodable
from shared.message.errors.pipeline import InterfaceRetired, RequestInvalid, UnknownSender
from shared.message.identifiers import InterfaceId
from shared.message.record import MessageRecord
from shared.message.stream import STREAM_HEADER, StreamPlace, read_stream_header
from shared.observe.log import log, log_failure
from shared.ports import Clock, Fleet

if TYPE_CHECKING:
    from shared.registry import Interface, Registry

T = TypeVar("T")

EVERY_BYTE = "8859/1"  # the charset in which no byte is undecodable


class Ingest:
    """The use case behind ``POST /ingest``."""

    def __init__(
        self,
        *,
        clock: Clock,
        registry: Registry,
        keys: OrderingKeys,
        committer: Committer,
        traffic: Traffic,
        fleet: Fleet,
        fhir: FhirIngest,
    ) -> None:
        self._clock = clock
        self._registry = registry
        self._keys = keys
        self._committer = committer
        self._traffic = traffic
        self._fleet = fleet
        self.fhir = fhir

    async def take(self, body: bytes, interface: InterfaceId | None = None) -> Reply:
        """Return the acknowledgement of one message, or of each message of a batch, once all of them are durable.

        A batch is never rejected whole: each message is answered by itself, in order.

        Args:
            body: HL7 v2 as received, one message or a batch.
            interface: The interface that the sender addressed; None: the message's header decides.
        """
        # Several in one frame without the header of a batch are no HL7, but refused they would come again for ever.
        bodies = split_batch(body).messages if holds_several(body) else [body]
        answers: list[Acknowledged | None] = []
        taken: list[Taken] = []
        for outcome in await _side_by_side([self._recognise(each, interface) for each in bodies]):
            if isinstance(outcome, Taken):
                taken.append(outcome)
                answers.append(None)
            else:
                answers.append(outcome)
        if taken:
            await self._committer.commit(taken)
            self._traffic.heard(each.interface for each in taken)
        accepted = iter([self._acknowledge(each) for each in taken])
        return reply_with([answer if answer is not None else next(accepted) for answer in answers])

    async def take_stream(self, stream: str, body: bytes, caller: str, interface: InterfaceId | None = None) -> Reply:
        """Return the acknowledgements of consecutive messages of a connector's stream, once all of them are durable.

        A number that came before is answered as it was then. 409: a number before these is missing. 410: one of
        them stays empty. 403: the stream is another caller's. 400: one of its messages cannot be read. With the last
        two nothing of the request was looked at.

        Args:
            stream: The header that names their places.
            caller: Who sends, as the host has found out.
        """
        try:
            place = read_stream_header(stream)
            bodies = _bodies_of(place, body)
            await self._claim(place, caller)
            outcomes = await _side_by_side([self._recognise_in(place, each, interface) for each in bodies])
        except RequestInvalid:
            return Reply(400, b"")
        except StreamNotYours as error:
            log_failure("stream_not_yours", error, stream=place.first.source)
            return Reply(403, b"", headers={STREAM_HEADER: str(place)})
        told = {STREAM_HEADER: str(place)}
        if any(isinstance(each, Acknowledged) and not each.code for each in outcomes):
            return Reply(400, b"", headers=told)
        taken = [each if isinstance(each, Taken) else None for each in outcomes]
        try:
            await self._committer.commit_stream(place.first, taken or [None])
        except StreamOutOfStep as error:
            log_failure("stream_out_of_step", error, stream=place.first.source)
            return Reply(409, b"", headers=told)
        self._traffic.heard(each.interface for each in taken if each is not None)
        if any(each is not None and each.reservation is None for each in taken):
            return Reply(410, b"", headers=told)
        if place.is_void:
            return Reply(200, b"", headers=told)
        said = [each if isinstance(each, Acknowledged) else self._acknowledge(each) for each in outcomes]
        return replace(reply_with(said), headers=told)

    async def take_corrected(self, body: bytes, interface: InterfaceId) -> MessageRecord:
        """Take one message that a person corrected, once it is durable, as if its sender had sent it so.

        Raises:
            RequestInvalid: it is none that the interface takes.
        """
        found = self._registry.interfaces.get(interface)
        if found is not None and found.fhir is not None:
            return await self.fhir.take_corrected(body, found)
        outcome = await self._recognise(body, interface)
        if not isinstance(outcome, Taken) or outcome.refusal is not None:
            raise RequestInvalid("the corrected message is none that its interface takes")
        await self._committer.commit([outcome])
        return outcome.record

    async def close(self) -> None:
        """Finish what was begun."""
        await self._committer.close()

    async def _recognise(self, body: bytes, addressed: InterfaceId | None) -> Taken | Acknowledged:
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
        key, *others = await self._keys.keys_of(message, interface)
        return Taken(body, message, interface, refusal_of(message, interface), key, tuple(others))

    async def _recognise_in(
        self, place: StreamPlace, body: bytes, addressed: InterfaceId | None
    ) -> Taken | Acknowledged:
        """Return the same for a message of a connector's stream; its echo is answered here: it has no other way."""
        if body.startswith(ECHO_BEGINS):
            message = _read(body)
            beat = read_echo(message) if is_echo(message) else None
            if beat is not None and beat.connector == place.connector:
                await self._fleet.hear(Heard(beat, self._clock.now()))
                return self._answer(message, Acknowledgement.APPLICATION_ACCEPT, None)
        return await self._recognise(body, addressed)

    async def _claim(self, place: StreamPlace, caller: str) -> None:
        """Let nobody send under the name of another: a number that he took would be missing to its owner."""
        if await self._fleet.claim(place.connector, caller) != caller:
            raise StreamNotYours(place.connector)

    def _interface_of(self, message: Message, addressed: InterfaceId | None) -> Interface:
        found = self._registry.interfaces.get(addressed) if addressed is not None else self._registry.match(message)
        if found is None or found.fhir is not None:
            raise UnknownSender("MSH-3, MSH-4, MSH-9")
        if found.lifecycle == "retired":
            raise InterfaceRetired(found.id)
        return found

    def _acknowledge(self, taken: Taken) -> Acknowledged:
        assert isinstance(taken.message, Message)  # FHIR has its own answers
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


async def _side_by_side(each: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what they return; begun in order, so that whom the messages of a batch are about is asked in one step."""
    return await asyncio.gather(*each) if len(each) > 1 else [await one for one in each]  # one needs no task


def _read(body: bytes) -> Message:
    """Return the message as far as ingest needs it: header and ordering key, without long values."""
    short = set_aside(body).short
    try:
        return parse(short)
    except (CharsetUnsupported, ContentUndecodable):
        # It is taken all the same: transform reads it in the interface's own charset, or quarantines it. A sender
        # that is refused for one name would send it for ever, and nothing behind it.
        return parse(short, EVERY_BYTE)


def _bodies_of(place: StreamPlace, body: bytes) -> list[bytes]:
    """Return the messages of a connector's request, one for each number.

    Raises:
        RequestInvalid: there are more, or fewer.
    """
    if place.is_void:
        bodies = [body] if body else []
    else:
        bodies = list(split_batch(body).messages) if place.numbers > 1 else [body]
    if len(bodies) != (0 if place.is_void else place.numbers):
        raise RequestInvalid(STREAM_HEADER)
    return bodies
