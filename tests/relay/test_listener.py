"""Control channels: how they come back, renew, balance, and end."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay import EntraTokens, Limits, RelayedResponse, Token
from shared.message.errors.relay import HybridConnectionUnknown, RelayRefused, RelayUnreachable
from tests.doubles.tcp_line import TcpLine
from tests.doubles.waiting import until


async def hello(request):
    return RelayedResponse(200, b"hello")


async def status_of(sender) -> int:
    async with sender.request("GET") as answer:
        return answer.status


async def test_a_channel_that_is_cut_comes_back_by_itself(setting):
    """Nobody in the hospital is there to restart it."""
    listener = await setting.listener(on_request=hello)
    for control in list(listener._online):
        control.abort()
    await until(lambda: setting.errors and listener.online == 1)
    assert await status_of(setting.sender()) == 200


async def test_a_relay_that_is_down_is_asked_until_it_is_back(setting):
    """Days may lie between; the last error says why there is nothing."""
    listener = await setting.listener(on_request=hello)
    port = setting.relay.port
    await setting.relay.stop()
    await until(lambda: isinstance(listener.last_error, RelayUnreachable) and len(setting.errors) > 3)
    await setting.relay.start(port)
    await listener.wait_online(20)
    assert listener.last_error is None
    assert await status_of(setting.sender()) == 200


async def test_a_token_is_renewed_while_the_channel_stands(setting):
    """The service drops a channel whose token lapses; nobody should notice that there was one."""
    await setting.listener(on_request=hello, life=3)
    began = time.monotonic()
    while time.monotonic() - began < 5:
        assert await status_of(setting.sender()) == 200
        await asyncio.sleep(0.2)
    assert setting.errors == []


async def test_a_token_that_lapses_drops_the_channel_and_a_new_one_brings_it_back(setting):
    """Entra was down at the wrong moment; afterwards it is not."""

    class Failing:
        calls = 0

        async def token(self):
            Failing.calls += 1
            if Failing.calls == 2:
                raise OSError("no Entra")
            return await setting.tokens(life=2 if Failing.calls == 1 else 3600).token()

        async def close(self):
            pass

    await setting.listener(on_request=hello, tokens=Failing())
    await until(lambda: Failing.calls >= 3)
    await until(lambda: setting.relay.listeners("ward") == 1)
    assert await status_of(setting.sender()) == 200


async def test_a_token_that_has_lapsed_by_our_clock_is_not_asked_for_without_a_pause(setting):
    """A clock that jumped ahead, or a cache that gives the same token to its end: Entra would be asked all the time."""

    class Lapsed:
        calls = 0

        async def token(self):
            Lapsed.calls += 1
            return Token((await setting.tokens(life=3600).token()).text, time.time() - 1)

        async def close(self):
            pass

    await setting.listener(on_request=hello, tokens=Lapsed())
    for _ in range(300):
        await asyncio.sleep(0)
    assert Lapsed.calls < 10


async def test_a_renewed_token_that_is_not_accepted_ends_the_channel(setting):
    """A key that was taken back takes the listener off, and the reason is kept."""

    class Revoked:
        calls = 0

        async def token(self):
            Revoked.calls += 1
            return await setting.tokens(life=1.2).token() if Revoked.calls == 1 else Token("nonsense", time.time() + 1)

        async def close(self):
            pass

    listener = await setting.listener(on_request=hello, tokens=Revoked())
    await until(lambda: isinstance(listener.last_error, RelayRefused))


async def test_a_transfer_that_is_under_way_outlives_the_token(setting):
    """The guide: expiry drops the control channel and "does not affect ongoing connections"."""
    lapsed = asyncio.Event()

    class Once:
        calls = 0

        async def token(self):
            Once.calls += 1
            if Once.calls > 1:
                lapsed.set()
                raise OSError("Entra is down")
            return await setting.tokens(life=1.5).token()

        async def close(self):
            pass

    async def parts():
        yield b"begin "
        await lapsed.wait()
        await until(lambda: setting.relay.listeners("ward") == 0)
        yield b"end"

    async def stream(request):
        return RelayedResponse(200, parts())

    await setting.listener(on_request=stream, tokens=Once())
    async with asyncio.timeout(20), setting.sender().request("GET") as answer:
        assert await answer.read() == b"begin end"


async def test_a_deleted_hybrid_connection_is_named(setting):
    """1001 on the channel, 404 afterwards: a person has to look."""
    listener = await setting.listener(on_request=hello)
    await setting.relay.delete("ward")
    await until(lambda: isinstance(listener.last_error, HybridConnectionUnknown))


async def test_a_listener_with_a_senders_key_hears_so(setting):
    """`connector check` prints it before anything is installed."""
    listener = await setting.listener(wait=False, tokens=setting.tokens("send"))
    with pytest.raises(RelayRefused):
        await listener.wait_online(1)


async def test_25_channels_share_the_load_and_the_26th_is_refused(setting):
    """The service's own number."""
    await setting.listener(on_request=hello, channels=25)
    assert setting.relay.listeners("ward") == 25
    listener = await setting.listener(wait=False, on_request=hello)
    with pytest.raises(RelayRefused, match="25 listeners"):
        await listener.wait_online(1)


async def test_several_listeners_are_asked_in_turn(setting):
    """Two bridges: one of them may be down for an update."""
    heard: set[int] = set()

    def answering(number):
        async def handle(request):
            heard.add(number)
            return RelayedResponse(200)

        return handle

    first = await setting.listener(on_request=answering(1))
    await setting.listener(on_request=answering(2))
    sender = setting.sender()
    for _ in range(60):
        await status_of(sender)
    assert heard == {1, 2}
    await first.stop()
    assert await status_of(sender) == 200


async def test_more_requests_than_can_wait_hear_so_at_once(setting):
    """Each of them holds its body; without an end to the line a flood fills the memory."""
    go_on = asyncio.Event()
    running = 0
    most = 0

    async def slow(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go_on.wait()
        running -= 1
        return RelayedResponse(200)

    limits = Limits(concurrent_requests=2, waiting_requests=4)
    await setting.listener(on_request=slow, limits=limits)
    sender = setting.sender()
    asking = [asyncio.create_task(status_of(sender)) for _ in range(10)]
    await until(lambda: sum(one.done() for one in asking) == 6)
    go_on.set()
    assert sorted(await asyncio.gather(*asking)) == [200] * 4 + [503] * 6
    assert most == 2


async def test_what_is_at_work_is_answered_before_a_listener_stops(setting):
    """An update of the connector must not turn into an ambiguous delivery."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request):
        began.set()
        await go_on.wait()
        return RelayedResponse(200, b"done")

    listener = await setting.listener(on_request=slow)
    asking = asyncio.create_task(status_of(setting.sender()))
    await began.wait()
    stopping = asyncio.create_task(listener.stop(10))
    await asyncio.sleep(0.1)
    go_on.set()
    assert await asking == 200
    await stopping


async def test_a_token_of_entra_is_taken_as_well(setting):
    """Keyless is how Azure wants it."""

    class Credential:
        async def get_token(self, scope):
            from types import SimpleNamespace

            return SimpleNamespace(token="entra", expires_on=time.time() + 3600)

        async def close(self):
            pass

    await setting.listener(on_request=hello, tokens=EntraTokens(Credential()))
    assert await status_of(setting.sender(tokens=EntraTokens(Credential()))) == 200


class TestPing:
    """The service's idle line, shortened."""

    async def test_a_line_that_died_in_silence_is_found_and_replaced(self, setting, dead_line):
        """A firewall that forgets a connection sends no reset; without the ping nobody would ever know."""
        listener = await setting.listener(place=setting.place(port=dead_line.port), limits=Limits(ping_seconds=0.3))
        dead_line.freeze()
        await until(lambda: listener.online == 0)
        dead_line.thaw()
        await listener.wait_online(20)


@pytest.fixture
async def dead_line(setting):
    """A way to the relay that can stop carrying anything without closing."""
    line = TcpLine(setting.relay.port)
    await line.start()
    yield line
    await line.stop()
