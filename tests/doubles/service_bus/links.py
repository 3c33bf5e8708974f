"""The links of a session: what the client sends on, and what it receives on."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.doubles.service_bus.amqp_types import Int, Symbol, Timestamp
from tests.doubles.service_bus.entities import Entity, Queued, Refused

if TYPE_CHECKING:
    from tests.doubles.service_bus.connection import Connection


class ReceivingLink:
    """The client sends on it."""

    def __init__(self, handle: int, address: str) -> None:
        self.handle, self.address = handle, address
        self.delivered = 0
        self.credit = 0
        self.partial: bytes | None = None  # of a message in several frames
        self.delivery: tuple[int, int, bool] = (0, 0, False)  # id, format, settled

    def detach(self) -> None:
        """Nothing is held for the client here."""


class SendingLink:
    """The client receives on it: messages of a queue, or answers to requests."""

    def __init__(self, connection: Connection, channel: int, handle: int, settles_at_once: bool) -> None:
        self._connection = connection
        self.channel, self.handle = channel, handle
        self.settles_at_once = settles_at_once
        self.credit = 0
        self.delivered = 0
        self.entity: Entity | None = None
        self._is_detached = False

    def deliver(self, message: Queued) -> None:
        """Hand out a message under its lock."""
        assert message.token is not None
        number = self._transfer(message.token.bytes_le, self._connection.wire(message), self.settles_at_once)
        if not self.settles_at_once and self.entity is not None:
            self._connection.unsettled[self.channel, number] = (self.entity, message.token)

    def answer(self, payload: bytes) -> None:
        """Send the answer to a request."""
        self._transfer(struct.pack(">I", self.delivered), payload, settled=True)

    def lose(self, refusal: Refused) -> None:
        """Tell the client that the link is gone, and why."""
        if not self._is_detached:
            self._is_detached = True
            self._connection.refuse_link(self.channel, self.handle, refusal)

    def detach(self) -> None:
        """Give back what the client holds."""
        self._is_detached = True
        if self.entity is not None:
            self.entity.detach(self)

    def _transfer(self, tag: bytes, payload: bytes, settled: bool) -> int:
        self.credit -= 1
        self.delivered += 1
        return self._connection.transfer(self.channel, self.handle, tag, payload, settled)


def annotations_of(message: Queued, milliseconds: object, *, is_locked: bool) -> dict[object, object]:
    """Return what the broker says of a message.

    Args:
        milliseconds: Makes a moment of the broker's clock one of the client's, in milliseconds since 1970.
    """
    assert callable(milliseconds)
    said: dict[object, object] = {
        Symbol("x-opt-sequence-number"): message.number,
        Symbol("x-opt-enqueued-time"): Timestamp(milliseconds(message.enqueued)),
        Symbol("x-opt-message-state"): Int(0),
    }
    if is_locked and message.locked_until is not None:
        said[Symbol("x-opt-locked-until")] = Timestamp(milliseconds(message.locked_until))
    if message.source:
        said[Symbol("x-opt-deadletter-source")] = message.source
    return said
