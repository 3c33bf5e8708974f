"""The HTTPS destination against receivers that do what receivers do."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from shared.adapters.destinations.https import HttpsDestination
from shared.adapters.http_client import ANSWER_LIMIT_BYTES
from shared.message.delivery import Answer, Verdict
from tests.contract.destinations.receiver import Receiver, drop, hang, say, say_late

FHIR = "application/fhir+json"
BODY = b'{"resourceType":"Bundle"}'


def response(status="200 OK", body=b"", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return head + await reader.readexactly(int(length))


def header_of(request: bytes, name: str) -> str:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}:"))


@pytest.fixture
def app(meet, clock):
    """Opens a receiver that behaves so, and the destination that sends to it."""

    async def start(*behaviours, connections=4):
        return await meet(
            Receiver(read_request, *behaviours),
            lambda port: HttpsDestination(f"http://127.0.0.1:{port}/in?key=s3cret", connections, clock),
        )

    return start


@pytest.fixture
def send(clock, delivery):
    async def send(destination, body=BODY, media_type=FHIR, seconds=2.0):
        return await destination.send(delivery, body, media_type, clock.now() + timedelta(seconds=seconds))

    return send


async def test_accepted_message_arrives_as_it_was_shaped_with_its_type_and_key(app, send, delivery):
    """The receiver knows a second copy by the delivery id, whichever attempt it came from (rule R4)."""
    receiver, destination = await app(say(response("202 Accepted")))

    answer = await send(destination)

    assert answer == Answer(Verdict.ACCEPTED, "HTTP 202")
    (request,) = receiver.taken
    assert request.startswith(b"POST /in?key=s3cret HTTP/1.1\r\n")
    assert request.endswith(BODY)
    assert header_of(request, "Content-Type") == FHIR
    assert header_of(request, "Idempotency-Key") == delivery.id


async def test_messages_share_connections(app, send):
    """A handshake for each message would cost more than the message."""
    receiver, destination = await app(say(response()))

    for _ in range(5):
        await send(destination)

    assert receiver.connections == 1


async def test_overload_says_when_to_come_back(app, send):
    """A receiver under load knows best; asking sooner makes it worse."""
    _, destination = await app(say(response("503 Service Unavailable", b"", "Retry-After: 7")))

    assert await send(destination) == Answer(Verdict.TRANSIENT, "HTTP 503", 7.0)


async def test_operation_outcome_refines_the_status(app, send):
    """A FHIR server that lost a race answers 400 or 409; a retry heals it, a person need not look."""
    outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"lock-error"}]}'
    _, destination = await app(say(response("400 Bad Request", outcome)))

    assert await send(destination) == Answer(Verdict.TRANSIENT, "HTTP 400 lock-error")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"resourceType":"OperationOutcome","issue":[]}', b"\xff"])
async def test_body_that_is_no_operation_outcome_leaves_the_status_to_decide(app, send, body):
    """Proxies answer in HTML."""
    _, destination = await app(say(response("400 Bad Request", body)))

    assert await send(destination) == Answer(Verdict.PERMANENT, "HTTP 400")


async def test_redirect_is_not_followed(app, send):
    """Patient data goes to the address a person configured, and nowhere a receiver points to."""
    elsewhere, _ = await app(say(response()))
    redirect = response("307 Temporary Redirect", b"", f"Location: http://127.0.0.1:{elsewhere.port}/in")
    _, destination = await app(say(redirect))

    assert await send(destination) == Answer(Verdict.TRANSIENT, "HTTP 307")
    assert elsewhere.taken == []


async def test_refused_connection_is_transient(app, send):
    """Nobody can have taken it."""
    receiver, destination = await app(say(response()))
    await receiver.down()

    assert await send(destination) == Answer(Verdict.TRANSIENT, "refused")


async def test_unknown_name_is_transient(clock, send):
    """`.invalid` never resolves (RFC 2606)."""
    destination = HttpsDestination("https://app.invalid/in", 1, clock)

    answer = await send(destination)
    await destination.close()

    assert answer == Answer(Verdict.TRANSIENT, "name_unknown")


async def test_receiver_without_tls_is_transient_and_gets_no_byte_of_the_message(clock, send):
    """A message must never leave in the clear because the other side does not speak TLS."""

    async def read_anything(reader):
        return await reader.readexactly(3)

    receiver = await Receiver(read_anything, say(b"HTTP/1.1 400 Bad Request\r\n\r\n")).up()
    destination = HttpsDestination(f"https://127.0.0.1:{receiver.port}/in", 1, clock)

    answer = await send(destination)
    await destination.close()
    await receiver.down()

    assert answer == Answer(Verdict.TRANSIENT, "tls_failed")
    assert b"resourceType" not in b"".join(receiver.taken)


async def test_silent_receiver_is_ambiguous_at_the_deadline(app, send):
    """It may be at work on it."""
    receiver, destination = await app(hang)
    began = time.monotonic()

    answer = await send(destination, seconds=0.2)

    assert answer == Answer(Verdict.AMBIGUOUS, "timed_out")
    assert time.monotonic() - began > 0.15
    assert len(receiver.taken) == 1


async def test_late_answer_is_never_read_as_the_next_ones(app, send):
    """A connection that timed out is not used again."""
    receiver, destination = await app(say_late(0.2, say(response("200 OK"))), say(response("503 Service Unavailable")))

    first = await send(destination, seconds=0.1)
    await asyncio.sleep(0.2)
    second = await send(destination)

    assert first.verdict is Verdict.AMBIGUOUS
    assert second == Answer(Verdict.TRANSIENT, "HTTP 503")
    assert receiver.connections == 2


@pytest.mark.parametrize("answer", [b"hello\r\n\r\n", b"\x0bMSH|^~\\&|\x1c\r", b"\x00\xff\x00\r\n\r\n"])
async def test_answer_that_is_not_http_is_ambiguous(app, send, answer):
    """It answered something."""
    _, destination = await app(say(answer))

    assert (await send(destination, seconds=0.5)).verdict is Verdict.AMBIGUOUS


async def test_line_dropped_after_the_request_left_is_ambiguous(app, send):
    """Only the answer may be lost; nothing sends it again behind our back."""
    receiver, destination = await app(drop)

    assert await send(destination) == Answer(Verdict.AMBIGUOUS, "closed_after_sent")
    assert len(receiver.taken) == 1


async def test_status_stands_when_its_body_breaks_off(app, send):
    """The answer is in the first line; what follows is decoration."""

    async def half(_, writer):
        writer.write(response("200 OK", b"x" * 100)[:-50])
        writer.close()

    _, destination = await app(half)

    assert await send(destination) == Answer(Verdict.ACCEPTED, "HTTP 200")


async def test_answer_above_the_limit_is_cut_and_its_line_not_used_again(app, send):
    """A receiver that streams for ever must not fill our memory, nor be read as the next answer."""
    long = say(response("200 OK", b"x" * (ANSWER_LIMIT_BYTES * 20)))
    receiver, destination = await app(long, say(response("204 No Content")))

    assert (await send(destination)).code == "HTTP 200"
    assert (await send(destination)).code == "HTTP 204"
    assert receiver.connections == 2


async def test_large_message_arrives_whole(app, send):
    """A bundle with an embedded document is some megabytes."""
    body = b'{"resourceType":"Bundle","x":"' + b"y" * 3_000_000 + b'"}'
    receiver, destination = await app(say(response()))

    assert (await send(destination, body)).verdict is Verdict.ACCEPTED
    assert receiver.taken[0].endswith(body)


async def test_message_that_never_left_whole_before_the_deadline_is_not_taken_for_delivered(clock, send):
    """A receiver that stops reading: whatever it makes of half a request, it must not count as accepted."""
    stuck = asyncio.Event()

    async def never_read(_, writer):
        await stuck.wait()
        writer.close()

    server = await asyncio.start_server(never_read, "127.0.0.1", 0, limit=1024)
    destination = HttpsDestination(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", 1, clock)

    answer = await send(destination, b"x" * 2**24, seconds=0.3)
    stuck.set()
    await destination.close()
    server.close()

    assert answer.verdict in (Verdict.TRANSIENT, Verdict.AMBIGUOUS)


async def test_as_many_requests_are_in_flight_as_there_are_connections(app, send):
    """What waits for a connection beyond the deadline was not sent."""
    receiver, destination = await app(say_late(0.05, say(response())), connections=3)

    answers = await asyncio.gather(*(send(destination) for _ in range(9)))

    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
    assert receiver.connections == receiver.most_at_once == 3


async def test_wait_for_a_free_connection_counts_against_the_deadline(app, send):
    """A message that never got a connection is tried again without asking anybody."""
    receiver, destination = await app(hang, connections=1)
    first = asyncio.create_task(send(destination, seconds=0.5))
    await asyncio.sleep(0.1)

    assert await send(destination, seconds=0.1) == Answer(Verdict.TRANSIENT, "connect_timed_out")
    assert (await first).verdict is Verdict.AMBIGUOUS
    assert len(receiver.taken) == 1


async def test_nothing_is_sent_after_the_deadline(app, send):
    """Rule R3: a successor may be at work by then."""
    receiver, destination = await app(say(response()))

    assert (await send(destination, seconds=-1)).verdict is Verdict.TRANSIENT
    await asyncio.sleep(0.05)
    assert receiver.taken == []


async def test_answer_never_holds_the_address(app, send):
    """The path of a web hook may be its secret, and the code of an answer is logged."""
    receiver, destination = await app(drop)
    codes = [(await send(destination)).code]
    await receiver.down()
    codes.append((await send(destination)).code)

    assert "s3cret" not in "".join(codes)
