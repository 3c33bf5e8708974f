"""Lines to a receiver: MLLP or HTTP, one message at a time, each answered before the next."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from cli.failure import UNREACHABLE, CommandFailed
from cli.files import is_fhir

_START, _END = b"\x0b", b"\x1c\r"
_LARGEST_ANSWER = 1024 * 1024


class NotReached(Exception):
    """Nobody takes the connection; nothing was sent."""


class NoAnswer(Exception):
    """It was sent, and nothing came back: it may have been taken."""


class Line(Protocol):
    """A connection that is opened when it is first used, and again when it was closed."""

    def exchange(self, message: bytes) -> bytes:
        """Send one message and return its answer, empty when the receiver gave none.

        Raises:
            NotReached, NoAnswer: see there.
        """
        ...

    def close(self) -> None: ...


def open_target(to: str, timeout_seconds: float) -> Callable[[], Line]:
    """Return what opens lines to a target.

    Args:
        to: ``mllp://host:port``, ``mllps://host:port``, or the URL of a hub's ingest.
    Raises:
        CommandFailed: it is none of them.
    """
    parts = urlsplit(to)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.hostname and parts.scheme in ("mllp", "mllps") and port:
        return lambda: MllpLine(str(parts.hostname), port, timeout_seconds, is_secure=parts.scheme == "mllps")
    if parts.hostname and parts.scheme in ("http", "https"):
        return lambda: HttpLine(parts, timeout_seconds)
    raise CommandFailed(
        f"--to {to}: that is no target; write mllp://host:port or http://host:port/ingest/ID", UNREACHABLE
    )


class MllpLine:
    """HL7 v2 over TCP in MLLP frames."""

    def __init__(self, host: str, port: int, timeout_seconds: float, *, is_secure: bool) -> None:
        self._place = (host, port)
        self._timeout = timeout_seconds
        self._is_secure = is_secure
        self._socket: socket.socket | None = None

    def exchange(self, message: bytes) -> bytes:
        """Return the content of the frame that answers a message."""
        if is_fhir(message):
            raise CommandFailed("FHIR does not go over MLLP; write --to http://host:port/ingest/ID", UNREACHABLE)
        connection = self._connected()
        try:
            connection.sendall(_START + message + _END)
            answer = self._read_frame(connection)
        except TimeoutError:
            self.close()
            raise NoAnswer(f"within {self._timeout:g} s") from None
        except OSError:
            self.close()
            return b""
        if not answer:
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            try:
                plain = socket.create_connection(self._place, self._timeout)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket = self._secured(plain)
            except OSError as error:
                raise NotReached(_reason(error)) from None
        return self._socket

    def _secured(self, plain: socket.socket) -> socket.socket:
        if not self._is_secure:
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self._place[0])

    def _read_frame(self, connection: socket.socket) -> bytes:
        frame = bytearray()
        while not frame.endswith(_END):
            chunk = connection.recv(65536)
            if not chunk or len(frame) > _LARGEST_ANSWER:
                return b""
            frame += chunk
        return bytes(frame).removeprefix(_START).removesuffix(_END)


class HttpLine:
    """HL7 v2 or FHIR to a hub's ``/ingest`` over one kept connection."""

    def __init__(self, url: SplitResult, timeout_seconds: float) -> None:
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        self._connection = kind(str(url.hostname), url.port, timeout=timeout_seconds)
        self._path = (url.path.rstrip("/") or "/ingest") + (f"?{url.query}" if url.query else "")
        self._timeout = timeout_seconds

    def exchange(self, message: bytes) -> bytes:
        """Return the body of the answer; empty when it holds no acknowledgement."""
        try:
            self._connection.connect() if self._connection.sock is None else None
        except OSError as error:
            raise NotReached(_reason(error)) from None
        try:
            media = "application/fhir+json" if is_fhir(message) else "application/hl7-v2"
            self._connection.request("POST", self._path, message, {"Content-Type": media})
            answer = self._connection.getresponse()
            body = answer.read(_LARGEST_ANSWER)
        except TimeoutError:
            self.close()
            raise NoAnswer(f"within {self._timeout:g} s") from None
        except (OSError, HTTPException):
            self.close()
            return b""
        if answer.status == 404:
            raise NotReached(f"HTTP 404 for {self._path}")
        return body if body.startswith((b"MSH", b'{"resourceType":"OperationOutcome"')) else b""

    def close(self) -> None:
        """Close the connection, if one is open."""
        self._connection.close()


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return "no answer to the connection" if isinstance(error, TimeoutError) else str(error.strerror or error)
