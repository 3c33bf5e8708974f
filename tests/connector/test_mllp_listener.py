"""What senders really do: pause, reconnect, pipeline, garble, attack."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from connector.log import Lines
from connector.senders import admit, is_allowed
from shared.mllp import encode_frame
from tests.connector.peers import Source, admission
from tests.doubles.waiting import until


async def test_silence_between_messages_is_no_error(hospital):
    """A ward at two in the morning; only a frame that was begun has to end."""
    connector = await hospital.connector({"frame_seconds": 0.2})
    source = await hospital.source(connector)
    for number in range(3):
        await asyncio.sleep(0.5)
        assert (await source.ask(admission(f"M{number}"))).code == "AA"


async def test_a_frame_that_does_not_end_closes_the_connection(hospital):
    """Half a frame holds a connection, and with enough of them the listener, for ever."""
    connector = await hospital.connector({"frame_seconds": 0.3})
    source = await hospital.source(connector)
    source.writer.write(encode_frame(admission("M1"))[:40])
    assert await source.answer(10) is None


async def test_a_reconnecting_sender_takes_the_place_of_its_dead_connection(hospital):
    """Its old connection is half open here for hours; it must not be told that it is too many."""
    connector = await hospital.connector({"connections_per_sender": 1})
    first = await hospital.source(connector)
    assert (await first.ask(admission("M1"))).code == "AA"
    second = await hospital.source(connector)
    assert (await second.ask(admission("M2"))).code == "AA"
    assert await first.answer(10) is None
    assert len(connector.listeners["adt"].connections) == 1


async def test_connections_beyond_the_limit_are_not_let_in(hospital):
    """Memory and file handles have an end; those inside go on."""
    connector = await hospital.connector({"connections": 2})
    inside = [await hospital.source(connector) for _ in range(2)]
    for number, source in enumerate(inside):
        assert (await source.ask(admission(f"M{number}"))).code == "AA"
    outside = await hospital.source(connector)
    assert await outside.answer(10) is None
    assert (await inside[0].ask(admission("M9"))).code == "AA"


async def test_an_address_that_is_not_on_the_list_is_not_let_in(hospital):
    """The allow-list is the first thing a hospital's security team asks for."""
    connector = await hospital.connector({"allow": ["10.0.0.0/8"]})
    source = await hospital.source(connector)
    assert await source.answer(10) is None


@pytest.mark.parametrize(
    ("sender", "allow", "is_in"),
    [
        ("10.1.2.3", [], True),
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("11.1.2.3", ["10.0.0.0/8", "192.168.0.0/16"], False),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("", ["10.0.0.0/8"], False),
    ],
)
def test_the_allow_list_is_one_of_networks(sender, allow, is_in):
    """An IPv4 sender on a socket for both is written as IPv6."""
    assert is_allowed(sender, allow) is is_in


def test_the_quietest_connection_of_a_sender_makes_room():
    """The one it has most likely lost."""

    class One:
        def __init__(self, last_heard):
            self.last_heard = last_heard

    mine = [One(3.0), One(1.0), One(2.0)]
    assert admit(mine, 4, 10, 3) == ("", mine[1])
    assert admit(mine, 4, 4, 9) == ("too_many_connections", None)
    assert admit([], 4, 10, 3) == ("", None)


@pytest.mark.parametrize(
    "garbage", [b"\x0bno HL7\x1c\r", b"\x0b\x1c\r", b"\x0bMSH\x1c\r", b"\x0bPID|1\x1c\r", b"\x0bMSH|||\x1c\r"]
)
async def test_what_is_no_message_closes_the_connection_and_harms_nobody(hospital, garbage):
    """Nobody can be answered: there is no MSH-10 to name."""
    connector = await hospital.connector()
    bad, good = await hospital.source(connector), await hospital.source(connector)
    bad.writer.write(garbage)
    assert await bad.answer(10) is None
    assert (await good.ask(admission("M1"))).code == "AA"


async def test_a_frame_over_the_limit_closes_the_connection(hospital):
    """100 MB without an end would be 100 MB of memory for each connection."""
    connector = await hospital.connector({"frame_megabytes": 1})
    source = await hospital.source(connector)
    source.writer.write(b"\x0bMSH|" + b"x" * (2 << 20))
    assert await source.answer(20) is None
    assert hospital.hub.control_ids == []


async def test_a_large_message_arrives_byte_for_byte(hospital):
    """A document of some megabytes is an ordinary message; it travels alone."""
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    large = admission("BIG", text="x" * 5_000_000)
    assert (await source.ask(large)).code == "AA"
    assert (await source.ask(admission("M2"))).code == "AA"
    await until(lambda: hospital.hub.control_ids == ["BIG", "M2"])
    assert hospital.hub.bodies["BIG"] == large


@pytest.mark.parametrize(
    "message",
    [
        admission("M1").rstrip(b"\r"),
        admission("M1").replace(b"\r", b"\n"),
        admission("M1").replace(b"\r", b"\r\n"),
        admission("M1").replace(b"|", b"#"),
        b"\r\n" + admission("M1"),
    ],
    ids=["no last CR", "LF", "CRLF", "other delimiters", "blank line first"],
)
async def test_what_senders_really_send_arrives_byte_for_byte(hospital, message):
    """Tolerated here, explained by the hub; a connector that repairs would make two truths."""
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    await source.ask(admission("M0"))
    await source.send(message)
    assert b"M1" in await source.answer()
    await until(lambda: len(hospital.hub.control_ids) == 2)
    assert hospital.hub.bodies["M1"] == message


async def test_a_slow_reader_does_not_fill_the_memory(hospital):
    """It sends and never reads its answers: TCP pushes back, and everybody else goes on."""
    connector = await hospital.connector({"acknowledge": "spool", "connections_per_sender": 4})
    slow = await hospital.source(connector)
    frames = b"".join(encode_frame(admission(f"S{number}")) for number in range(2000))

    async def flood():
        while True:
            slow.writer.write(frames)
            await slow.writer.drain()

    flooding = asyncio.create_task(flood())
    await asyncio.sleep(1.0)
    good = await hospital.source(connector)
    assert (await good.ask(admission("M1"))).code == "AA"
    connection = next(iter(connector.listeners["adt"].connections - {None}), None)
    assert connection is not None
    assert max(len(one._asked) + len(one._frames) for one in connector.listeners["adt"].connections) < 4000
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)


async def test_hundreds_of_slow_connections_do_not_keep_a_good_one_out(hospital):
    """Each trickles a byte now and then; the frame's time ends them one by one."""
    connector = await hospital.connector(
        {"connections": 1000, "connections_per_sender": 1000, "frame_seconds": 1.0, "acknowledge": "spool"}
    )
    slow = [await Source.connect(connector.listeners["adt"].port) for _ in range(400)]
    for source in slow:
        source.writer.write(b"\x0bMSH|^~")
    good = await hospital.source(connector)
    for number in range(20):
        assert (await good.ask(admission(f"M{number}"))).code == "AA"
    await until(lambda: len(connector.listeners["adt"].connections) == 1)
    for source in slow:
        await source.close()


def test_what_a_library_says_is_not_repeated():
    """A traceback of theirs may end in the bytes that it could not read; and no line of the log is two."""
    try:
        raise ValueError("PID|1||P1||Vela^Ada")
    except ValueError:
        record = logging.LogRecord("aiohttp.server", logging.ERROR, "f", 1, "of %s\n", ("Vela",), sys.exc_info())
    said = Lines().format(record)
    assert said.endswith('ERROR {"event":"library_said","file":"aiohttp.server","error":"ValueError"}')
    ours = logging.LogRecord("caduceus.connector", logging.INFO, "f", 1, "%s", ('{"event":"started"}',), None)
    assert Lines().format(ours).endswith('INFO {"event":"started"}')


async def test_no_content_is_in_the_log(hospital, caplog):
    """A name pushed through every path that logs: framing, refusals, errors, the full spool."""
    caplog.set_level("DEBUG")
    hospital.hub.refuses = {"ZEBRAFISH"}
    connector = await hospital.connector({"acknowledge": "hybrid"})
    for raw in (admission("ZEBRAFISH", "ZEBRAFISH", "ZEBRAFISH"), b"ZEBRAFISH", b"MSH|ZEBRAFISH"):
        source = await hospital.source(connector)
        source.writer.write(b"ZEBRAFISH\x0b" + raw + b"\x1cZEBRAFISH")
        await source.answer(5)
    assert "ZEBRAFISH" not in caplog.text
    assert "framing_tolerated" in caplog.text
