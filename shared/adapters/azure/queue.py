"""The queues in Service Bus: one sender for each, for as long as the process lives. Opening one takes half a second.

In Azure the Functions host receives; `AzureQueue` receives for every other host, with `session_receivers.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.azure.bus_failures import named_bus
from shared.adapters.azure.gatherer import Gatherer
from shared.adapters.azure.operations import BUS_UNIT_BYTES, Operations
from shared.adapters.azure.session_receivers import DEFLATED, SessionLock, SessionReceivers
from shared.adapters.received import Received
from shared.message.envelope import deflate_envelope
from shared.message.errors.storage import AzureUnavailable
from shared.ports import Clock, Outgoing

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

DEFLATE_FROM_BYTES = 16 * 1024  # below a quarter of what one operation carries there is little to gain

_CALLS_IN_A_BATCH = 500


class AzureQueue:
    """The broker of the hub.

    Args:
        open_client: Opens a client, given the SDK's options; nothing is connected yet.
        accept_seconds: How long `accept_session` waits for a session that has something.
    """

    def __init__(
        self,
        open_client: Callable[..., ServiceBusClient],
        clock: Clock,
        operations: Operations,
        accept_seconds: float = 1.0,
    ) -> None:
        self._client = open_client()
        self._clock = clock
        self._operations = operations
        self._senders: dict[str, ServiceBusSender] = {}
        self._opening = asyncio.Lock()
        self._writers: dict[str, Gatherer[list[Outgoing], None]] = {}
        self._receivers = SessionReceivers(open_client, accept_seconds)

    async def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        if queue not in self._writers:
            self._writers[queue] = Gatherer(lambda calls: self._send(queue, calls), _CALLS_IN_A_BATCH)
        await self._writers[queue].ask(list(messages))

    async def depths(self) -> dict[str, int]:
        return {}

    async def arrival(self, queue: str) -> None:
        """Return when the queue may have a session to accept."""
        await self._receivers.arrival(queue)

    async def accept_session(self, queue: str) -> SessionLock | None:
        """Return the lock of a session that has messages and no lock; None when there is none."""
        return await self._receivers.accept(queue)

    async def receive(self, lock: SessionLock, limit: int) -> list[Received]:
        """Return the session's next messages in order; none when it has no more.

        Raises:
            SessionLockLost: the lock ran out.
        """
        return await self._receivers.receive(lock, limit)

    async def complete(self, lock: SessionLock, messages: Sequence[Received]) -> None:
        """Forget messages that were dealt with.

        Raises:
            SessionLockLost: the lock ran out; they are received again.
        """
        await self._receivers.settle(lock, messages, lambda receiver, each: receiver.complete_message(each))

    async def abandon(self, lock: SessionLock, messages: Sequence[Received]) -> None:
        """Give messages back: the next ones received are these, unless they were delivered too often.

        Raises:
            SessionLockLost: the lock ran out; they are received again anyway.
        """
        await self._receivers.settle(lock, messages, lambda receiver, each: receiver.abandon_message(each))

    async def dead_letter(self, lock: SessionLock, messages: Sequence[Received], reason: str) -> None:
        """Move messages to the dead letters.

        Raises:
            SessionLockLost: the lock ran out.
        """

        def bury(receiver: Any, each: Any) -> Any:
            return receiver.dead_letter_message(each, reason=reason)

        await self._receivers.settle(lock, messages, bury)

    async def renew(self, lock: SessionLock) -> None:
        """Keep the session for another full term.

        Raises:
            SessionLockLost: the lock ran out.
        """
        await self._receivers.renew(lock)

    async def release(self, lock: SessionLock) -> None:
        """Let others have the session; what was received and not settled is received again."""
        await self._receivers.release(lock)

    async def dead_letters(self, queue: str, limit: int = 50) -> list[Received]:
        """Return a queue's dead letters, oldest first, without receiving them."""
        return await self._receivers.browse_dead_letters(queue, limit)

    async def close(self) -> None:
        """Send what was asked for, and close every link."""
        for writer in self._writers.values():
            await writer.close()
        await self._receivers.close()
        for sender in self._senders.values():
            await sender.close()
        await self._client.close()

    async def _send(self, queue: str, calls: list[list[Outgoing]]) -> list[None]:
        """Send the messages of all calls in order, in as few batches as hold them."""
        messages = [message for call in calls for message in call]
        with named_bus(queue):
            sender = await self._sender(queue)
            batch = await sender.create_message_batch()
            for message in messages:
                body = message.body if len(message.body) < DEFLATE_FROM_BYTES else deflate_envelope(message.body)
                if not _add(batch, message, body, self._clock.now()):
                    await sender.send_messages(batch)
                    batch = await sender.create_message_batch()
                    if not _add(batch, message, body, self._clock.now()):
                        raise AzureUnavailable(f"{queue}, a message of {len(message.body)} bytes")
                self._operations.bus_sent += max(1, -(-len(body) // BUS_UNIT_BYTES))
            if len(batch):
                await sender.send_messages(batch)
        return [None] * len(calls)

    async def _sender(self, queue: str) -> ServiceBusSender:
        async with self._opening:
            if queue not in self._senders:
                sender = self._client.get_queue_sender(queue)
                await sender.__aenter__()
                self._senders[queue] = sender
            return self._senders[queue]


def _add(batch: Any, message: Outgoing, body: bytes, now: datetime) -> bool:
    """Add a message to a batch; False when it does not fit."""
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.exceptions import MessageSizeExceededError

    due = message.due if message.due is not None and message.due > now else None
    built = ServiceBusMessage(
        body,
        session_id=message.session,
        message_id=message.message_id,
        scheduled_enqueue_time_utc=due,
        content_type=DEFLATED if body is not message.body else None,
    )
    try:
        batch.add_message(built)
    except (MessageSizeExceededError, ValueError):
        return False
    return True
