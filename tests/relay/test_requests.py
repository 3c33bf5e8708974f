"""HTTP through the relay: over the control channel, over a rendezvous, streamed, in time, refused by name."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from relay import Limits, RelayedResponse
from shared.message.errors.relay import (
    HybridConnectionUnknown,
    NoRelayListener,
    RelayAnswerLate,
    RelayLimitExceeded,
    RelayRefused,
    RelayUnreachable,
    RendezvousMissed,
)

KB = 1024


async def describe(request):
    """Answer with what arrived."""
    body = await request.body.read(10_000 * KB)
    said = f"{request.method} {request.target} {len(body)} {request.header('x-ward')}"
    return RelayedResponse(201, said.encode(), {"Content-Type": "text/plain", "X-Seen": "yes"}, "Made")


@pytest.mark.parametrize("size", [0, 1, 1000, 63 * KB, 64 * KB, 65 * KB, 1000 * KB])
async def test_a_request_of_any_size_arrives_whole_and_is_answered(setting, size):
    """Up to 64 kB over the control channel, beyond it over a rendezvous; nobody but the relay notices."""
    await setting.listener(on_request=describe)
    async with setting.sender().request("POST", "/a?b=c", body=b"x" * size, headers={"X-Ward": "7"}) as answer:
        assert (answer.status, answer.reason, answer.headers["X-Seen"]) == (201, "Made", "yes")
        assert await answer.text() == f"POST /ward/a?b=c {size} 7"


@pytest.mark.parametrize("size", [0, 1, 63 * KB, 65 * KB, 1000 * KB])
async def test_an_answer_of_any_size_arrives_whole(setting, size):
    """The listener takes a rendezvous for what does not fit."""
    await setting.listener(on_request=returning(RelayedResponse(200, b"y" * size)))
    async with setting.sender().request("GET") as answer:
        assert await answer.read() == b"y" * size


async def test_bodies_flow_through_before_they_are_whole(setting):
    """A body that were kept whole somewhere would never arrive here: its end waits for the answer to its beginning."""
    heard = asyncio.Event()

    async def echo(request):
        return RelayedResponse(200, aiter(request.body))

    async def parts():
        yield b"first"
        await heard.wait()
        yield b"second"

    await setting.listener(on_request=echo)
    async with asyncio.timeout(20), setting.sender().request("POST", body=parts()) as answer:
        assert await answer.content.readany() == b"first"
        heard.set()
        assert await answer.content.read() == b"second"


async def test_a_body_that_nobody_reads_waits_with_its_sender(setting):
    """Back-pressure from the handler to the sender: 64 MB must not pile up anywhere between."""
    sent = 0
    go_on = asyncio.Event()

    async def slow(request):
        await go_on.wait()
        size = 0
        async for part in request.body:
            size += len(part)
        return RelayedResponse(200, str(size).encode())

    async def parts():
        nonlocal sent
        for _ in range(1024):
            yield b"x" * 64 * KB
            sent += 64 * KB

    await setting.listener(on_request=slow)

    async def send():
        async with setting.sender().request("POST", body=parts()) as answer:
            return await answer.text()

    sending = asyncio.create_task(send())
    last = -1
    while sent != last:  # until nothing moves any more
        last = sent
        await asyncio.sleep(0.5)
    assert sent < 32 * KB * KB
    go_on.set()
    assert await sending == str(64 * KB * KB)


async def test_a_sender_that_took_a_rendezvous_goes_on_over_it(setting):
    """The guide: subsequent requests of that client go over the maintained socket, in order."""
    await setting.listener(on_request=describe)
    sender = setting.sender(connections=1)
    for size in (100 * KB, 10, 0, 200 * KB):
        async with sender.request("PUT", body=b"x" * size) as answer:
            assert (await answer.text()).split()[2] == str(size)


async def test_a_handler_that_fails_says_500_and_nothing_of_why(setting):
    """An exception's text may hold what the request held."""

    async def fail(request):
        raise ValueError("SECRET")

    await setting.listener(on_request=fail)
    async with setting.sender().request("GET") as answer:
        assert (answer.status, await answer.read()) == (500, b"")
    assert [type(error) for error in setting.errors] == [ValueError]


async def test_the_relays_own_statuses_are_never_a_listeners(setting):
    """502 and 504 are not permitted in an answer; a sender takes them for "nobody had it" and "perhaps"."""
    await setting.listener(on_request=returning(RelayedResponse(504)))
    async with setting.sender().request("GET") as answer:
        assert answer.status == 503


async def test_headers_of_one_connection_do_not_travel(setting):
    """Content-Length of one hop, on another one, cuts bodies."""
    headers = {"Content-Length": "99", "Connection": "close", "X-Kept": "yes"}
    await setting.listener(on_request=returning(RelayedResponse(200, b"four", headers)))
    async with setting.sender().request("GET") as answer:
        assert (answer.headers["Content-Length"], answer.headers["X-Kept"]) == ("4", "yes")


async def test_the_relays_token_does_not_reach_the_listener(setting):
    """It would let the listener send in the sender's name; the application's own Authorization does pass."""
    seen = {}

    async def look(request):
        seen.update(request.headers)
        return RelayedResponse(204)

    await setting.listener(on_request=look)
    async with setting.sender().request("GET", headers={"Authorization": "Basic x"}) as answer:
        assert answer.status == 204
    assert seen["Authorization"] == "Basic x"
    assert "SharedAccessSignature" not in str(seen)


# --- refused by name


async def test_nobody_listens(setting):
    """Nobody can have taken it: the sender may send it again at once."""
    with pytest.raises(NoRelayListener):
        await status_of(setting.sender())


async def test_a_token_without_the_right_is_refused(setting):
    """A listener's key must not send."""
    await setting.listener(on_request=describe)
    with pytest.raises(RelayRefused):
        await status_of(setting.sender("listen"))


async def test_a_hybrid_connection_that_does_not_exist(setting):
    """A slip in the configuration, said as one."""
    place = setting.place("word")
    with pytest.raises(HybridConnectionUnknown):
        await status_of(setting.sender(place=place))


async def test_the_relay_is_not_there(setting):
    """No answer at all."""
    place = setting.place()
    sender = setting.sender(place=place)
    await setting.relay.stop()
    with pytest.raises(RelayUnreachable):
        await status_of(sender)


async def test_a_hybrid_connection_may_let_anybody_send(setting):
    """Then Authorization is the application's own, always."""
    await setting.listener(place=setting.place("open"), on_request=describe)
    url = setting.place("open").request_url("/x")
    async with aiohttp.ClientSession() as session, session.post(url, data=b"ab") as answer:
        assert (await answer.text()).startswith("POST /open/x 2")


async def test_headers_over_32_kb_are_refused_before_they_leave(setting):
    """The relay would refuse them with less to go by."""
    with pytest.raises(RelayLimitExceeded):
        async with setting.sender().request("GET", headers={"X": "y" * 33 * KB}):
            pass


class TestDeadlines:
    """The service's 60 and 30 seconds, shortened."""

    @pytest.fixture
    def limits(self):
        return Limits(answer_seconds=0.5, rendezvous_seconds=0.5)

    async def test_a_request_that_nobody_answers_is_late_for_its_sender(self, setting):
        """The listener may have done what was asked: this is not "nobody had it"."""
        await setting.listener(on_request=waiting(30))
        with pytest.raises(RelayAnswerLate):
            await status_of(setting.sender())

    async def test_a_listener_ends_what_nobody_waits_for_any_more(self, setting):
        """Or the work of an hour of time-outs would pile up."""
        await setting.listener(on_request=waiting(30), limits=Limits(answer_seconds=0.1))
        async with setting.sender().request("GET") as answer:
            assert answer.status == 503
        assert [type(error) for error in setting.errors] == [RelayAnswerLate]

    async def test_a_body_that_stops_on_its_way_is_late(self, setting):
        """Sixty idle seconds, and the stream is over for both."""

        async def stopping():
            yield b"begin"
            await asyncio.sleep(30)

        await setting.listener(
            on_request=returning(lambda: RelayedResponse(200, stopping())), limits=Limits(answer_seconds=0.2)
        )
        with pytest.raises((RelayUnreachable, aiohttp.ClientError)):
            async with asyncio.timeout(10), setting.sender().request("GET") as answer:
                await answer.read()
        assert RelayAnswerLate in [type(error) for error in setting.errors]

    async def test_a_rendezvous_after_its_time_is_missed(self, setting):
        """The sender has heard 504 by then."""

        async def late(request):
            await asyncio.sleep(1.0)
            return RelayedResponse(200, b"x" * 100 * KB)

        await setting.listener(on_request=late, limits=Limits())
        with pytest.raises(RelayAnswerLate):
            await status_of(setting.sender())
        await asyncio.sleep(1.0)
        assert RendezvousMissed in [type(error) for error in setting.errors]


def returning(answer):
    async def handle(request):
        return answer() if callable(answer) else answer

    return handle


def waiting(seconds):
    async def handle(request):
        await asyncio.sleep(seconds)
        return RelayedResponse(200)

    return handle


async def status_of(sender) -> int:
    async with sender.request("GET") as answer:
        return answer.status
