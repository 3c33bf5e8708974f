"""Service Bus triggers: one pump for each function takes sessions off the local broker and runs the function.

As in Azure: the messages of a session are handed over in order, by one invocation at a time; they are completed after
success and abandoned after an exception, and the broker counts how often that happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from azure.functions.servicebus import ServiceBusMessage

from local.faults import report_fault
from local.functions import Function
from local.host_json import QueueLimits
from shared.adapters.local.queue import LocalQueue, SessionLock, dead_letter_queue
from shared.adapters.received import Received
from shared.message.errors.storage import SessionLockLost

_DEAD_LETTERS = "/$deadletterqueue"  # Service Bus does not mind the case
_RENEW_SECONDS = 60.0
_BROKER_PAUSE_SECONDS = 1.0  # after the broker itself failed


def holds_dead_letters(queue: str) -> bool:
    """Tell whether a queue, as a trigger names it, is another one's dead letters."""
    return queue.lower().endswith(_DEAD_LETTERS)


def queue_of(function: Function) -> str:
    """Return the queue a function receives from, by the broker's name."""
    name: str = function.trigger["queueName"]
    return dead_letter_queue(name[: -len(_DEAD_LETTERS)]) if holds_dead_letters(name) else name


class QueuePump:
    """Runs one function with what its queue holds.

    Args:
        limits: Sessions at a time, and messages handed over at once.
    """

    def __init__(self, function: Function, queue: LocalQueue, limits: QueueLimits) -> None:
        self._function = function
        self._name = queue_of(function)
        self._queue = queue
        self._takes_many = function.trigger.get("cardinality") == "many"
        self._batch = limits.batch if self._takes_many else 1
        self._slots = asyncio.Semaphore(limits.sessions)
        self._sessions: dict[asyncio.Task[None], SessionLock] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ending = False

    def start(self) -> None:
        """Begin to take sessions."""
        self._tasks = [asyncio.create_task(self._take_sessions()), asyncio.create_task(self._renew_locks())]

    async def stop(self, seconds: float) -> None:
        """Take no more; let what is under way finish, for so long. What does not is received again."""
        self._is_ending = True
        for task in self._tasks[:1]:
            task.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions, timeout=seconds)
        for task in [*self._tasks, *self._sessions]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._sessions, return_exceptions=True)

    async def _take_sessions(self) -> None:
        while True:
            await self._slots.acquire()
            lock = await self._next_session()
            session = asyncio.create_task(self._drain(lock))
            self._sessions[session] = lock
            session.add_done_callback(self._ended)

    async def _next_session(self) -> SessionLock:
        while True:
            try:
                if (lock := await self._queue.accept_session(self._name)) is not None:
                    return lock
                await self._queue.arrival(self._name)
            except Exception as error:  # noqa: BLE001  # a broker that fails may come back; a pump that ends does not
                report_fault(self._function.name, error)
                await asyncio.sleep(_BROKER_PAUSE_SECONDS)

    def _ended(self, session: asyncio.Task[None]) -> None:
        del self._sessions[session]
        self._slots.release()

    async def _drain(self, lock: SessionLock) -> None:
        """Hand over what the session holds, batch by batch, until it is empty."""
        try:
            while not self._is_ending and (received := await self._queue.receive(lock, self._batch)):
                await self._hand_over(lock, received)
        except Exception as error:  # noqa: BLE001  # the broker fails, or gave the session away: it delivers again
            report_fault(self._function.name, error)
            await asyncio.sleep(_BROKER_PAUSE_SECONDS)
        finally:
            await self._queue.release(lock)

    async def _hand_over(self, lock: SessionLock, received: Sequence[Received]) -> None:
        messages = [_message(each) for each in received]
        try:
            await self._function.call(messages if self._takes_many else messages[0])
        except Exception as error:  # noqa: BLE001  # the boundary: whatever it was, the broker delivers again
            report_fault(self._function.name, error)
            await self._queue.abandon(lock, received)
        else:
            await self._queue.complete(lock, received)

    async def _renew_locks(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            for session, lock in list(self._sessions.items()):
                if session.done():  # its lock is released, and it is about to be forgotten
                    continue
                try:
                    await self._queue.renew(lock)
                except SessionLockLost as error:
                    report_fault(self._function.name, error)


def _message(received: Received) -> ServiceBusMessage:
    return ServiceBusMessage(
        body=received.body,
        message_id=received.message_id,
        session_id=received.session,
        delivery_count=received.deliveries,
        sequence_number=received.number,
        enqueued_time_utc=received.enqueued,
        dead_letter_reason=received.reason or None,
        application_properties={},
        user_properties={},
        trigger_metadata={},
    )
