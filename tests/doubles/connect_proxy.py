"""A proxy as hospitals have them: it opens tunnels (RFC 9110, CONNECT) to whoever it allows, and knows nothing else."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from contextlib import suppress

_WHO_ARE_YOU = (
    '407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm="north"'
)


class ConnectProxy:
    """Serves between `start` and `stop`.

    Attributes:
        asked: Where tunnels were wanted to, ``host:port``, in order.
        shown: ``user:password`` of those who said who they are, in order.
        refuses: What to answer instead of opening any, such as ``403 Forbidden``.
        wants: ``user:password`` that it wants to be shown; empty: it lets everybody through.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.shown: list[str] = []
        self.refuses = ""
        self.wants = ""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tunnels: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    def cut(self) -> None:
        """Cut every tunnel."""
        for task in self._tunnels:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        try:
            await self._tunnel(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tunnels.discard(task)
            writer.transport.abort()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        self.asked.append(target)
        basic = re.search(rb"\r\nproxy-authorization: basic (\S+)", head, re.IGNORECASE)
        self.shown += [b64decode(basic[1]).decode()] if basic else []
        refusal = self.refuses or (self.wants and (not basic or self.shown[-1] != self.wants) and _WHO_ARE_YOU)
        if refusal:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode("ascii"))
            await writer.drain()
            return
        host, _, port = target.rpartition(":")
        there, to = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pass_on(reader, to), _pass_on(there, writer))
        finally:
            to.transport.abort()


async def _pass_on(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        to.write(data)
        await to.drain()
    with suppress(OSError, RuntimeError):
        to.write_eof()
