"""Who is not on the list: no byte is read of them, and no handshake begun."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest

from tests.connector.certificate_authority import Authority
from tests.connector.peers import Source, admission
from tests.doubles.waiting import until


@pytest.fixture
def tls(tmp_path):
    """A listener's `tls`, and a client's context that trusts it."""
    authority = Authority(tmp_path)
    ours = authority.issue("localhost")
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    trusting.check_hostname = False
    return {"certificate": str(ours.certificate), "key": str(ours.key)}, trusting


def client_hello() -> bytes:
    """Return the first bytes of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


async def answer_to(port: int, said: bytes) -> bytes:
    """Return the first bytes that a listener says to a client; empty: it closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(said)
        async with asyncio.timeout(20):
            return await reader.read(65536)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("kind", ["mllp", "http"])
async def test_a_stranger_is_turned_away_before_the_handshake(hospital, tls, kind, caplog):
    """Whatever is wrong with TLS tomorrow, only systems of the hospital can try it out. RFC 8446: a server that reads
    a hello answers it, at least with an alert."""
    stranger = await hospital.connector({"kind": kind, "tls": tls[0], "allow": ["10.0.0.0/8"]})
    assert await answer_to(stranger.listeners["adt"].port, client_hello()) == b""
    assert stranger.report()["listeners"][0]["turned_away"] == 1
    assert [record for record in caplog.records if "CONNECTOR-014" in record.message]
    assert not [record for record in caplog.records if "127.0.0.1" in record.message]


@pytest.mark.parametrize("fault", [ValueError("a fault of ours"), OSError(5, "of the system")])
async def test_a_connection_that_goes_wrong_is_not_the_last(hospital, fault):
    """The port would still take connections, and nobody behind it: a sender waits for ever, and no alarm rings."""
    connector = await hospital.connector()
    door = connector.listeners["adt"].door
    make, failed = door._make, []

    def fail_once():
        if not failed:
            failed.append(True)
            raise fault
        return make()

    door._make = fail_once
    assert await (await hospital.source(connector)).answer() is None
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"


@pytest.mark.parametrize("kind", ["mllp", "http"])
async def test_a_system_on_the_list_is_answered(hospital, tls, kind):
    """The hello of the test above is one that a listener answers: 0x16 begins a record of the handshake."""
    known = await hospital.connector({"kind": kind, "tls": tls[0], "allow": ["127.0.0.0/8"]})
    assert (await answer_to(known.listeners["adt"].port, client_hello()))[:1] == b"\x16"
    assert known.report()["listeners"][0]["turned_away"] == 0


async def test_a_message_comes_through_the_door_encrypted(hospital, tls):
    """The socket was accepted by hand: what it became must be the connection it was before."""
    connector = await hospital.connector({"tls": tls[0], "allow": ["127.0.0.1"]})
    source = await Source.connect(connector.listeners["adt"].port, tls[1], "127.0.0.1")
    hospital.keep(source.close)
    assert (await source.ask(admission("M1"))).code == "AA"


async def test_a_reload_lets_a_new_system_in(hospital):
    """A new analyser is put on the list on a working day; nobody else is disconnected for it."""
    config = hospital.config({"allow": ["10.0.0.0/8"]})
    connector = await hospital.start(config)
    assert await (await hospital.source(connector)).answer() is None
    table = config.listen[0].model_copy(update={"allow": ("10.0.0.0/8", "127.0.0.1")})
    await connector.reload(config.model_copy(update={"listen": (table,)}))
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"


async def test_handshakes_that_do_not_end_have_a_limit(hospital, tls):
    """Each holds memory and a file handle: before, nobody counted them until they had ended."""
    connector = await hospital.connector({"tls": tls[0], "connections": 8, "connections_per_sender": 2})
    door = connector.listeners["adt"].door
    silent = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(2)]
    await until(lambda: len(door._shaking_hands) == 2)
    assert await answer_to(door.port, client_hello()) == b""
    for _, writer in silent:
        writer.close()
    await until(lambda: not door._shaking_hands)
    assert (await answer_to(door.port, client_hello()))[:1] == b"\x16"


class Asking:
    """A client of HTTP that leaves its connection open until `close`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, hospital, port: int) -> Asking:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        hospital.keep(client.close)
        return client

    async def ask(self) -> bytes:
        """Return the status of what the listener refuses; empty: it closed."""
        try:
            self._writer.write(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
            async with asyncio.timeout(20):
                return (await self.reader.readuntil(b"\r\n\r\n"))[9:12]
        except (ConnectionError, asyncio.IncompleteReadError):
            return b""

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def test_no_more_than_so_many_may_be_open_over_http_too(hospital):
    """A system that opens and never closes would have every handle of the process, and the others none."""
    connector = await hospital.connector({"kind": "http", "connections": 2, "connections_per_sender": 9})
    listener = connector.listeners["adt"]
    first, second, third = [await Asking.connect(hospital, listener.port) for _ in range(3)]
    assert [await one.ask() for one in (first, second, third)] == [b"405", b"405", b""]
    assert connector.report()["listeners"][0]["connections"] == 2

    await first.close()
    await until(lambda: connector.report()["listeners"][0]["connections"] == 1)
    assert await (await Asking.connect(hospital, listener.port)).ask() == b"405"


async def test_a_sender_that_reconnects_over_http_takes_the_place_of_its_quietest(hospital):
    """It lost its old connection where we do not know yet: it must not wait until we do."""
    connector = await hospital.connector({"kind": "http", "connections": 9, "connections_per_sender": 2})
    quiet, busy, new = [await Asking.connect(hospital, connector.listeners["adt"].port) for _ in range(3)]
    assert [await one.ask() for one in (busy, new)] == [b"405", b"405"]
    async with asyncio.timeout(20):
        assert await quiet.reader.read() == b""
