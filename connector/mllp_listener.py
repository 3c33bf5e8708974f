"""MLLP in: many connections, what a sender pipelines answered in its order, and a sender that reconnects never waits.

While more of a connection waits than is worth sharing a commit, nothing more of it is read: a full spool pushes back
through TCP to the sender.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Protocol, cast

from connector.config import ListenTable
from connector.door import Door
from connector.log import log, log_failure
from connector.senders import admit
from shared.message.errors.base import IntegrationError
from shared.mllp import FrameDecoder, encode_frame
from shared.trust import believe_as_issued

_PIPELINED = 64  # messages of one connection that share commits; more wait in the socket
_KEEPALIVE_SECONDS = 60

# Told the acknowledgement of a message; empty: nobody can be answered, and the connection closes.
Reply = Callable[[bytes], None]


class Answerer(Protocol):
    """Answers messages."""

    def begin(self, raw: bytes, reply: Reply) -> None:
        """Take a message; the reply comes later, and perhaps at once. Messages are taken in the order of the calls."""
        ...

    async def answer(self, raw: bytes) -> bytes:
        """Return the acknowledgement of a message; empty: nobody can be answered."""
        ...


class MllpListener:
    """Listens between `start` and `stop`.

    Attributes:
        table: What it allows; a reload puts another one in its place, and connections go on.
        door: Where connections come in.
    """

    def __init__(self, table: ListenTable, answerer: Answerer) -> None:
        self.table = table
        self.answerer = answerer
        self.connections: set[Connection] = set()
        self.by_sender: defaultdict[str, set[Connection]] = defaultdict(set)
        self.tls: ssl.SSLContext | None = listener_tls(table)
        self.door = Door(self, lambda: Connection(self))
        self._answered: list[Connection] = []

    @property
    def port(self) -> int:
        """The one it listens on."""
        return self.door.port

    async def start(self, port: int | None = None) -> None:
        """Listen.

        Args:
            port: Instead of the table's; 0 takes a free one.
        """
        await self.door.open(port)

    async def stop(self, seconds: float = 10.0) -> None:
        """Stop listening, answer what is at work, and close."""
        await self.door.close()
        working = [connection.finish() for connection in set(self.connections)]
        if working:
            await asyncio.wait(working, timeout=seconds)
        for connection in set(self.connections):
            connection.close()

    def write_soon(self, connection: Connection) -> None:
        """Write a connection's answers when all that are ready in this turn are known.

        One write for each connection, and one after the other: whoever is woken by the first answer is still awake for
        the next one, and its processor does not fall asleep between them.
        """
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._write_answers)
        self._answered.append(connection)

    def _write_answers(self) -> None:
        answered, self._answered = self._answered, []
        for connection in answered:
            connection.write_answers()

    def add(self, connection: Connection) -> None:
        """Count a connection."""
        self.connections.add(connection)
        self.by_sender[connection.sender].add(connection)

    def discard(self, connection: Connection) -> None:
        """Count a connection no more."""
        self.connections.discard(connection)
        own = self.by_sender.get(connection.sender, set())
        own.discard(connection)
        if not own:
            self.by_sender.pop(connection.sender, None)


class Connection(asyncio.Protocol):
    """One sender.

    Attributes:
        sender: Its address.
        last_heard: Loop time of its last byte.
    """

    def __init__(self, listener: MllpListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._decoder = FrameDecoder(listener.table.frame_megabytes * 1024 * 1024)
        self._frames: deque[bytes] = deque()
        self._asked: deque[_Asked] = deque()  # those that were begun, in order
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._is_writable = True
        self._deadline: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._is_ending = False
        self._told: set[str] = set()
        self.sender = ""
        self.last_heard = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        name = transport.get_extra_info("peername")
        self.sender = name[0] if isinstance(name, tuple) else ""
        table = self._listener.table
        reason, superseded = admit(
            self._listener.by_sender.get(self.sender, ()),
            len(self._listener.connections),
            table.connections,
            table.connections_per_sender,
        )
        if reason:
            log(reason, listener=table.name, connections=len(self._listener.connections))
            self._is_ending = True
            self._transport.abort()
            return
        if superseded is not None:
            log("connection_superseded", listener=table.name)
            superseded.close()
        self._listener.add(self)
        _keep_alive(self._transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.discard(self)
        self._is_ending = True
        self._frames.clear()
        self._asked.clear()
        self._stop_clock()
        self._tell_finished()

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        self.write_answers()

    def data_received(self, data: bytes) -> None:
        if self._is_ending:
            return
        self.last_heard = self._loop.time()
        try:
            self._frames.extend(self._decoder.feed(data))
        except IntegrationError as error:
            log_failure("connection_closed", error, listener=self._listener.table.name)
            self.close()
            return
        if self._decoder.tolerated:
            self._tell_tolerated()
        self._watch_frame()
        self._begin_answers()

    def finish(self) -> asyncio.Future[None]:
        """Take nothing more; the future is done once what was begun is answered."""
        self._is_ending = True
        self._frames.clear()
        self._transport.pause_reading()
        self._tell_finished()
        return self._finished

    def close(self) -> None:
        """Send what was answered, then close; what waits was not acknowledged, so its sender still has it."""
        self._is_ending = True
        self._frames.clear()
        self._stop_clock()
        self._transport.close()

    def _begin_answers(self) -> None:
        """Begin to answer what came, and read on only while there is room for more."""
        frames, asked = self._frames, self._asked
        while frames and len(asked) < _PIPELINED:
            one = _Asked(self)
            asked.append(one)
            self._listener.answerer.begin(frames.popleft(), one)
        if bool(frames) is not self._is_paused and not self._is_ending:
            self._is_paused = bool(frames)
            if self._is_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def write_answers(self) -> None:
        """Write the answers that are there, up to the first that is not; a sender that does not read gets no more."""
        asked, said = self._asked, b""
        while asked and self._is_writable and (answer := asked[0].answer) is not None:
            asked.popleft()
            if not answer:
                self._write(said)
                self.close()
                return
            said += answer
        self._write(said)
        if self._frames:
            self._begin_answers()
        if self._is_ending:
            self._tell_finished()

    def _write(self, said: bytes) -> None:
        if said and not self._transport.is_closing():
            self._transport.write(said)

    def _tell_finished(self) -> None:
        if not self._asked and not self._finished.done():
            self._finished.set_result(None)

    def _watch_frame(self) -> None:
        """Give a frame that was begun its time; a quiet line at two in the morning is no error."""
        if not self._decoder.is_inside:
            self._stop_clock()
        elif self._deadline is None:
            self._deadline = self._loop.call_later(self._listener.table.frame_seconds, self._frame_late)

    def _frame_late(self) -> None:
        self._deadline = None
        if self._is_paused:
            self._watch_frame()  # it is we who do not read
            return
        log("frame_late", listener=self._listener.table.name)
        self._is_ending = True
        self._transport.abort()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _tell_tolerated(self) -> None:
        """Say once for each connection what its sender does that the standard does not."""
        for code in sorted(self._decoder.tolerated - self._told):
            log("framing_tolerated", listener=self._listener.table.name, tolerated=code)
        self._told |= self._decoder.tolerated


class _Asked:
    """A message that was begun; called with its answer."""

    __slots__ = ("answer", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.answer: bytes | None = None

    def __call__(self, answer: bytes) -> None:
        self.answer = answer and encode_frame(answer)
        connection = self.connection
        if connection._asked and connection._asked[0] is self:
            connection._listener.write_soon(connection)


def listener_tls(table: ListenTable) -> ssl.SSLContext | None:
    """Return how a listener encrypts; None: it does not."""
    if table.tls is None or table.tls.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(table.tls.certificate, table.tls.key)
    if table.tls.authority is not None:
        context.load_verify_locations(table.tls.authority)
        believe_as_issued(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _keep_alive(transport: asyncio.Transport) -> None:
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
