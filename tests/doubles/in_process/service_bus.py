"""Clients of Service Bus without a wire: the broker of `tests/doubles/service_bus`, and what the SDK makes of it.

What the SDK itself does on the wire is asked elsewhere (tests/doubles/service_bus, tests/contract). Here its senders
and receivers are called, and time may be virtual.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace, TracebackType
from typing import Any, NamedTuple, Self
from unittest import mock

import azure.servicebus.aio
from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageSizeExceededError,
    OperationTimeoutError,
    SessionLockLostError,
)

from tests.doubles.in_process.reach import Reach, at_once
from tests.doubles.service_bus.broker import Broker
from tests.doubles.service_bus.entities import DEAD_LETTERS, Entity, Queued, Refused, Waiter

BATCH_LIMIT_BYTES = 256 * 1024  # of the Standard tier
_MESSAGE_BYTES = 300  # of a message beside its body; about so many


class Content(NamedTuple):
    """A message as the broker keeps it."""

    body: bytes
    session_id: str | None
    message_id: str | None
    content_type: str | None
    annotations: dict[str, Any]
    application: dict[str, str]
    ttl_milliseconds: int | None = None


class Received(NamedTuple):
    """A message as the SDK hands it out; the names of its attributes are the SDK's."""

    body: list[bytes]
    sequence_number: int
    session_id: str | None
    message_id: str | None
    content_type: str | None
    enqueued_time_utc: datetime
    delivery_count: int
    dead_letter_reason: str | None
    token: Any


class BusDouble:
    """What `azure.servicebus.aio.ServiceBusClient` is for the hub."""

    def __init__(self, broker: Broker, reach: Reach = at_once) -> None:
        self._broker, self._reach = broker, reach
        self._receivers: list[ReceiverDouble] = []
        self._end: asyncio.Future[None] | None = None  # nobody sets it: who ended waits for ever

    def get_queue_sender(self, queue: str) -> SenderDouble:
        return SenderDouble(queue, self._broker, self._reach)

    def get_queue_receiver(
        self, queue: str, *, session_id: Any = None, max_wait_time: float = 0.0, sub_queue: str = ""
    ) -> ReceiverDouble:
        entity = self._broker.get(queue + (DEAD_LETTERS if sub_queue else ""))
        receiver = ReceiverDouble(entity, self, session_id is not None, max_wait_time)
        self._receivers.append(receiver)
        return receiver

    async def reach(self, name: str, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Make a call over the connection."""
        return await self._reach(name, work, *arguments)

    async def connect(self) -> None:
        """Return when there is a connection, which a process that ended never has again."""
        if self._end is not None:
            await self._end

    def die(self, *, with_connection: bool) -> None:
        """Wait for no session any more; without its connection no lock is held, either."""
        self._end = self._end or asyncio.get_running_loop().create_future()
        for receiver in self._receivers:
            receiver.die(with_connection=with_connection)

    async def close(self) -> None:
        """Its receivers are closed by those who opened them."""


class SenderDouble:
    """Sends to one queue."""

    def __init__(self, queue: str, broker: Broker, reach: Reach) -> None:
        self._queue, self._broker, self._reach = queue, broker, reach

    async def __aenter__(self) -> Self:
        return self

    async def create_message_batch(self) -> BatchDouble:
        return BatchDouble()

    async def send_messages(self, batch: BatchDouble) -> None:
        await self._reach("queue.send", self._put, self._queue, batch.contents)

    async def _put(self, queue: str, contents: Sequence[Content]) -> None:
        entity = self._broker.get(queue)
        for content in contents:
            entity.put(content)  # type: ignore[arg-type]  # as much of a BareMessage as a broker looks at

    async def close(self) -> None:
        """Nothing is open."""


class BatchDouble:
    """As many messages as go out in one piece."""

    def __init__(self) -> None:
        self.contents: list[Content] = []
        self._room = BATCH_LIMIT_BYTES

    def __len__(self) -> int:
        return len(self.contents)

    def add_message(self, message: ServiceBusMessage) -> None:
        body = b"".join(message.body)
        if len(body) + _MESSAGE_BYTES > self._room:
            raise MessageSizeExceededError
        self._room -= len(body) + _MESSAGE_BYTES
        due = message.scheduled_enqueue_time_utc
        annotations = {} if due is None else {"x-opt-scheduled-enqueue-time": due.timestamp() * 1000}
        named = (message.session_id, message.message_id, message.content_type)
        self.contents.append(Content(body, *named, annotations, {}))


class ReceiverDouble:
    """A link to one session, or to the dead letters."""

    def __init__(self, entity: Entity, bus: BusDouble, wants_session: bool, wait_seconds: float) -> None:
        self.credit, self.settles_at_once = 0, False
        self.session = SimpleNamespace(session_id=None, renew_lock=self._renew)
        self._entity, self._bus = entity, bus
        self._wants_session, self._wait_seconds = wants_session, wait_seconds
        self._inbox: list[Queued] = []
        self._came = asyncio.Event()
        self._is_lost = False

    async def __aenter__(self) -> Self:
        await self._bus.connect()
        if self._wants_session:
            self.session.session_id = self._entity.accept(None, self) or await self._wait_for_session()
        else:
            self._entity.attach(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def receive_messages(self, limit: int, max_wait_time: float) -> list[Received]:
        messages: list[Received] = await self._bus.reach("queue.receive", self._receive, limit, max_wait_time)
        return messages

    async def peek_messages(self, limit: int) -> list[Received]:
        return [_received(message) for message in self._entity.everything()[:limit]]

    async def complete_message(self, message: Received) -> None:
        await self._bus.reach("queue.complete", self._settle, self._entity.complete, message.token)

    async def abandon_message(self, message: Received) -> None:
        await self._bus.reach("queue.abandon", self._settle, self._entity.abandon, message.token)

    async def dead_letter_message(self, message: Received, *, reason: str) -> None:
        await self._bus.reach("queue.bury", self._settle, self._entity.dead_letter, message.token, reason, "")

    async def close(self) -> None:
        """Give back what was not settled, and the session."""
        self._entity.detach(self)

    def die(self, *, with_connection: bool) -> None:
        """Wait for no session any more, and without a connection hold none."""
        if with_connection or self.session.session_id is None:
            self._entity.detach(self)

    # What the broker tells its consumers

    def deliver(self, message: Queued) -> None:
        """Take a message that was asked for."""
        self.credit -= 1
        self._inbox.append(message)
        self._came.set()

    def lose(self, refusal: Refused) -> None:
        """Hear that the lock has ended."""
        del refusal
        self._is_lost = True
        self._came.set()

    async def _wait_for_session(self) -> str:
        granted: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._entity.wait_for_session(Waiter(self, float("inf"), _setter(granted)))
        try:
            async with asyncio.timeout(self._wait_seconds):
                name = await granted
        except TimeoutError:
            self._entity.detach(self)
            raise OperationTimeoutError from None
        assert name is not None
        return name

    async def _receive(self, limit: int, seconds: float) -> list[Received]:
        self._came.clear()
        self.credit = limit
        self._entity.pump()
        if not self._inbox and not self._is_lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._came.wait()
        self.credit = 0
        if self._is_lost:
            raise SessionLockLostError
        taken, self._inbox = self._inbox, []
        return [_received(message) for message in taken]

    async def _settle(self, how: Callable[..., None], *arguments: Any) -> None:
        if self._is_lost:
            raise SessionLockLostError
        try:
            how(*arguments)
        except Refused:
            raise MessageLockLostError from None

    async def _renew(self) -> None:
        if self._is_lost:
            raise SessionLockLostError
        self._entity.renew_session(self.session.session_id)


class _NoRenewal:
    def __init__(self, **options: Any) -> None:
        del options

    def register(self, *arguments: Any) -> None:
        """Nothing is renewed."""

    async def close(self) -> None:
        """Nothing was begun."""


def unrenewed() -> Any:
    """Return what keeps the SDK from renewing locks, which it does by the real clock, until the end of a ``with``."""
    return mock.patch.object(azure.servicebus.aio, "AutoLockRenewer", _NoRenewal)


def _setter(future: asyncio.Future[str | None]) -> Callable[[str | None], None]:
    return lambda name: None if future.done() else future.set_result(name)


def _received(message: Queued) -> Received:
    content: Any = message.content
    return Received(
        body=[content.body],
        sequence_number=message.number,
        session_id=content.session_id,
        message_id=content.message_id,
        content_type=content.content_type,
        enqueued_time_utc=message.enqueued,
        delivery_count=max(message.deliveries - 1, 0),
        dead_letter_reason=content.application.get("DeadLetterReason"),
        token=message.token,
    )
