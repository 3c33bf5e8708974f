"""A hospital whose firewall lets nothing out but its proxy: to the hub, through the relay both ways, and to sign in."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from pydantic import ValidationError

from connector.check import look_at
from connector.config import HubTable, ProxyTable
from connector.link import HttpsLink, proxy_to
from relay import HybridConnection, Listener, NoTokens, SasTokens, Sender
from relay.bridge import Bridge
from relay.local_access import Access, Key
from relay.local_relay import LocalRelay
from shared.message.errors.relay import ProxyRefused
from tests.connector.certificate_authority import Authority
from tests.connector.hub import Hub
from tests.connector.peers import admission
from tests.doubles.connect_proxy import ConnectProxy
from tests.doubles.waiting import until

PASSWORD = "p@ss:w/örd"


@pytest.fixture
async def proxy():
    """A proxy that opens tunnels to anybody."""
    proxy = ConnectProxy()
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
def out(proxy, tmp_path):
    """The table that leads through the proxy."""
    (tmp_path / "password").write_text(PASSWORD, "utf-8")
    return {"url": f"http://127.0.0.1:{proxy.port}", "user": "caduceus", "password": f"file:{tmp_path / 'password'}"}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def tls(authority):
    """What a server of this test shows."""
    ours = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.certificate, ours.key)
    return context


@pytest.fixture
async def hub(authority, tls):
    """A hub over TLS, and the table that leads to it."""
    hub = Hub()
    await hub.start(tls=tls)
    yield hub, {"url": f"https://localhost:{hub.port}", "authority": str(authority.certificate)}
    await hub.stop()


@pytest.fixture
async def relay(authority, tls, hospital, tmp_path):
    """A relay over TLS with a bridge to the hub; the tables [hub] and [relay] that lead through it; and the hub's own
    sender to the connector."""
    relay = LocalRelay({"up": True, "down": True}, Access({"root": Key("k")}))
    await relay.start(tls=tls)
    hospital.keep(relay.stop)
    trust = ssl.create_default_context(cafile=authority.certificate)
    up, down = (HybridConnection.parse(f"sb://localhost:{relay.port}/{path}") for path in ("up", "down"))
    bridge = Bridge(f"http://127.0.0.1:{hospital.hub.port}", up, NoTokens())
    listener = Listener(up, SasTokens(up.resource, "root", "k"), on_request=bridge.handle, tls=trust)
    await listener.start()
    hospital.keep(bridge.close)
    hospital.keep(listener.stop, 0.1)
    await listener.wait_online(20)
    sender = Sender(down, SasTokens(down.resource, "root", "k"), tls=trust)
    hospital.keep(sender.close)
    (tmp_path / "key").write_text("k")
    way = {"key_name": "root", "key": f"file:{tmp_path / 'key'}", "authority": str(authority.certificate)}
    hub = {"transport": "relay", "relay": f"sb://localhost:{relay.port}/up", "authentication": "key", **way}
    return relay, {"hub": hub, "relay": {"url": f"sb://localhost:{relay.port}/down", **way}}, sender


async def test_messages_go_up_through_the_proxy(hospital, proxy, hub, out):
    """TLS is between connector and hub: the proxy sees a name and a port, and hears the password."""
    there, table = hub
    proxy.wants = f"caduceus:{PASSWORD}"
    connector = await hospital.connector({"acknowledge": "end_to_end"}, hub=table, proxy=out)
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"
    assert there.control_ids == ["M1"]
    assert set(proxy.asked) == {f"localhost:{there.port}"}


async def test_the_relay_is_reached_through_the_proxy_in_both_directions(hospital, proxy, relay, out):
    """Requests, control channel, every rendezvous: nothing goes out beside the proxy, and a tunnel comes back."""
    served, tables, hub = relay
    proxy.wants = f"caduceus:{PASSWORD}"
    laboratory = await hospital.system()
    lab = {"name": "lab", "address": f"mllp://127.0.0.1:{laboratory.port}"}
    connector = await hospital.connector({"acknowledge": "end_to_end"}, deliver=(lab,), proxy=out, **tables)
    source = await hospital.source(connector)
    for name, text in (("M1", ""), ("M2", "x" * 300_000)):  # the large one takes a rendezvous of the bridge
        assert (await source.ask(admission(name, text=text))).code == "AA"
    for turn in (1, 2):
        await connector.relay.wait_online(20)
        for name, text in ((f"S{turn}", ""), (f"L{turn}", "x" * 300_000)):  # and this one a rendezvous of ours
            headers = {"Caduceus-Destination": "lab"}
            async with hub.request(
                "POST", f"/deliveries/{name}", headers=headers, body=admission(name, text=text)
            ) as said:
                assert said.status == 202
        await until(lambda turn=turn: f"L{turn}" in laboratory.accepted)
        proxy.cut()
        await until(lambda: not connector.relay.online)
    assert laboratory.accepted == ["S1", "L1", "S2", "L2"]
    assert hospital.hub.control_ids == ["M1", "M2"]
    assert set(proxy.asked) == {f"localhost:{served.port}"}
    assert len(proxy.asked) >= 5  # up; down: two channels, two rendezvous


async def test_a_proxy_that_refuses_is_a_line_that_is_down(hospital, proxy, hub, out):
    """A wrong password, or a missing rule: the spool takes what comes, and it goes up once the proxy lets it."""
    there, table = hub
    proxy.wants = "caduceus:another"
    connector = await hospital.connector({"acknowledge": "spool"}, hub=table, proxy=out)
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"
    await until(lambda: connector.line.failure is not None)
    assert connector.line.failure.where == "RELAY-011 HTTP 407, wants Negotiate or Basic"
    proxy.wants = f"caduceus:{PASSWORD}"
    await until(lambda: there.control_ids == ["M1"])


async def test_check_says_what_the_proxy_says_of_each_place(hospital, proxy, relay, out, monkeypatch):
    """An administrator sees at once whether it is the password, or one name that is not let out."""
    served, tables, _ = relay
    monkeypatch.setenv("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000000")
    config = hospital.config(proxy=out, **tables)

    async def found():
        return {each.what: each async for each in look_at(config)}

    proxy.wants = "caduceus:another"
    refused = await found()
    for what in ("proxy to localhost", "proxy to login.microsoftonline.com"):
        assert "RELAY-011" in refused[what].said
        assert "HTTP 407, wants Negotiate or Basic" in refused[what].said
    assert refused["hub localhost"].said == (
        f"CONNECTOR-005 (localhost:{served.port}: RELAY-011 HTTP 407, wants Negotiate or Basic)"
        f"; {ProxyRefused.what}; {ProxyRefused.next_step}"
    )
    assert (refused["hub localhost"].is_good, refused[f"relay localhost:{served.port}/down"].is_good) == (False, False)
    proxy.wants, proxy.refuses = "", "403 Forbidden"
    assert "HTTP 403" in (await found())["proxy to localhost"].said
    await proxy.stop()
    gone = await found()
    assert gone["proxy to localhost"].said == "proxy: ConnectionRefusedError; look at the proxy's address and port"
    proxy.refuses = ""
    await proxy.start(proxy.port)
    good = await found()
    assert good["proxy to localhost"].is_good
    assert good[f"relay localhost:{served.port}/down"].is_good
    assert good["hub localhost"].is_good


async def test_entra_is_asked_through_the_proxy_and_the_password_stays_with_it(proxy, out, monkeypatch, caplog):
    """A connector that can reach the hub and not sign in reaches nothing; the libraries below log of themselves."""
    caplog.set_level("DEBUG")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "00000000-0000-0000-0000-000000000000")
    proxy.wants = f"caduceus:{PASSWORD}"
    proxy.refuses = "403 Forbidden"
    table = HubTable(url="https://hub.example", scope="api://hub/.default", answer_seconds=120)
    link = HttpsLink(table, ProxyTable(**out))
    sending = asyncio.create_task(link.post("/ingest", {}, b""))
    await until(lambda: proxy.shown or sending.done())
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await link.close()
    assert proxy.asked[0] == "login.microsoftonline.com:443"
    assert proxy.shown[0] == proxy.wants
    said = caplog.text
    assert not [secret for secret in (PASSWORD, "p%40ss", "w%2F") if secret in said]


@pytest.mark.parametrize(
    ("url", "is_straight"),
    [
        ("https://hub.example/x", False),
        ("sb://Relay.Example.org/down", True),
        ("https://deep.in.internal", True),
        ("https://internal", False),
        ("http://127.0.0.1:7071", True),
    ],
)
def test_some_names_are_reached_straight(url, is_straight):
    """A private endpoint on the hospital's own network, and a hub on this machine."""
    table = ProxyTable(url="http://proxy:3128", straight=("relay.example.org", ".internal"))
    assert (proxy_to(url, table) is None) is is_straight


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "http://someone:secret@proxy:3128"}, "have keys of their own"),
        ({"url": "proxy:3128"}, "expected http"),
        ({"url": "http://proxy:3128", "user": "someone"}, "come together"),
        ({"url": "http://proxy:3128", "user": "someone", "password": "secret"}, "says where the secret is"),
    ],
)
def test_what_a_proxy_cannot_be_is_said_at_the_start(given, said):
    """A password belongs into no file, and is not forgotten either."""
    with pytest.raises(ValidationError, match=said):
        ProxyTable.model_validate(given)
