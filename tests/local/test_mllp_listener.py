"""The MLLP listener acknowledges in order, pushes back, and never acknowledges what the hub did not take."""

from __future__ import annotations

import asyncio

import azure.functions as func
import pytest

from local.mllp_listener import ListenerLimits, MllpListener, answer_by


def frame(message):
    return b"\x0b" + message + b"\x1c\r"


class Hub:
    """Takes messages as `ingest` does: answers what it is told to, when it is told to."""

    def __init__(self):
        self.taken = []
        self.replies = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.working = self.most_working = 0

    async def ingest(self, body):
        self.working += 1
        self.most_working = max(self.most_working, self.working)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.working -= 1
        self.taken.append(body)
        status, answer = self.replies.get(body, (200, b"AA " + body))
        return func.HttpResponse(answer, status_code=status)


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
async def listen(hub):
    started = []

    async def listen(**limits):
        listener = MllpListener(answer_by(hub.ingest), ListenerLimits(stall_seconds=0.02, **limits))
        await listener.start(0)
        started.append(listener)
        return listener

    yield listen
    hub.gate.set()
    for listener in started:
        await listener.stop()


async def connect(listener):
    return await asyncio.open_connection("127.0.0.1", listener.port)


async def answer(reader):
    async with asyncio.timeout(10):
        return (await reader.readuntil(b"\x1c\r"))[1:-2]


async def is_closed(reader):
    async with asyncio.timeout(10):
        return await reader.read() == b""


async def test_message_is_acknowledged_with_what_ingest_answered(listen, hub):
    """The listener adds nothing and decides nothing."""
    reader, writer = await connect(await listen())

    writer.write(frame(b"MSH|1"))

    assert await answer(reader) == b"AA MSH|1"
    assert hub.taken == [b"MSH|1"]
    writer.close()


async def test_frame_may_come_in_pieces(listen):
    """TCP cuts where it likes."""
    reader, writer = await connect(await listen())

    for byte in frame(b"MSH|1"):
        writer.write(bytes([byte]))
        await writer.drain()

    assert await answer(reader) == b"AA MSH|1"
    writer.close()


async def test_pipelined_messages_are_taken_one_at_a_time_and_answered_in_order(listen, hub):
    """Order means: a message acknowledged before another's request began (rule R1)."""
    reader, writer = await connect(await listen())

    writer.write(b"".join(frame(b"MSH|%d" % number) for number in range(20)))

    assert [await answer(reader) for _ in range(20)] == [b"AA MSH|%d" % number for number in range(20)]
    assert hub.most_working == 1
    writer.close()


async def test_sender_that_pipelines_is_pushed_back_by_tcp(listen, hub):
    """No unbounded list anywhere between socket and disk: what the hub has no time for stays with the sender."""
    hub.gate.clear()
    listener = await listen()
    _, writer = await connect(listener)
    block = frame(b"MSH|" + b"x" * 100_000)

    sent = 0
    while writer.transport.get_write_buffer_size() == 0 and sent < 100_000_000:
        writer.write(block)
        sent += len(block)
        await asyncio.sleep(0.001)

    assert sent < 100_000_000
    (connection,) = listener.connections
    assert sum(map(len, connection._waiting)) < 2_000_000
    writer.transport.abort()


async def test_full_hub_stalls_the_sender_instead_of_refusing(listen, hub):
    """Many engines mark AE as failed and send the next message: AE as back-pressure loses data."""
    hub.replies[b"MSH|1"] = (503, b"full")
    reader, writer = await connect(await listen())
    writer.write(frame(b"MSH|1"))
    await asyncio.sleep(0.1)
    assert hub.taken.count(b"MSH|1") > 1

    del hub.replies[b"MSH|1"]

    assert await answer(reader) == b"AA MSH|1"
    writer.close()


async def test_sender_that_leaves_while_stalled_is_forgotten(listen, hub, eventually):
    """Each reconnect of an impatient sender would otherwise leave one more offer circling."""
    hub.replies[b"MSH|1"] = (503, b"full")
    _, writer = await connect(await listen())
    writer.write(frame(b"MSH|1"))
    await eventually(lambda: len(hub.taken) > 1)

    writer.close()
    await asyncio.sleep(0.1)
    offered = len(hub.taken)
    await asyncio.sleep(0.1)

    assert len(hub.taken) == offered


@pytest.mark.parametrize("reply", [(500, b"the function failed"), (400, b""), (200, b"")])
async def test_message_that_cannot_be_answered_closes_the_connection_without_a_word(listen, hub, reply):
    """No MSH, or a failure before it was durable: the sender still has it, and must not hear AA."""
    hub.replies[b"MSH|1"] = reply
    reader, writer = await connect(await listen())

    writer.write(frame(b"MSH|1") + frame(b"MSH|2"))

    assert await is_closed(reader)
    assert b"MSH|2" not in hub.taken
    writer.close()


async def test_answerer_that_raises_closes_the_connection(hub):
    """A line that hangs open after a failure would hold its sender until somebody restarts it."""

    async def fail(_):
        raise OSError("disk full")

    listener = MllpListener(fail)
    await listener.start(0)
    reader, writer = await connect(listener)

    writer.write(frame(b"MSH|1"))

    assert await is_closed(reader)
    writer.close()
    await listener.stop()


async def test_refusal_is_an_answer_like_any_other(listen, hub):
    """AR goes back and the line stays: the next message may be welcome."""
    hub.replies[b"MSH|1"] = (422, b"AR MSH|1")
    reader, writer = await connect(await listen())

    writer.write(frame(b"MSH|1") + frame(b"MSH|2"))

    assert [await answer(reader), await answer(reader)] == [b"AR MSH|1", b"AA MSH|2"]
    writer.close()


async def test_message_above_the_limit_closes_the_connection(listen, hub):
    """Whatever announces itself without end must not fill the memory."""
    reader, writer = await connect(await listen(frame_bytes=1000))

    writer.write(b"\x0bMSH|" + b"x" * 2000)

    assert await is_closed(reader)
    assert hub.taken == []
    writer.close()


async def test_connections_above_the_limit_are_closed_and_others_go_on(listen):
    """A sender that reconnects without closing must not take the whole hub."""
    listener = await listen(connections=2)
    first, second, third = [await connect(listener) for _ in range(3)]

    third[1].write(frame(b"MSH|3"))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await answer(third[0])
    for number, (reader, writer) in enumerate((first, second)):
        writer.write(frame(b"MSH|%d" % number))
        assert await answer(reader) == b"AA MSH|%d" % number
        writer.close()
    third[1].close()


async def test_stop_answers_what_is_at_work_and_nothing_after_it(listen, hub, eventually):
    """A message that became durable deserves its AA; the one behind it stays with the sender."""
    hub.gate.clear()
    listener = await listen()
    reader, writer = await connect(listener)
    writer.write(frame(b"MSH|1") + frame(b"MSH|2"))
    await eventually(lambda: hub.working == 1)

    stopping = asyncio.create_task(listener.stop())
    await asyncio.sleep(0.05)
    hub.gate.set()
    await stopping

    assert await answer(reader) == b"AA MSH|1"
    assert await is_closed(reader)
    assert hub.taken == [b"MSH|1"]
    with pytest.raises(OSError):
        await connect(listener)
    writer.close()


async def test_sender_that_never_reads_its_answers_is_not_answered_without_end(listen, hub):
    """Unread acknowledgements are memory too."""
    big = b"MSH|" + b"x" * 1_000_000
    listener = await listen()
    _, writer = await connect(listener)
    for _ in range(30):
        writer.write(frame(big))
    await asyncio.sleep(0.5)

    assert len(hub.taken) < 20
    writer.transport.abort()
