"""What a proxy may say, and what it cannot be believed."""

from __future__ import annotations

import asyncio

import pytest

from relay.proxy import Proxy, ask_for_tunnel, open_tunnel


@pytest.fixture
async def proxy():
    """Makes a proxy that answers what it is told to; what it was asked is in its list."""
    asked: list[bytes] = []
    servers, served = [], set()

    async def make(answer: bytes | None, user: str = "", password: str = "") -> tuple[Proxy, list[bytes]]:
        async def serve(reader, writer):
            served.add(asyncio.current_task())
            try:
                asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer or b"")
                if answer is None or answer.endswith(b"\r\n\r\n"):
                    await reader.read()
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return Proxy("127.0.0.1", server.sockets[0].getsockname()[1], user, password), asked

    yield make
    for server in servers:
        server.close()
    await asyncio.wait(served)


async def test_what_asks_for_a_tunnel_is_that_of_the_standard(proxy):
    """RFC 9110, 9.3.6 and RFC 7617, 2.1: its own example of a password beyond ASCII, `test` and `123£`."""
    through, asked = await proxy(b"HTTP/1.1 200 OK\r\n\r\n", "test", "123£")
    (await open_tunnel(through, "2001:db8::1", 443)).abort()
    lines = asked[0].decode("ascii").split("\r\n")
    assert lines[:2] == ["CONNECT [2001:db8::1]:443 HTTP/1.1", "Host: [2001:db8::1]:443"]
    assert lines[2] == "Proxy-Authorization: Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", None),
        (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nPROXY-AUTHENTICATE:Basic realm=a\r\n\r\n",
            "wants NTLM or Basic",
        ),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 400\r\n\r\n<html>", "RELAY-011: .* \\(HTTP 403\\)"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n", "HTTP 302"),
        (b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0", "said more"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "no HTTP answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000, "said more"),
        (b"HTTP/1.1 407 No\r\nProxy-Authenticate: \x00\xff\r\nProxy-Authenticate:\r\n\r\n", "HTTP 407\\)"),
        (b"HTTP/1.1 200 OK\r\nnever ends", "RELAY-001: .*closed before it answered"),
        (b"", "closed before it answered"),
    ],
)
async def test_only_a_tunnel_that_was_opened_is_used(proxy, answer, said):
    """Everything else has a name, which tells of the answer no more than status and schemes."""
    through, _ = await proxy(answer)
    refused = await ask_for_tunnel(through, "hub.example", 443, 20)
    if said is None:
        assert refused is None
    else:
        with pytest.raises(type(refused), match=said):
            raise refused


async def test_a_proxy_that_says_nothing_is_not_waited_for(proxy):
    """The caller's time is the limit."""
    through, _ = await proxy(None)
    assert (await ask_for_tunnel(through, "hub.example", 443, 0.05)).where == "proxy: no answer in time"


def test_a_password_is_not_in_what_is_printed():
    """A proxy stands in tracebacks and logs."""
    assert "secret" not in repr(Proxy("proxy", 3128, "someone", "secret"))
