"""WebSockets through the relay."""

from __future__ import annotations

import asyncio

import pytest

from relay import Limits
from shared.message.errors.relay import HybridConnectionUnknown, RelayAnswerLate, RelayRejected, RendezvousMissed
from tests.doubles.waiting import until


async def echo(offer):
    """Give back what comes, then say goodbye."""
    opened = await offer.accept(offer.subprotocols[-1] if offer.subprotocols else None)
    async for message in opened:
        await opened.send(message)
    await opened.send("goodbye")
    await opened.finish(1000, "done")


@pytest.mark.parametrize("message", ["text", "", "ä" * 200_000, b"\x00binary", b"", b"x" * 300_000])
async def test_messages_keep_their_kind_and_their_bounds(setting, message):
    """Text stays text and one message stays one, however many frames it took."""
    await setting.listener(on_offer=echo)
    opened = await setting.sender().connect()
    await opened.send(message)
    assert await opened.receive() == message
    await opened.close()


async def test_an_end_that_has_finished_still_hears_the_other(setting):
    """Half-close through the relay, with the code and the words of whoever finished."""
    await setting.listener(on_offer=echo)
    opened = await setting.sender().connect()
    await opened.finish()
    assert await opened.receive() == "goodbye"
    assert await opened.receive() is None
    assert (opened.close_code, opened.close_reason) == (1000, "done")


async def test_whoever_is_cancelled_while_it_closes_lets_go(setting):
    """The other end stays, and would count on a connection that nobody serves any more."""

    async def stay(offer):
        await (await offer.accept()).wait_lost()

    await setting.listener(on_offer=stay)
    opened = await setting.sender().connect()
    closing = asyncio.create_task(opened.close(seconds=60.0))
    await asyncio.sleep(0.05)
    closing.cancel()
    async with asyncio.timeout(10.0):
        await opened.wait_lost()


async def test_the_listener_chooses_the_subprotocol(setting):
    """Of those the sender offered; both hear the same one."""
    await setting.listener(on_offer=echo)
    opened = await setting.sender().connect(subprotocols=["fhir", "hl7"])
    assert opened.subprotocol == "hl7"
    await opened.close()


async def test_the_listener_sees_suffix_headers_and_trace_before_it_decides(setting):
    """Without them it could only take everybody."""
    seen = []

    async def look(offer):
        seen.append((offer.target, offer.message.headers["X-Ward"], "SharedAccess" in str(offer.message)))
        await offer.reject(418, "a tea pot: ä & co")

    await setting.listener(on_offer=look)
    with pytest.raises(RelayRejected) as caught:
        await setting.sender().connect("/bed?n=3", headers={"X-Ward": "7"})
    assert caught.value.status == 418
    assert seen == [("/bed?n=3", "7", False)]


async def test_an_offer_that_is_not_taken_is_rejected(setting):
    """Silence would cost the sender half a minute."""
    await setting.listener()
    with pytest.raises(RelayRejected) as caught:
        await setting.sender().connect()
    assert caught.value.status == 400


async def test_a_handler_that_fails_before_it_settles_rejects(setting):
    """One sender's trouble is not the next one's; and this one hears at once."""

    async def fail(offer):
        raise ValueError

    await setting.listener(on_offer=fail)
    with pytest.raises(RelayRejected):
        async with asyncio.timeout(10):
            await setting.sender().connect()


async def test_a_receiver_that_does_not_read_stops_the_sender(setting):
    """Back-pressure from end to end; without it a slow ward fills the hub's memory."""
    go_on = asyncio.Event()
    size = 0

    async def slow(offer):
        nonlocal size
        opened = await offer.accept()
        await go_on.wait()
        while (fragment := await opened.receive_fragment()) is not None:
            size += len(fragment.data)
        await opened.finish()

    await setting.listener(on_offer=slow)
    opened = await setting.sender().connect()
    sent = 0

    async def send():
        nonlocal sent
        for _ in range(512):
            await opened.send(b"x" * 65536)
            sent += 65536
        await opened.finish()

    sending = asyncio.create_task(send())
    last = -1
    while sent != last:
        last = sent
        await asyncio.sleep(0.5)
    assert sent < 24 * 1024 * 1024
    go_on.set()
    await sending
    assert await opened.receive() is None
    assert size == 512 * 65536


async def test_a_listener_that_dies_ends_the_stream(setting):
    """1001, or a connection that is cut: never a sender that waits for ever."""
    opened_there = []

    async def take(offer):
        opened_there.append(await offer.accept())
        await asyncio.sleep(60)

    listener = await setting.listener(on_offer=take)
    opened = await setting.sender().connect()
    await opened.send("hello")
    await until(lambda: opened_there)
    opened_there[0].abort()
    async with asyncio.timeout(10):
        assert await opened.receive() is None
    assert opened.close_code == 1001
    await listener.stop(0.1)


async def test_nobody_listens(setting):
    """The service says 404 to a connect, as for a name that does not exist; its words tell the two apart."""
    with pytest.raises(HybridConnectionUnknown, match="no listener"):
        await setting.sender().connect()


class TestDeadlines:
    """The service's 30 seconds, shortened."""

    @pytest.fixture
    def limits(self):
        return Limits(rendezvous_seconds=0.3)

    async def test_an_offer_lapses(self, setting):
        """A rendezvous that comes late meets nobody."""
        caught = []

        async def late(offer):
            await asyncio.sleep(0.8)
            try:
                await offer.accept()
            except RendezvousMissed as error:
                caught.append(error)

        await setting.listener(on_offer=late)
        with pytest.raises(RelayAnswerLate):
            await setting.sender().connect()
        await asyncio.sleep(1.0)
        assert len(caught) == 1

    async def test_an_address_is_good_for_one_connection(self, setting):
        """The second one could listen in."""
        caught = []

        async def twice(offer):
            opened = await offer.accept()
            try:
                await offer.accept()
            except RendezvousMissed as error:
                caught.append(error)
            await opened.finish()

        await setting.listener(on_offer=twice)
        opened = await setting.sender().connect()
        assert await opened.receive() is None
        assert len(caught) == 1
        await opened.close()
