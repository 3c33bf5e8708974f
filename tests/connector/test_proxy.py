"""A hospital whose firewall lets nothing out but its proxy."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from pydantic import ValidationError

from connector.check import look_at
from connector.config import HubTable
from connector.link import HttpsLink
from tests.connector.certificate_authority import Authority
from tests.connector.hub import Hub
from tests.connector.peers import admission
from tests.doubles.connect_proxy import ConnectProxy
from tests.doubles.waiting import until


@pytest.fixture
async def proxy():
    """A proxy that opens tunnels to anybody."""
    proxy = ConnectProxy()
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def hub(tmp_path):
    """A hub over TLS, and the table that leads to it."""
    authority = Authority(tmp_path)
    ours = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.certificate, ours.key)
    hub = Hub()
    await hub.start(tls=context)
    yield hub, {"url": f"https://localhost:{hub.port}", "authority": str(authority.certificate)}
    await hub.stop()


async def test_messages_go_up_through_the_proxy(hospital, proxy, hub):
    """TLS is between connector and hub: the proxy sees a name and a port."""
    there, table = hub
    connector = await hospital.connector(
        {"acknowledge": "end_to_end"}, hub={**table, "proxy": f"http://127.0.0.1:{proxy.port}"}
    )
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"
    assert there.control_ids == ["M1"]
    assert set(proxy.asked) == {f"localhost:{there.port}"}


async def test_a_proxy_that_refuses_is_a_line_that_is_down(hospital, proxy, hub):
    """407, or a rule that is missing: the spool takes what comes, and everything goes up once the proxy lets it."""
    there, table = hub
    proxy.refuses = "407 Proxy Authentication Required"
    connector = await hospital.connector(
        {"acknowledge": "spool"}, hub={**table, "proxy": f"http://127.0.0.1:{proxy.port}"}
    )
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"
    await until(lambda: connector.line.failure is not None)
    found = {finding.what: finding async for finding in look_at(connector.config)}
    assert not [one for what, one in found.items() if what.startswith("hub") and one.is_good]
    proxy.refuses = ""
    await until(lambda: there.control_ids == ["M1"])


async def test_entra_is_asked_through_the_proxy(proxy, monkeypatch):
    """A connector that can reach the hub and not sign in reaches nothing."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "00000000-0000-0000-0000-000000000000")
    proxy.refuses = "403 Forbidden"
    address = f"http://127.0.0.1:{proxy.port}"
    link = HttpsLink(HubTable(url="https://hub.example", scope="api://hub/.default", proxy=address, answer_seconds=120))
    sending = asyncio.create_task(link.post("/ingest", {}, b""))
    await until(lambda: proxy.asked or sending.done())
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await link.close()
    assert proxy.asked[0] == "login.microsoftonline.com:443"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"proxy": "http://someone:secret@proxy:3128"}, "without a password"),
        ({"proxy": "proxy:3128"}, "expected http"),
        ({"proxy": "http://proxy:3128", "transport": "relay", "relay": "sb://r.example/up"}, "is for https"),
    ],
)
def test_what_a_proxy_cannot_be_is_said_at_the_start(given, said):
    """A password belongs into no file; and nobody waits for a relay that the proxy was never asked for."""
    with pytest.raises(ValidationError, match=said):
        HubTable.model_validate({"url": "https://hub.example", "scope": "api://hub/.default", **given})
