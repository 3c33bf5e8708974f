"""Where connections come in: who is not on the list is turned away before a byte is read or a handshake begun.

A server of asyncio shakes hands first and shows the connection afterwards: a stranger would have the whole of TLS to
play with. So the socket is accepted here, its address looked at, and then it becomes a connection.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from connector.config import ListenTable
from connector.log import log, log_failure
from connector.senders import is_allowed
from shared.message.errors.connector import SenderNotAllowed

_BACKLOG = 1024
_HANDSHAKE_SECONDS = 10.0
_NO_HANDLES_SECONDS = 1.0  # the process has as many files open as it may: some close meanwhile


class Behind(Protocol):
    """Who listens: a reload puts another table in its place."""

    table: ListenTable
    tls: ssl.SSLContext | None


class Door:
    """One listener's sockets, open between `open` and `close`.

    Attributes:
        port: The one it listens on.
        turned_away: How many connections came from an address that is not on the list.
    """

    def __init__(self, listener: Behind, make: Callable[[], asyncio.BaseProtocol]) -> None:
        self.port = 0
        self.turned_away = 0
        self._listener = listener
        self._make = make
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._shaking_hands: dict[asyncio.Task[None], str] = {}  # and from where

    async def open(self, port: int | None) -> None:
        """Listen.

        Args:
            port: Instead of the table's; 0 takes a free one.
        """
        loop, table = asyncio.get_running_loop(), self._listener.table
        wanted = table.port if port is None else port
        found = await loop.getaddrinfo(table.address, wanted, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                self._sockets.append(_listen(family, address))
        except OSError:
            self._close_sockets()
            raise
        self.port = self._sockets[0].getsockname()[1]
        self._accepting = [asyncio.create_task(self._accept(one)) for one in self._sockets]

    async def close(self) -> None:
        """Listen no more, and end the handshakes under way; connections stay."""
        ending = [*self._accepting, *self._shaking_hands]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._close_sockets()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, address = await loop.sock_accept(listening)
            except OSError as error:  # the sender has gone already, or there are no handles
                log("not_accepted", logging.WARNING, listener=self._listener.table.name, error=type(error).__name__)
                await asyncio.sleep(_NO_HANDLES_SECONDS)
                continue
            try:
                await self._meet(connected, address[0])
            except Exception as error:  # noqa: BLE001  # the boundary: one sender's trouble is not the next one's
                log_failure("not_let_in", error, listener=self._listener.table.name)
            await asyncio.sleep(0)  # a crowd at the door must not keep those inside from being answered

    async def _meet(self, connected: socket.socket, sender: str) -> None:
        if self._may_come_in(sender):
            await self._let_in(connected, sender)
        else:
            connected.close()

    def _may_come_in(self, sender: str) -> bool:
        table = self._listener.table
        if not is_allowed(sender, table.allow):
            self.turned_away += 1
            log("not_allowed", logging.WARNING, code=SenderNotAllowed.code, listener=table.name, count=self.turned_away)
            return False
        trying = list(self._shaking_hands.values())
        if len(trying) >= table.connections or trying.count(sender) >= table.connections_per_sender:
            log("too_many_connections", listener=table.name, connections=len(trying))
            return False
        return True

    async def _let_in(self, connected: socket.socket, sender: str) -> None:
        """Make a connection of a socket; a handshake is waited for by a task of its own."""
        connected.setblocking(False)
        if self._listener.tls is None:
            await self._connect(connected, None)
            return
        task = asyncio.create_task(self._connect(connected, self._listener.tls))
        self._shaking_hands[task] = sender
        task.add_done_callback(self._shaking_hands.pop)

    async def _connect(self, connected: socket.socket, tls: ssl.SSLContext | None) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make, connected, ssl=tls, ssl_handshake_timeout=None if tls is None else _HANDSHAKE_SECONDS
            )
        except OSError:  # no handshake, or not in time: nobody came in
            connected.close()
        except BaseException:
            connected.close()
            raise

    def _close_sockets(self) -> None:
        for one in self._sockets:
            one.close()
        self._sockets.clear()


def _listen(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two processes have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
