"""The Service Bus double does what Microsoft's documentation says, as the real SDK sees it.

What the adapter's contract is proved against must itself be proved: each expectation is the SDK's documented behaviour
(learn.microsoft.com: azure-servicebus for Python; message sessions; transfers, locks, and settlement; dead letters).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.doubles.clock import NOON, SettableClock
from tests.doubles.service_bus.endpoint import ServiceBusEndpoint
from tests.doubles.service_bus.entities import EntityRules

PLAIN, SESSIONS = "plain", "sessions"
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def endpoint(clock: SettableClock) -> Iterator[ServiceBusEndpoint]:
    with ServiceBusEndpoint(clock) as running:
        rules = EntityRules(lock_seconds=30, max_deliveries=3)
        running.broker.declare(PLAIN, rules)
        running.broker.declare(SESSIONS, EntityRules(lock_seconds=30, max_deliveries=3, requires_session=True))
        running.broker.declare("once", EntityRules(duplicate_window_seconds=600))
        yield running


@pytest.fixture
async def client(endpoint: ServiceBusEndpoint) -> AsyncIterator[ServiceBusClient]:
    async with ServiceBusClient.from_connection_string(endpoint.connection_string, retry_total=0) as opened:
        yield opened


async def send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    async with client.get_queue_sender(queue) as sender:
        await sender.send_messages(list(messages))


async def bodies(client: ServiceBusClient, queue: str, limit: int = 10, **which: Any) -> list[str]:
    """Receive and complete what is there."""
    async with client.get_queue_receiver(queue, **which) as receiver:
        found = await receiver.receive_messages(limit, max_wait_time=0.3)
        for message in found:
            await receiver.complete_message(message)
        return [str(message) for message in found]


def in_session(text: str, session: str = "A", **more: Any) -> ServiceBusMessage:
    return ServiceBusMessage(text, session_id=session, **more)


async def test_a_message_comes_as_it_was_sent(client: ServiceBusClient) -> None:
    """Body, id, subject and properties survive the way; the first delivery counts none before it."""
    await send(client, PLAIN, ServiceBusMessage(b"MSH", message_id="m1", subject="s", application_properties={"a": 1}))
    async with client.get_queue_receiver(PLAIN) as receiver:
        [message] = await receiver.receive_messages(1, max_wait_time=1)

        assert b"".join(message.body) == b"MSH"
        assert (message.message_id, message.subject, message.delivery_count) == ("m1", "s", 0)
        assert message.application_properties == {b"a": 1}
        assert message.enqueued_time_utc is not None


async def test_a_session_keeps_its_order(client: ServiceBusClient) -> None:
    """First in, first out is promised within a session, and nowhere else."""
    await send(client, SESSIONS, *(in_session(f"{name}{n}", name) for n in range(3) for name in "AB"))
    assert await bodies(client, SESSIONS, session_id="A") == ["A0", "A1", "A2"]
    assert await bodies(client, SESSIONS, session_id=NEXT_AVAILABLE_SESSION) == ["B0", "B1", "B2"]


async def test_a_session_has_one_receiver(client: ServiceBusClient) -> None:
    """The lock of a session is exclusive."""
    await send(client, SESSIONS, in_session("x"))
    async with client.get_queue_receiver(SESSIONS, session_id="A"):
        with pytest.raises(SessionCannotBeLockedError):
            async with client.get_queue_receiver(SESSIONS, session_id="A"):
                pass


async def test_waiting_for_any_session_ends_in_time(client: ServiceBusClient) -> None:
    """With no session to lock the SDK raises OperationTimeoutError."""
    with pytest.raises(OperationTimeoutError):
        async with client.get_queue_receiver(SESSIONS, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1):
            pass


async def test_a_released_session_gives_back_what_was_not_settled(client: ServiceBusClient) -> None:
    """The delivery counts all the same."""
    await send(client, SESSIONS, in_session("x"))
    async with client.get_queue_receiver(SESSIONS, session_id="A") as receiver:
        assert await receiver.receive_messages(1, max_wait_time=1)
    async with client.get_queue_receiver(SESSIONS, session_id="A") as receiver:
        [message] = await receiver.receive_messages(1, max_wait_time=1)
        assert message.delivery_count == 1


async def test_a_session_keeps_its_state_and_renews_its_lock(client: ServiceBusClient, clock: SettableClock) -> None:
    """Session state outlives the receiver; a renewed lock is a full term."""
    await send(client, SESSIONS, in_session("x"))
    async with client.get_queue_receiver(SESSIONS, session_id="A") as receiver:
        await receiver.session.set_state(b"state")
        before = receiver.session.locked_until_utc
        clock.advance(20)
        assert await receiver.session.renew_lock() > before
    async with client.get_queue_receiver(SESSIONS, session_id="A") as receiver:
        assert await receiver.session.get_state() == b"state"


async def test_a_session_lock_that_ran_out_cannot_settle(client: ServiceBusClient, clock: SettableClock) -> None:
    """Somebody else may hold the session by now."""
    await send(client, SESSIONS, in_session("x"))
    async with client.get_queue_receiver(SESSIONS, session_id="A") as receiver:
        [message] = await receiver.receive_messages(1, max_wait_time=1)
        clock.advance(31)
        async with client.get_queue_receiver(SESSIONS, session_id="A") as other:
            assert [str(one) for one in await other.receive_messages(1, max_wait_time=1)] == ["x"]
            with pytest.raises((SessionLockLostError, MessageLockLostError)):
                await receiver.complete_message(message)


async def test_abandoning_counts_and_ends_in_the_dead_letters(client: ServiceBusClient) -> None:
    """MaxDeliveryCount: the message moves to the dead-letter queue with a reason."""
    await send(client, PLAIN, ServiceBusMessage("poison"))
    async with client.get_queue_receiver(PLAIN) as receiver:
        for count in range(3):
            [message] = await receiver.receive_messages(1, max_wait_time=1)
            assert message.delivery_count == count
            await receiver.abandon_message(message)
    async with client.get_queue_receiver(PLAIN, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        [dead] = await receiver.receive_messages(1, max_wait_time=1)
        assert (dead.dead_letter_reason, dead.dead_letter_source) == ("MaxDeliveryCountExceeded", PLAIN)


async def test_a_dead_letter_says_why(client: ServiceBusClient) -> None:
    """Reason and description are the application's; the queue of dead letters asks for no session."""
    await send(client, SESSIONS, in_session("x"))
    async with client.get_queue_receiver(SESSIONS, session_id="A") as receiver:
        [message] = await receiver.receive_messages(1, max_wait_time=1)
        await receiver.dead_letter_message(message, reason="unreadable", error_description="line 1")
    async with client.get_queue_receiver(SESSIONS, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        [dead] = await receiver.peek_messages(5)
        assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("unreadable", "line 1")
        assert (dead.session_id, str(dead)) == ("A", "x")


async def test_a_lock_that_ran_out_delivers_again(client: ServiceBusClient, clock: SettableClock) -> None:
    """Peek-lock: at least once."""
    await send(client, PLAIN, ServiceBusMessage("x"))
    async with client.get_queue_receiver(PLAIN) as receiver:
        [message] = await receiver.receive_messages(1, max_wait_time=1)
        clock.advance(31)
        [again] = await receiver.receive_messages(1, max_wait_time=1)
        assert again.delivery_count == 1
        with pytest.raises(MessageLockLostError):
            await receiver.complete_message(message)
        await receiver.complete_message(again)


async def test_a_renewed_lock_holds(client: ServiceBusClient, clock: SettableClock) -> None:
    """What a slow worker needs."""
    await send(client, PLAIN, ServiceBusMessage("x"))
    async with client.get_queue_receiver(PLAIN) as receiver:
        [message] = await receiver.receive_messages(1, max_wait_time=1)
        clock.advance(29)
        await receiver.renew_message_lock(message)
        clock.advance(29)
        await receiver.complete_message(message)
    assert await bodies(client, PLAIN) == []


async def test_the_lock_renewer_stops_before_the_receiver(client: ServiceBusClient) -> None:
    """A renewer that outlives its receiver renews nothing and complains; closed first it is silent."""
    await send(client, SESSIONS, in_session("x"))
    async with client.get_queue_receiver(SESSIONS, session_id="A") as receiver:
        async with AutoLockRenewer() as renewer:
            renewer.register(receiver, receiver.session, max_lock_renewal_duration=60)
            [message] = await receiver.receive_messages(1, max_wait_time=1)
        await receiver.complete_message(message)


async def test_receiving_and_deleting_holds_no_lock(client: ServiceBusClient) -> None:
    """At most once: gone when it left."""
    await send(client, PLAIN, ServiceBusMessage("a"))
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    async with client.get_queue_receiver(PLAIN, receive_mode=mode) as receiver:
        assert len(await receiver.receive_messages(1, max_wait_time=1)) == 1
    assert await bodies(client, PLAIN) == []


async def test_a_second_message_with_the_same_id_is_dropped(client: ServiceBusClient, clock: SettableClock) -> None:
    """Duplicate detection, for as long as its window."""
    for _ in range(2):
        await send(client, "once", ServiceBusMessage("x", message_id="same"))
    assert await bodies(client, "once") == ["x"]
    clock.advance(600)
    await send(client, "once", ServiceBusMessage("x", message_id="same"))
    assert await bodies(client, "once") == ["x"]


async def test_scheduled_messages_wait_and_can_be_cancelled(client: ServiceBusClient, clock: SettableClock) -> None:
    """By property in a batch, or by request with numbers to cancel."""
    due = NOON + timedelta(seconds=60)
    await send(client, PLAIN, ServiceBusMessage("property", scheduled_enqueue_time_utc=due))
    async with client.get_queue_sender(PLAIN) as sender:
        numbers = await sender.schedule_messages([ServiceBusMessage("kept"), ServiceBusMessage("cancelled")], due)
        await sender.cancel_scheduled_messages(numbers[1])
    clock.advance(59)
    assert await bodies(client, PLAIN) == []
    clock.advance(1)
    assert sorted(await bodies(client, PLAIN)) == ["kept", "property"]


async def test_an_expired_message_is_gone(client: ServiceBusClient, clock: SettableClock) -> None:
    """Time to live, without dead-lettering."""
    await send(client, PLAIN, ServiceBusMessage("x", time_to_live=timedelta(seconds=5)))
    clock.advance(6)
    assert await bodies(client, PLAIN) == []


async def test_large_messages_come_in_pieces_and_too_large_ones_are_refused(client: ServiceBusClient) -> None:
    """256 kB is the limit of the Standard tier."""
    body = bytes(range(256)) * 900
    await send(client, PLAIN, ServiceBusMessage(body))
    async with client.get_queue_receiver(PLAIN) as receiver:
        [message] = await receiver.receive_messages(1, max_wait_time=1)
        assert b"".join(message.body) == body
    with pytest.raises(MessageSizeExceededError):
        await send(client, PLAIN, ServiceBusMessage(bytes(300_000)))


async def test_a_queue_that_nobody_declared_is_not_found(client: ServiceBusClient) -> None:
    """Infrastructure makes queues; a sender never does."""
    with pytest.raises(MessagingEntityNotFoundError):
        await send(client, "nowhere", ServiceBusMessage("x"))


async def test_operations_are_counted(client: ServiceBusClient, endpoint: ServiceBusEndpoint) -> None:
    """The bill of a namespace is what is sent and received; a batch is as many as it holds."""
    await send(client, PLAIN, *(ServiceBusMessage(str(n)) for n in range(5)))
    await bodies(client, PLAIN)
    assert (endpoint.operations()["sent"], endpoint.operations()["received"]) == (5, 5)
    assert endpoint.claims.total() >= 1
