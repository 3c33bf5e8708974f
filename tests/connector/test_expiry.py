"""What lapses in the middle of work: tokens, and certificates of either end. What was begun ends; the rest waits."""

from __future__ import annotations

import asyncio
import ssl
import time

from aiohttp import web

from connector.link import HttpsLink
from connector.process import Connector
from relay.tokens import Token
from tests.connector.certificate_authority import Authority
from tests.connector.peers import Source, admission
from tests.connector.test_ways import is_let_in
from tests.doubles.tcp_line import TcpLine
from tests.doubles.waiting import until

DAY = 86_400


class StaleTokens:
    """Gives out tokens; for a while only such as have lapsed, as a credential whose service does not answer."""

    def __init__(self):
        self.is_stale = False
        self.asked = 0

    async def token(self) -> Token:
        self.asked += 1
        expires = time.time() + (-1 if self.is_stale else 60)
        return Token(f"Bearer {expires}", expires)

    async def close(self) -> None:
        """Nothing is open."""


class Gateway:
    """Lets through who has a token that has not lapsed; what is under way it does not look at again."""

    def __init__(self, hub):
        self.hub = hub
        self.refused = 0

    async def handle(self, request):
        if float(request.headers["Authorization"].removeprefix("Bearer ")) < time.time():
            self.refused += 1
            return web.Response(status=401)
        return await self.hub._handle(request)


async def test_a_token_that_lapses_between_and_within_requests_loses_nothing(hospital):
    """401 settles nothing: the same numbers go again with a new token."""
    gateway, tokens = Gateway(hospital.hub), StaleTokens()
    runner = web.ServerRunner(web.Server(gateway.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    hospital.keep(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = hospital.config({"acknowledge": "spool"}, hub={"url": f"http://127.0.0.1:{runner.addresses[0][1]}"})
    link = HttpsLink(config.hub)
    link._tokens = tokens
    connector = Connector(config, link)
    await connector.start()
    hospital.keep(connector.stop)
    source = await hospital.source(connector)
    names = [f"M{number:02}" for number in range(30)]
    for number, name in enumerate(names):
        if number % 10 == 3:  # under way while it lapses
            hospital.hub.delay_seconds, tokens.is_stale = 0.2, True
        elif number % 10 == 8:
            await until(lambda seen=gateway.refused: gateway.refused > seen)
            hospital.hub.delay_seconds, tokens.is_stale = 0.0, False
        assert (await source.ask(admission(name))).code == "AA"
    await until(lambda: hospital.hub.control_ids == names)
    assert gateway.refused >= 3


async def test_a_hub_whose_certificate_lapses_ends_what_was_begun_and_is_not_believed_again(hospital, tmp_path):
    """A connection that stands goes on, a new one is refused; with a new certificate everything goes up, once."""
    authority = Authority(tmp_path)
    lapsing, renewed = authority.issue("hub", days=4 / DAY), authority.issue("hub")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lapsing.certificate, lapsing.key)
    runner = web.ServerRunner(web.Server(hospital.hub._handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    hospital.keep(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    line = TcpLine(runner.addresses[0][1])
    await line.start()
    hospital.keep(line.stop)
    lapses = time.time() + 4
    config = hospital.config(
        {"acknowledge": "spool"},
        hub={"url": f"https://localhost:{line.port}", "authority": str(authority.certificate), "answer_seconds": 20},
    )
    connector = await hospital.start(config)
    source = await hospital.source(connector)
    await source.ask(admission("M1"))
    await until(lambda: hospital.hub.control_ids == ["M1"])
    hospital.hub.delay_seconds = max(0.0, lapses - time.time()) + 0.5
    await source.ask(admission("M2", text="x" * 500_000))  # under way while it lapses
    await until(lambda: hospital.hub.control_ids == ["M1", "M2"])
    assert time.time() > lapses
    hospital.hub.delay_seconds = 0.0
    line.cut()
    assert (await source.ask(admission("M3"))).code == "AA"  # by the spool
    await until(lambda: not connector.line.is_up)
    assert hospital.hub.control_ids == ["M1", "M2"]
    context.load_cert_chain(renewed.certificate, renewed.key)
    await until(lambda: hospital.hub.control_ids == ["M1", "M2", "M3"])


async def test_a_sender_whose_certificate_lapses_in_a_message_is_answered_and_then_kept_out(hospital, tmp_path):
    """The frame that is under way was begun by somebody we knew."""
    authority = Authority(tmp_path)
    ours = authority.issue("connector")
    tls = {"certificate": str(ours.certificate), "key": str(ours.key), "authority": str(authority.certificate)}
    connector = await hospital.connector({"tls": tls, "acknowledge": "spool"})
    theirs, lapses = authority.issue("ehr", days=2 / DAY), time.time() + 2
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(theirs.certificate, theirs.key)
    port = connector.listeners["adt"].port
    source = await Source.connect(port, context, "localhost")
    body = b"\x0b" + admission("M1", text="x" * 200_000) + b"\x1c\r"
    source.writer.write(body[:100_000])
    await asyncio.sleep(max(0.0, lapses - time.time()) + 0.3)
    source.writer.write(body[100_000:])
    assert b"MSA|AA|M1" in await source.answer()
    await source.close()
    assert not await is_let_in(port, context)
    await until(lambda: hospital.hub.control_ids == ["M1"])
