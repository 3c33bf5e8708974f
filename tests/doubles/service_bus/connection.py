"""One AMQP connection of a client: frames in, frames out.

Source: OASIS AMQP 1.0, parts 2 and 5; Microsoft's "AMQP 1.0 in Azure Service Bus protocol guide" for claims-based
security, session filters and outcomes.
"""

from __future__ import annotations

import asyncio
import struct
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.ports import Clock
from tests.doubles.service_bus.amqp_decode import decode
from tests.doubles.service_bus.amqp_encode import encode, encode_list, performative, section, ushort
from tests.doubles.service_bus.amqp_types import Array, Described, Symbol, UByte, UInt, ULong
from tests.doubles.service_bus.attaching import MESSAGE_BYTES, Attaching, Fields
from tests.doubles.service_bus.bare_message import BareMessage
from tests.doubles.service_bus.broker import Broker
from tests.doubles.service_bus.entities import Entity, Queued, Refused, Waiter
from tests.doubles.service_bus.links import ReceivingLink, SendingLink, annotations_of
from tests.doubles.service_bus.management import answer_request

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
ACCEPTED, REJECTED, RELEASED, MODIFIED = range(0x24, 0x28)
SASL_MECHANISMS, SASL_OUTCOME = 0x40, 0x44
ERROR = 0x1D

BATCH_FORMAT = 0x80013700  # several messages in one transfer, each in a data section
FRAME_BYTES = 1 << 20
CREDIT = 1000
_NO_LIMIT = 1 << 30
_TICKS_1970 = 621_355_968_000_000_000  # of 100 ns since the year 1
_SASL_PROTOCOL = 3


@dataclass(slots=True)
class _Channel:
    """One AMQP session of the connection."""

    links: dict[int, ReceivingLink | SendingLink] = field(default_factory=dict)
    incoming: int = 0
    outgoing: int = 0


class Connection(asyncio.Protocol):
    """Speaks AMQP with one client.

    Args:
        claims: Counts the tokens that clients showed.
    """

    def __init__(self, broker: Broker, clock: Clock, claims: Counter[str]) -> None:
        self._broker, self._clock, self._claims = broker, clock, claims
        self._buffer = bytearray()
        self._channels: dict[int, _Channel] = {}
        self._answers: dict[str, SendingLink] = {}  # by the node that answers
        self._client_frame_bytes = 512
        self._transport: asyncio.Transport | None = None
        self.unsettled: dict[tuple[int, int], tuple[Entity, uuid.UUID]] = {}

    # The wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_links()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 8:
            if self._buffer[:4] == b"AMQP":
                self._greet(bytes(self._buffer[:8]))
                del self._buffer[:8]
                continue
            (size,) = struct.unpack_from(">I", self._buffer)
            if len(self._buffer) < size:
                return
            frame = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._read_frame(frame)

    def close(self) -> None:
        """End the connection as a failing network does."""
        if self._transport is not None:
            self._transport.abort()

    def _greet(self, header: bytes) -> None:
        self._write(header)
        if header[4] == _SASL_PROTOCOL:
            mechanisms = Array(0xA3, [Symbol("ANONYMOUS"), Symbol("EXTERNAL"), Symbol("MSSBCBS")])
            self._frame(0, performative(SASL_MECHANISMS, [mechanisms]), kind=1)

    def _read_frame(self, frame: bytes) -> None:
        offset, kind = frame[4] * 4, frame[5]
        (channel,) = struct.unpack_from(">H", frame, 6)
        body = frame[offset:]
        if not body:
            return  # a heartbeat
        spoken, end = decode(body)
        if kind == 1:
            self._frame(0, performative(SASL_OUTCOME, [UByte(0)]), kind=1)
        else:
            self._hear(channel, int(spoken.descriptor), Fields(spoken.value), body[end:])

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _frame(self, channel: int, body: bytes, payload: bytes = b"", kind: int = 0) -> None:
        head = struct.pack(">IBBH", 8 + len(body) + len(payload), 2, kind, channel)
        self._write(head + body + payload)

    # Performatives

    def _hear(self, channel: int, code: int, fields: Fields, payload: bytes) -> None:
        if code not in (OPEN, BEGIN, CLOSE) and channel not in self._channels:
            return  # a link that is detached after its session ended
        match code:
            case 0x10:
                self._client_frame_bytes = min(fields[2] or FRAME_BYTES, FRAME_BYTES)
                self._frame(0, performative(OPEN, ["double", None, UInt(FRAME_BYTES), None, UInt(120_000)]))
            case 0x11:
                self._begin(channel, fields)
            case 0x12:
                self._attach(channel, fields)
            case 0x13:
                self._flow(channel, fields)
            case 0x14:
                self._take_transfer(channel, fields, payload)
            case 0x15:
                self._settle(channel, fields)
            case 0x16:
                self._detach(channel, fields[0])
            case 0x17:
                self._end_links(channel)
                self._frame(channel, performative(END, []))
            case 0x18:
                self._end_links()
                self._frame(0, performative(CLOSE, []))
                if self._transport is not None:
                    self._transport.close()

    def _begin(self, channel: int, fields: Fields) -> None:
        self._channels[channel] = _Channel(incoming=fields[1] or 0)
        windows = [encode(UInt(0)), encode(UInt(_NO_LIMIT)), encode(UInt(_NO_LIMIT)), encode(UInt(4095))]
        self._frame(channel, section(BEGIN) + encode_list([ushort(channel), *windows]))

    def _end_links(self, only: int | None = None) -> None:
        for channel in [only] if only is not None else list(self._channels):
            for link in self._channels.pop(channel).links.values():
                link.detach()

    def _detach(self, channel: int, handle: int) -> None:
        link = self._channels[channel].links.pop(handle, None)
        if link is not None:
            link.detach()
            self._frame(channel, performative(DETACH, [UInt(handle), True]))

    def refuse_link(self, channel: int, handle: int, refusal: Refused) -> None:
        """Detach a link and say why."""
        if channel in self._channels:
            self._channels[channel].links.pop(handle, None)
            self._frame(channel, performative(DETACH, [UInt(handle), True, _error(refusal)]))

    # Links

    def _attach(self, channel: int, fields: Fields) -> None:
        attaching = Attaching(self, channel, fields)
        try:
            if attaching.client_receives:
                self._attach_receiver(attaching)
            else:
                self._attach_sender(attaching)
        except Refused as refusal:
            attaching.refuse(refusal)

    def _attach_sender(self, attaching: Attaching) -> None:
        if not _answers_requests(attaching.address):
            self._broker.get(attaching.address)
        link = ReceivingLink(attaching.handle, attaching.address)
        self._channels[attaching.channel].links[attaching.handle] = link
        attaching.confirm()
        self._grant(attaching.channel, link)

    def _attach_receiver(self, attaching: Attaching) -> None:
        link = SendingLink(self, attaching.channel, attaching.handle, attaching.settles_at_once)
        if _answers_requests(attaching.address):
            self._answers[attaching.address.lower()] = link
            self._channels[attaching.channel].links[attaching.handle] = link
            attaching.confirm()
            return
        link.entity = entity = self._broker.get(attaching.address)
        if attaching.session_filter is None:
            entity.attach(link)
            self._channels[attaching.channel].links[attaching.handle] = link
            attaching.confirm()
            return

        def granted(session: str | None) -> None:
            if session is None:
                attaching.refuse(Refused("com.microsoft:timeout", "no session became available in time"))
                return
            until = entity.session(session).locked_until
            assert until is not None
            ticks = _TICKS_1970 + self.milliseconds(until) * 10_000
            attaching.confirm(session, {Symbol("com.microsoft:locked-until-utc"): ticks})
            entity.pump()

        self._channels[attaching.channel].links[attaching.handle] = link
        session = entity.accept(attaching.session_filter.value, link)
        if session is not None:
            granted(session)
        else:
            until = time.monotonic() + attaching.timeout_milliseconds / 1000
            entity.wait_for_session(Waiter(link, until, granted))

    def attach_frame(self, channel: int, fields: list[Any]) -> None:
        """Confirm a link, or answer the one that is about to be refused."""
        self._frame(channel, performative(ATTACH, fields))

    # Flow and transfers

    def _grant(self, channel: int, link: ReceivingLink) -> None:
        link.credit = CREDIT
        state = [UInt(link.handle), UInt(link.delivered), UInt(CREDIT)]
        self._frame(channel, performative(FLOW, [*self._windows(channel), *state]))

    def _windows(self, channel: int) -> list[UInt]:
        session = self._channels[channel]
        return [UInt(session.incoming), UInt(_NO_LIMIT), UInt(session.outgoing), UInt(_NO_LIMIT)]

    def _flow(self, channel: int, fields: Fields) -> None:
        link = self._channels[channel].links.get(fields[4])
        if not isinstance(link, SendingLink):
            return
        link.credit = (fields[5] or 0) + (fields[6] or 0) - link.delivered
        if link.entity is not None:
            link.entity.pump()
        if fields[8]:  # drain: what is not there now is not waited for
            link.delivered += max(0, link.credit)
            link.credit = 0
            state = [UInt(link.handle), UInt(link.delivered), UInt(0), None, True]
            self._frame(channel, performative(FLOW, [*self._windows(channel), *state]))

    def transfer(self, channel: int, handle: int, tag: bytes, payload: bytes, settled: bool) -> int:
        """Send a message, in as many frames as it needs; return its delivery number."""
        session = self._channels[channel]
        number = session.outgoing
        room = self._client_frame_bytes - 64
        for start in range(0, max(len(payload), 1), room):
            part, has_more = payload[start : start + room], start + room < len(payload)
            session.outgoing += 1
            fields = [UInt(handle), UInt(number), tag, UInt(0), settled, has_more]
            self._frame(channel, section(TRANSFER) + encode_list([encode(one) for one in fields]), part)
        session.outgoing = number + 1
        return number

    def _take_transfer(self, channel: int, fields: Fields, payload: bytes) -> None:
        session = self._channels[channel]
        session.incoming += 1
        link = session.links[fields[0]]
        assert isinstance(link, ReceivingLink)
        if link.partial is None:
            link.delivery, link.partial = (fields[1], fields[3] or 0, bool(fields[4])), b""
        link.partial += payload
        if fields[5]:
            return
        content, link.partial = link.partial, None
        number, message_format, is_settled = link.delivery
        link.delivered += 1
        link.credit -= 1
        outcome = self._accept(channel, link.address, message_format, content)
        if not is_settled:
            self._frame(channel, performative(DISPOSITION, [True, UInt(number), UInt(number), True, outcome]))
        if link.credit < CREDIT // 2:
            self._grant(channel, link)

    def _accept(self, channel: int, address: str, message_format: int, content: bytes) -> Described:
        try:
            if len(content) > MESSAGE_BYTES:
                raise Refused("amqp:link:message-size-exceeded", "the message is larger than the limit")
            if _answers_requests(address):
                self._answer(address, content)
            else:
                entity = self._broker.get(address)
                for one in _messages(content) if message_format == BATCH_FORMAT else [content]:
                    entity.put(BareMessage(one))
        except Refused as refusal:
            return Described(ULong(REJECTED), [_error(refusal)])
        return Described(ULong(ACCEPTED), [])

    def _answer(self, address: str, content: bytes) -> None:
        request = BareMessage(content)
        answer = answer_request(request, address, self._broker, self._claims, self)
        link = self._answers.get(address.lower())
        if link is not None:
            link.answer(answer)

    # Outcomes

    def _settle(self, channel: int, fields: Fields) -> None:
        if not fields[0]:
            return  # of what we sent as a client would: nothing is kept
        first = fields[1]
        last = fields[2] if fields[2] is not None else first
        outcome = fields[4] if fields[4] is not None else Described(ULong(ACCEPTED), [])
        for number in range(first, last + 1):
            result = Described(outcome.descriptor, [])
            held = self.unsettled.pop((channel, number), None)
            try:
                if held is not None:
                    _apply(outcome, *held)
            except Refused as refusal:
                result = Described(ULong(REJECTED), [_error(refusal)])
            if not fields[3]:
                self._frame(channel, performative(DISPOSITION, [False, UInt(number), UInt(number), True, result]))

    # Messages as the client sees them

    def wire(self, message: Queued, *, is_locked: bool = True) -> bytes:
        """Return a message with what the broker says of it."""
        earlier = max(0, message.deliveries - 1)
        return message.content.encode(earlier, annotations_of(message, self.milliseconds, is_locked=is_locked))

    def milliseconds(self, moment: datetime) -> int:
        """Return a moment of the broker's clock by the client's, which is the real one."""
        return round((datetime.now(UTC) + (moment - self._clock.now())).timestamp() * 1000)


def _answers_requests(address: str) -> bool:
    return address == "$cbs" or address.lower().endswith("/$management")


def _messages(batch: bytes) -> list[bytes]:
    """Return the messages of a batch: each is the binary of a data section."""
    found, at = [], 0
    while at < len(batch):
        part, at = decode(batch, at)
        if int(part.descriptor) == 0x75:
            found.append(part.value)
    return found


def _error(refusal: Refused) -> Described:
    return Described(ULong(ERROR), [Symbol(refusal.condition), refusal.text, None])


def _apply(outcome: Described, entity: Entity, token: uuid.UUID) -> None:
    """Settle a message as the client says.

    Raises:
        Refused: its lock is gone.
    """
    match int(outcome.descriptor):
        case 0x24:
            entity.complete(token)
        case 0x25:
            error = outcome.value[0].value if outcome.value and outcome.value[0] else []
            said = (error[2] if len(error) > 2 else None) or {}
            entity.dead_letter(token, said.get("DeadLetterReason") or "", said.get("DeadLetterErrorDescription") or "")
        case 0x26:
            entity.release(token)
        case 0x27:
            entity.abandon(token)
