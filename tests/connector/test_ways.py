"""The other ways in and up: HTTP, folders, TLS, the relay with its bridge; a reload; the heartbeat."""

from __future__ import annotations

import asyncio
import io
import os
import ssl
import time
from contextlib import suppress

import aiohttp
import pytest

from connector import door
from connector.config import ListenTable
from connector.http_listener import HttpListener
from relay import HybridConnection, Listener, NoTokens, SasTokens
from relay.bridge import Bridge
from relay.local_access import Access, Key
from relay.local_relay import LocalRelay
from tests.connector.certificate_authority import Authority
from tests.connector.conftest import free_port
from tests.connector.peers import Source, admission
from tests.doubles.waiting import until


async def test_a_system_that_posts_hl7_hears_its_acknowledgement(hospital):
    """200 with AA, 422 with AR, 400 for what is no HL7; a batch is taken message by message."""
    hospital.hub.refuses = {"M2"}
    port = free_port()
    await hospital.connector({"kind": "http", "port": port})
    url = f"http://127.0.0.1:{port}/"
    batch = b"FHS|^~\\&\rBHS|^~\\&\r" + admission("M3") + admission("M4") + b"BTS|2\rFTS|1\r"
    async with aiohttp.ClientSession() as session:
        for body, status, said in (
            (admission("M1"), 200, b"MSA|AA|M1"),
            (admission("M2"), 422, b"MSA|AR|M2"),
            (b"?", 400, b""),
        ):
            async with session.post(url, data=body) as answer:
                assert answer.status == status
                assert said in await answer.read()
        async with session.post(url, data=batch) as answer:
            assert (await answer.read()).count(b"MSA|AA|") == 2
        async with session.get(url) as answer:
            assert answer.status == 405
    assert hospital.hub.control_ids == ["M1", "M3", "M4"]


async def test_a_listener_stops_within_the_time_it_is_given():
    """Who is told to stop is killed when it takes too long: a hub that does not answer must not keep it."""
    began = asyncio.Event()

    class Silent:
        async def answer(self, body: bytes) -> bytes:
            began.set()
            await asyncio.sleep(3600)
            return body

    listener = HttpListener(ListenTable(name="adt", kind="http", port=1), Silent())
    await listener.start(port=0)
    async with aiohttp.ClientSession() as session:
        posting = asyncio.create_task(session.post(f"http://127.0.0.1:{listener.port}/", data=admission("M1")))
        await began.wait()
        async with asyncio.timeout(20):  # without the argument it was a minute, twice
            await listener.stop(0.2)
        with pytest.raises(aiohttp.ClientError):
            await posting


async def test_a_listener_that_stops_answers_what_is_at_work():
    """A sender that hears nothing sends again: the message would come twice."""
    began, answered = asyncio.Event(), asyncio.Event()

    class Slow:
        async def answer(self, body: bytes) -> bytes:
            began.set()
            await answered.wait()
            return b"MSH|^~\\&|\rMSA|AA|M1\r"

    listener = HttpListener(ListenTable(name="adt", kind="http", port=1), Slow())
    await listener.start(port=0)
    async with aiohttp.ClientSession() as session:
        posting = asyncio.create_task(session.post(f"http://127.0.0.1:{listener.port}/", data=admission("M1")))
        await began.wait()
        stopping = asyncio.create_task(listener.stop(60))
        await asyncio.sleep(0)
        answered.set()
        assert (await posting).status == 200
        await stopping


async def test_a_post_that_does_not_end_or_is_too_large_is_refused(hospital):
    """408 and 413: a connection that trickles must not be held for ever, nor fill the memory."""
    port = free_port()
    await hospital.connector({"kind": "http", "port": port, "frame_seconds": 0.3, "frame_megabytes": 1})
    url = f"http://127.0.0.1:{port}/"

    async def trickle():
        yield b"MSH|"
        await asyncio.sleep(2)

    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=trickle()) as answer:
            assert answer.status == 408
        async with session.post(url, data=io.BytesIO(bytes(2 << 20))) as answer:
            assert answer.status == 413
    assert hospital.hub.control_ids == []


async def test_a_watched_folder_gives_its_files_away_once(hospital, tmp_path):
    """Message or batch; done or failed, with the acknowledgements beside it; a file that still grows is left alone."""
    hospital.hub.refuses = {"M3"}
    folder = tmp_path / "in"
    folder.mkdir()
    connector = await hospital.connector({"kind": "folder", "folder": str(folder), "acknowledge": "end_to_end"})
    for name, body in {
        "a.hl7": admission("M1"), "b.hl7": admission("M2") + admission("M2b"), "c.hl7": admission("M3"), "d.txt": b"x",
        "e.hl7": b"no HL7",
    }.items():  # fmt: skip
        (folder / name).write_bytes(body)
        os.utime(folder / name, (time.time() - 60, time.time() - 60))
    (folder / "growing.hl7").write_bytes(admission("M9")[:30])
    os.utime(folder / "growing.hl7", (time.time() + 60, time.time() + 60))
    await until(lambda: len(list((folder / "failed").glob("*.hl7"))) == 2)
    assert hospital.hub.control_ids == ["M1", "M2", "M2b"]
    assert sorted(file.name for file in folder.iterdir()) == ["d.txt", "done", "failed", "growing.hl7"]
    acknowledged = b"".join(file.read_bytes() for file in (folder / "done").glob("*.ack"))
    assert acknowledged.count(b"MSA|AA|") == 3
    assert connector.listeners["adt"].port == 0


async def test_a_file_whose_name_is_as_long_as_names_may_be_is_given_away_once(hospital, tmp_path):
    """With the moment before it, it would be too long: the file would stay, and go up again every second."""
    folder = tmp_path / "in"
    folder.mkdir()
    long = folder / ("ä" * 125 + ".hl7")
    long.write_bytes(admission("M1"))
    os.utime(long, (time.time() - 60, time.time() - 60))
    await hospital.connector({"kind": "folder", "folder": str(folder), "acknowledge": "end_to_end"})
    await until(lambda: hospital.hub.control_ids == ["M1"])
    await until(lambda: len(list((folder / "done").glob("*ää.hl7"))) == 1)
    assert not long.exists()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


async def test_a_listener_with_tls_lets_in_who_has_a_certificate(hospital, authority):
    """TLS 1.2 or later, both ends known to each other; without a certificate of the authority nobody gets in."""
    ours, theirs = authority.issue("connector"), authority.issue("ehr")
    tls = {"certificate": str(ours.certificate), "key": str(ours.key), "authority": str(authority.certificate)}
    connector = await hospital.connector({"tls": tls})
    port = connector.listeners["adt"].port
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(theirs.certificate, theirs.key)
    source = await Source.connect(port, context, "localhost")
    assert (await source.ask(admission("M1"))).code == "AA"
    await source.close()
    stranger = ssl.create_default_context(cafile=authority.certificate)
    assert not await is_let_in(port, stranger)
    assert connector.listeners["adt"].tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert hospital.hub.control_ids == ["M1"]


async def test_a_connection_that_never_shakes_hands_is_let_go_of(hospital, authority, monkeypatch):
    """Before the handshake nobody counts it: ten thousand of them would take every file that a process may open."""
    monkeypatch.setattr(door, "_HANDSHAKE_SECONDS", 0.2)
    ours = authority.issue("connector")
    connector = await hospital.connector({"tls": {"certificate": str(ours.certificate), "key": str(ours.key)}})
    reader, writer = await asyncio.open_connection("127.0.0.1", connector.listeners["adt"].port)
    async with asyncio.timeout(30):
        with suppress(ConnectionError):
            assert await reader.read() == b""
    writer.transport.abort()


async def is_let_in(port: int, context: ssl.SSLContext) -> bool:
    """With TLS 1.3 a client hears that its certificate is missing after its own handshake, at its first read."""
    try:
        source = await Source.connect(port, context, "localhost")
    except (ssl.SSLError, ConnectionError):
        return False
    try:
        return await source.ask(admission("M2")) is not None
    except (ssl.SSLError, ConnectionError):
        return False
    finally:
        source.writer.transport.abort()


async def test_a_certificate_is_renewed_while_connections_stand(hospital, authority):
    """A reload reads the new file; who is connected stays connected."""
    first, second = authority.issue("connector", days=10), authority.issue("connector", days=90)
    here = authority.folder / "here.pem", authority.folder / "here.key"
    for source, target in zip((first.certificate, first.key), here, strict=True):
        target.write_bytes(source.read_bytes())
    config = hospital.config({"tls": {"certificate": str(here[0]), "key": str(here[1])}})
    connector = await hospital.start(config)
    context = ssl.create_default_context(cafile=authority.certificate)
    port = connector.listeners["adt"].port
    standing = await Source.connect(port, context, "localhost")
    assert connector.report()["certificates"][0]["days"] < 11
    for source, target in zip((second.certificate, second.key), here, strict=True):
        target.write_bytes(source.read_bytes())
    assert await connector.reload(config) == []
    assert (await standing.ask(admission("M1"))).code == "AA"
    newer = await Source.connect(port, context, "localhost")
    serials = [one.writer.get_extra_info("peercert")["serialNumber"] for one in (standing, newer)]
    assert serials[0] != serials[1]
    for one in (standing, newer):
        await one.close()
    assert connector.report()["certificates"][0]["days"] > 80


async def test_a_reload_brings_and_takes_listeners_without_dropping_anybody(hospital):
    """New limits count at once; what needs a restart is named, and not done by halves."""
    config = hospital.config({}, {"name": "oru"})
    connector = await hospital.start(config)
    source = await hospital.source(connector)
    assert (await source.ask(admission("M1"))).code == "AA"
    adt = config.listen[0].model_copy(update={"acknowledge": "spool", "allow": ("10.0.0.0/8",)})
    siu = config.listen[1].model_copy(update={"name": "siu", "port": free_port()})
    after = config.model_copy(
        update={"listen": (adt, siu), "connector": config.connector.model_copy(update={"name": "x"})}
    )
    assert await connector.reload(after) == ["connector"]
    assert sorted(connector.listeners) == ["adt", "siu"]
    assert [row["name"] for row in connector.report()["listeners"]] == ["adt", "oru", "siu"]
    lanes = after.model_copy(update={"listen": (adt.model_copy(update={"lanes": 4}), siu)})
    assert await connector.reload(lanes) == ["connector", "listen adt"]
    assert connector.config.listen[0].lanes == 1
    assert (await source.ask(admission("M2"))).code == "AA"
    assert await (await hospital.source(connector)).answer(5) is None  # not on the list any more
    assert (await (await hospital.source(connector, "siu")).ask(admission("M3"))).code == "AA"


async def test_messages_go_up_through_the_relay_and_its_bridge(hospital, tmp_path):
    """Outbound 443 alone: connector, relay, bridge, hub; a large one by rendezvous; a bridge that dies is no loss."""
    relay = LocalRelay({"up": True}, Access({"root": Key("k")}))
    await relay.start()
    hospital.keep(relay.stop)
    (tmp_path / "key").write_text("k")
    url = f"http://127.0.0.1:{relay.port}/up"
    place = HybridConnection.parse(url)

    async def bridge():
        bridge = Bridge(f"http://127.0.0.1:{hospital.hub.port}", place, NoTokens())
        listener = Listener(place, SasTokens(place.resource, "root", "k"), on_request=bridge.handle)
        await listener.start()
        await listener.wait_online(20)
        hospital.keep(bridge.close)
        hospital.keep(listener.stop, 0.1)
        return listener

    first = await bridge()
    way = {
        "transport": "relay",
        "relay": url,
        "authentication": "key",
        "key_name": "root",
        "key": f"file:{tmp_path / 'key'}",
    }
    connector = await hospital.connector({"interface": "north_adt"}, hub=way)
    source = await hospital.source(connector)
    for name, text in (("M1", ""), ("M2", "x" * 300_000), ("M3", "")):
        assert (await source.ask(admission(name, text=text))).code == "AA"
    await first.stop(1)
    assert (await source.ask(admission("M4"))).code == "AA"  # by the spool: the line is down
    await bridge()
    await until(lambda: hospital.hub.control_ids == ["M1", "M2", "M3", "M4"])
    assert hospital.hub.paths == {"/ingest/north_adt"}
    assert hospital.hub.relays == {"up"}  # whose stream it is, in the bridge's words


async def test_an_echo_goes_the_real_way_and_its_age_is_told(hospital):
    """Health by state proves nothing; an echo that was answered proves spool, stream, line and hub."""
    connector = await hospital.connector(heartbeat={"seconds": 0.2})
    await until(lambda: connector.report()["last_echo"] is not None)
    assert any(name.startswith("ECHO") for name in hospital.hub.control_ids)
    hospital.hub.is_down = True
    before = connector.report()["last_echo"]
    await asyncio.sleep(1.2)
    assert connector.report()["last_echo"] == before
    hospital.hub.is_down = False
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"


async def test_what_was_confirmed_last_is_a_message_of_the_sender(hospital):
    """`connector recover` tells the sender where to go on: of an echo it knows nothing."""
    connector = await hospital.connector(heartbeat={"seconds": 0.2})
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"
    await until(lambda: hospital.hub.control_ids[-1].startswith("ECHO"))
    echoed = connector.report()["last_echo"]
    await until(lambda: connector.report()["last_echo"] != echoed)  # one that came after M1 is settled, too
    (listener,) = connector.report()["listeners"]
    assert listener["confirmed"] == "M1"


async def test_the_status_page_says_what_waits_and_nothing_of_whom(hospital):
    """For people, for programs, for Prometheus; on 127.0.0.1 alone."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "spool"}, status={"port": free_port()})
    await (await hospital.source(connector)).ask(admission("M1", "PATIENT"))
    await until(lambda: not connector.line.is_up)
    base = f"http://127.0.0.1:{connector.status_page.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/status") as answer:
            said = await answer.json()
        async with session.get(f"{base}/metrics") as answer:
            numbers = await answer.text()
        async with session.get(f"{base}/") as answer:
            page = await answer.text()
        async with session.get(f"{base}/nothing") as answer:
            assert answer.status == 404
    assert (said["listeners"][0]["waiting"], said["line_up"], said["line_failure"]) == (1, False, "CONNECTOR-005")
    assert said["line_trouble"] != ""  # what the system said, for the code alone is any of ten things
    assert 'caduceus_connector_listeners_waiting{listener="adt"} 1' in numbers
    assert "PATIENT" not in page + numbers + str(said)


async def test_two_listeners_have_two_streams(hospital):
    """One that stands still holds nobody else."""
    connector = await hospital.connector({}, {"name": "oru"})
    await (await hospital.source(connector)).ask(admission("M1"))
    await (await hospital.source(connector, "oru")).ask(admission("M2"))
    assert {name: [one[2] for one in messages] for name, messages in hospital.hub.taken.items()} == {
        "north/adt": ["M1"],
        "north/oru": ["M2"],
    }
