"""An authority that an operator names is believed as it was issued, and nobody else: the same on every Python."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack

import pytest

from connector.config import DeliverTable
from connector.exchange import Sent, connect, destination_tls
from connector.states import DownEvent
from shared.mllp.line import MllpLine
from tests.connector.certificate_authority import Authority
from tests.connector.peers import Source, System, admission
from tests.connector.test_ways import is_let_in


@pytest.fixture(params=["in form", "not in form", "issuing"])
def authority(request, tmp_path):
    """What hospitals have: a root as RFC 5280 wants it, an older one, the one below the root that signs."""
    if request.param != "issuing":
        return Authority(tmp_path, is_in_form=request.param == "in form")
    return Authority(tmp_path, "issuing", root=Authority(tmp_path, "root"))


@pytest.fixture
async def open_system():
    """Starts a system that shows a certificate, and returns how the line to it that believes an authority opens."""
    async with AsyncExitStack() as stack:

        async def open(shown, believed, host="localhost"):
            system = System()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(shown.certificate, shown.key)
            await system.start(context)
            stack.push_async_callback(system.stop)
            tls = {"authority": believed.certificate}
            table = DeliverTable(name="lab", address=f"mllps://{host}:{system.port}", answer_seconds=20, tls=tls)
            line = await connect(table, destination_tls(table))
            if isinstance(line, MllpLine):
                line.close()
            return line

        yield open


async def test_a_system_is_believed_whose_authority_is_named(authority, open_system):
    """Python 3.13 refuses an old authority for its form: an upgrade would stop a feed. Before it, an issuing one."""
    assert isinstance(await open_system(authority.issue("lab"), authority), MllpLine)


async def test_nobody_else_is_believed(authority, open_system, tmp_path):
    """Another authority, another name, a day too late."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    assert await open_system(other.issue("lab"), authority) == Sent(DownEvent.NOT_TAKEN, "tls_failed")
    assert isinstance(await open_system(authority.issue("lab"), authority, host="127.0.0.1"), Sent)
    assert isinstance(await open_system(authority.issue("lab", days=-0.5), authority), Sent)


async def test_a_listener_believes_the_authority_that_is_named(authority, hospital, tmp_path):
    """The same for senders; who has a certificate of another one stays outside."""
    (tmp_path / "other").mkdir()
    ours, theirs, strangers = authority.issue("us"), authority.issue("ehr"), Authority(tmp_path / "other").issue("ehr")
    tls = {"certificate": str(ours.certificate), "key": str(ours.key), "authority": str(authority.certificate)}
    connector = await hospital.connector({"tls": tls})
    port = connector.listeners["adt"].port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what the sender believes is not the question
    context.load_cert_chain(theirs.certificate, theirs.key)
    source = await Source.connect(port, context, "localhost")
    assert (await source.ask(admission("M1"))).code == "AA"
    await source.close()
    context.load_cert_chain(strangers.certificate, strangers.key)
    assert not await is_let_in(port, context)
