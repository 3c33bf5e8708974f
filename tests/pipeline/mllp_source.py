"""A sending system for tests: connections that send one message after another and remember every AA."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

START, END = b"\x0b", b"\x1c\r"


def admission(number: int, *, patients: int = 500, family: str = "EXAMPLE") -> bytes:
    """Return a synthetic ADT^A01; messages of one patient share its number."""
    patient = number % patients
    segments = (
        f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000||ADT^A01^ADT_A01|T{number:08d}|T|2.5.1",
        "EVN|A01|20260301120000",
        f"PID|1||{70000 + patient}^^^GENERAL^MR||{family}{patient}^ANNA^M||19800101|F|||1 MAIN ST^^LINZ^^4020^AT",
        f"PV1|1|I|W1^101^A^GENERAL||||1001^WEISS^EVA^^^DR^^^GENERAL|||MED||||1|||1001^WEISS^EVA^^^DR^^^GENERAL|IN|"
        f"V{number:08d}^^^GENERAL^VN|||||||||||||||||||||||||20260301113000",
    )
    return ("\r".join(segments) + "\r").encode()


@dataclass
class Source:
    """Sends over several connections until told to stop; a broken connection is opened again and its message resent.

    Connection ``i`` of ``c`` sends the numbers ``i``, ``i + c``, ``i + 2c``...: one connection sends everything about a
    patient, in order, when the number of patients is a multiple of ``c``.

    Attributes:
        pause_seconds: Between an acknowledgement and the connection's next message.
        acknowledged: Control ids answered AA.
        refused: Control ids answered anything else.
    """

    port: Callable[[], int]
    make: Callable[[int], bytes]
    connections: int = 8
    pause_seconds: float = 0.0
    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin sending."""
        for first in range(self.connections):
            thread = threading.Thread(
                target=self._send_until_stopped, args=(count(first, self.connections),), daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop after the messages under way; return when every connection has ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _send_until_stopped(self, numbers: Iterator[int]) -> None:
        while not self._stop.is_set():
            self._send_until_answered(self.make(next(numbers)))
            self._stop.wait(self.pause_seconds)
        if isinstance(connection := getattr(threading.current_thread(), "connection", None), socket.socket):
            connection.close()

    def _send_until_answered(self, message: bytes) -> None:
        connection: socket.socket | None = None
        while not self._stop.is_set():
            try:
                connection = connection or self._connection()
                self._note(exchange(connection, message))
                return
            except OSError:
                connection = None
                self._stop.wait(0.02)

    def _connection(self) -> socket.socket:
        local = threading.current_thread()
        connection: socket.socket | None = getattr(local, "connection", None)
        if connection is None or connection.fileno() < 0:
            connection = socket.create_connection(("127.0.0.1", self.port()), timeout=20)
            local.connection = connection  # type: ignore[attr-defined]
        return connection

    def _note(self, acknowledgement: bytes) -> None:
        fields = acknowledgement.split(b"MSA|", 1)[1].split(b"\r", 1)[0].split(b"|")
        known = self.acknowledged if fields[0] == b"AA" else self.refused
        with self._lock:
            known.add(fields[1].decode())


def exchange(connection: socket.socket, message: bytes) -> bytes:
    """Send one message and return its acknowledgement; any fault closes the connection.

    Raises:
        OSError: the connection broke before the acknowledgement was whole.
    """
    try:
        connection.sendall(START + message + END)
        answer = b""
        while not answer.endswith(END):
            part = connection.recv(65536)
            if not part:
                raise ConnectionResetError
            answer += part
        return answer
    except OSError:
        connection.close()
        raise
