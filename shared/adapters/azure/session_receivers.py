"""Receiving from sessions under a lock that is renewed, for hosts that are not the Functions host.

The renewal ends before the receiver does: one that outlives it renews a lock that is somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.azure.bus_failures import named_bus
from shared.adapters.received import Received
from shared.message.envelope import inflate_envelope
from shared.message.errors.storage import SessionLockLost

if TYPE_CHECKING:
    from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient, ServiceBusReceiver

DEAD_LETTERS = "/$DeadLetterQueue"
DEFLATED = "application/zlib"  # content type of a message that was made smaller
RENEW_SECONDS = 300.0  # rule R9: longer than any invocation

_RECEIVE_SECONDS = 0.3  # for what is on its way already
_ARRIVAL_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.5  # at dead letters, which have no sessions to wait for


@dataclass(slots=True, eq=False)
class SessionLock:
    """The right to receive from a session until it ends."""

    queue: str
    session: str
    receiver: ServiceBusReceiver
    renewer: AutoLockRenewer | None
    held: dict[int, Any] = field(default_factory=dict)  # the SDK's messages by number
    is_lost: bool = False


class SessionReceivers:
    """Locks of sessions, one receiver each.

    Args:
        accept_seconds: How long to wait for a session that has something.
    """

    def __init__(self, open_client: Callable[..., ServiceBusClient], accept_seconds: float) -> None:
        # That no session has anything is no failure: tried again, as the SDK would, it takes half a minute to hear.
        self._client = open_client(retry_total=0)
        self._accept_seconds = accept_seconds
        self._locks: list[SessionLock] = []
        self._accepted: dict[str, list[SessionLock]] = {}  # by `arrival`, for the next `accept`

    async def arrival(self, queue: str) -> None:
        """Return when a session has something, and hold it for whoever accepts next."""
        while not self._accepted.get(queue):
            lock = await self._open(queue, _ARRIVAL_SECONDS)
            if lock is not None:
                self._accepted.setdefault(queue, []).append(lock)

    async def accept(self, queue: str) -> SessionLock | None:
        """Return the lock of a session that has messages; None when there is none."""
        waiting = self._accepted.get(queue)
        return waiting.pop(0) if waiting else await self._open(queue, self._accept_seconds)

    async def receive(self, lock: SessionLock, limit: int) -> list[Received]:
        """Return the session's next messages in order."""
        _check(lock)
        with named_bus(_place(lock)), _losing(lock):
            messages = await lock.receiver.receive_messages(limit, max_wait_time=_RECEIVE_SECONDS)
        received = [_received(message, lock.session) for message in messages]
        lock.held.update({each.number: message for each, message in zip(received, messages, strict=True)})
        return received

    async def settle(
        self, lock: SessionLock, messages: Sequence[Received], how: Callable[[Any, Any], Awaitable[None]]
    ) -> None:
        """Settle messages in order."""
        _check(lock)
        with named_bus(_place(lock)), _losing(lock):
            for each in messages:
                await how(lock.receiver, lock.held[each.number])
                del lock.held[each.number]

    async def renew(self, lock: SessionLock) -> None:
        """Keep the session for another full term."""
        _check(lock)
        with named_bus(_place(lock)), _losing(lock):
            if lock.renewer is not None:
                await lock.receiver.session.renew_lock()

    async def release(self, lock: SessionLock) -> None:
        """Let go of a session."""
        if lock in self._locks:
            self._locks.remove(lock)
            if lock.renewer is not None:
                await lock.renewer.close()
            await lock.receiver.close()

    async def browse_dead_letters(self, queue: str, limit: int) -> list[Received]:
        """Return a queue's dead letters without a lock."""
        with named_bus(queue):
            async with self._client.get_queue_receiver(queue, sub_queue="deadletter") as receiver:
                return [_received(message, "") for message in await receiver.peek_messages(limit)]

    async def close(self) -> None:
        """Let go of every session."""
        for lock in list(self._locks):
            await self.release(lock)
        await self._client.close()

    async def _open(self, queue: str, seconds: float) -> SessionLock | None:
        if queue.lower().endswith(DEAD_LETTERS.lower()):
            return await self._open_dead_letters(queue, seconds)
        from azure.servicebus import NEXT_AVAILABLE_SESSION
        from azure.servicebus.aio import AutoLockRenewer
        from azure.servicebus.exceptions import OperationTimeoutError

        receiver = self._client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=seconds)
        try:
            with named_bus(queue):
                try:
                    await receiver.__aenter__()
                except OperationTimeoutError:
                    await receiver.close()
                    return None
        except asyncio.CancelledError:
            await receiver.close()
            raise
        renewer = AutoLockRenewer(max_lock_renewal_duration=RENEW_SECONDS)
        renewer.register(receiver, receiver.session)
        lock = SessionLock(queue, receiver.session.session_id or "", receiver, renewer)
        self._locks.append(lock)
        return lock

    async def _open_dead_letters(self, queue: str, seconds: float) -> SessionLock | None:
        """Return a lock of the dead letters as one session: they have none."""
        receiver = self._client.get_queue_receiver(queue[: -len(DEAD_LETTERS)], sub_queue="deadletter")
        waited = 0.0
        with named_bus(queue):
            await receiver.__aenter__()
            while not await receiver.peek_messages(1):
                if waited >= seconds:
                    await receiver.close()
                    return None
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                waited += _LOOK_AGAIN_SECONDS
        lock = SessionLock(queue, "", receiver, None)
        self._locks.append(lock)
        return lock


class _losing:  # noqa: N801  reads as a word where it is used
    """Remembers that a lock is lost: the SDK believes its own clock, which may be behind the broker's."""

    def __init__(self, lock: SessionLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from azure.servicebus.exceptions import MessageLockLostError, SessionLockLostError

        if isinstance(error, SessionLockLostError | MessageLockLostError):
            self._lock.is_lost = True


def _check(lock: SessionLock) -> None:
    if lock.is_lost:
        raise SessionLockLost(_place(lock))


def _place(lock: SessionLock) -> str:
    return f"{lock.queue}, {lock.session}"


def _received(message: Any, session: str) -> Received:
    body = b"".join(message.body)
    return Received(
        number=message.sequence_number,
        session=message.session_id or session,
        message_id=str(message.message_id),
        enqueued=message.enqueued_time_utc or datetime.now(UTC),
        deliveries=(message.delivery_count or 0) + 1,
        body=inflate_envelope(body) if message.content_type == DEFLATED else body,
        reason=message.dead_letter_reason or "",
    )
