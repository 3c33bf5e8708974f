"""A WebSocket whose two directions end one by one. No sockets.

`websockets` does frames, masks and the handshake. It answers a close at once, though; a relayed stream has two
directions, and one may end while the other goes on. So its answer is dropped, and ours follows when this end finishes.

Source:
    RFC 6455, 5.5.1: an endpoint may delay its close until its current message has been sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State as WireState
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from relay.limits import Limits
from shared.message.errors.relay import RelayProtocolBroken

NORMAL, GOING_AWAY = 1000, 1001
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class Half(Enum):
    """Which directions are still open."""

    BOTH = auto()
    ONLY_IN = auto()  # this end has finished
    ONLY_OUT = auto()  # the other end has finished
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a message."""

    data: bytes
    is_text: bool
    is_final: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The other end sends no more."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The other end lives."""


class WebSocket:
    """One end after its handshake.

    Attributes:
        half: Which directions are still open.
    """

    def __init__(self, wire: ClientProtocol | ServerProtocol) -> None:
        self.half = Half.BOTH
        self._wire = wire
        self._is_client = isinstance(wire, ClientProtocol)
        self._reads_text = False  # kind of the message whose fragments come in
        self._sends_more = False  # a message of ours has not ended

    @property
    def subprotocol(self) -> str | None:
        return self._wire.subprotocol

    def receive(self, data: bytes) -> list[Fragment | Finished | Pong]:
        """Return what these bytes hold.

        Raises:
            RelayProtocolBroken: they are no frames, or larger than the limit.
        """
        self._wire.receive_data(data)
        return self._events()

    def begin(self) -> list[Fragment | Finished | Pong]:
        """Return what came right behind the handshake."""
        return self._events()

    def send(self, data: bytes, *, is_text: bool, is_final: bool) -> bytes:
        """Return the frame of a piece of a message."""
        if self.half in (Half.ONLY_IN, Half.NONE):
            raise RelayProtocolBroken("sent after the end")
        opcode = Opcode.CONT if self._sends_more else Opcode.TEXT if is_text else Opcode.BINARY
        self._sends_more = not is_final
        return Frame(opcode, data, is_final).serialize(mask=self._is_client)

    def ping(self) -> bytes:
        """Return a ping."""
        return Frame(Opcode.PING, b"").serialize(mask=self._is_client)

    def finish(self, code: int = NORMAL, reason: str = "") -> bytes:
        """Return what tells the other end that nothing more comes; empty when it was told."""
        match self.half:
            case Half.BOTH:
                self.half = Half.ONLY_IN
                self._wire.send_close(code, reason)
                return self._to_send()
            case Half.ONLY_OUT:
                self.half = Half.NONE
                return Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=self._is_client)
        return b""

    def to_send(self) -> bytes:
        """Return what the protocol itself wants to send: pongs."""
        return b"" if self.half is Half.ONLY_OUT else self._to_send()

    def _to_send(self) -> bytes:
        return b"".join(self._wire.data_to_send())

    def _events(self) -> list[Fragment | Finished | Pong]:
        found: list[Fragment | Finished | Pong] = []
        for event in self._wire.events_received():
            if isinstance(event, Frame):
                self._take(event, found)
        if self._wire.parser_exc is not None and self.half in (Half.BOTH, Half.ONLY_IN):
            raise RelayProtocolBroken(f"WebSocket: {type(self._wire.parser_exc).__name__}")
        return found

    def _take(self, frame: Frame, found: list[Fragment | Finished | Pong]) -> None:
        if frame.opcode in _DATA:
            if frame.opcode is not Opcode.CONT:
                self._reads_text = frame.opcode is Opcode.TEXT
            found.append(Fragment(bytes(frame.data), self._reads_text, frame.fin))
        elif frame.opcode is Opcode.PONG:
            found.append(Pong())
        elif frame.opcode is Opcode.CLOSE:
            said = self._wire.close_rcvd
            found.append(Finished(said.code if said else NORMAL, said.reason if said else ""))
            if self.half is Half.BOTH:
                self.half = Half.ONLY_OUT
                self._wire.data_to_send()  # the library's own answer to their close; ours is sent by `finish`
            else:
                self.half = Half.NONE


class ClientHandshake:
    """Asks for a WebSocket."""

    def __init__(self, url: str, headers: Mapping[str, str], subprotocols: Sequence[str], limits: Limits) -> None:
        wanted = [Subprotocol(name) for name in subprotocols] or None
        self._wire = ClientProtocol(parse_uri(url), subprotocols=wanted, max_size=(None, limits.frame_bytes))
        self._request = self._wire.connect()
        for name, value in headers.items():
            self._request.headers[name] = value

    def request(self) -> bytes:
        """Return the request."""
        self._wire.send_request(self._request)
        return b"".join(self._wire.data_to_send())

    def receive(self, data: bytes) -> WebSocket | tuple[int, str, bool] | None:
        """Return the WebSocket; or status, reason and whether the listener gave them (``Via``); None: more is to come.

        Raises:
            RelayProtocolBroken: the answer is no answer to a handshake.
        """
        self._wire.receive_data(data)
        return self._outcome()

    def receive_end(self) -> WebSocket | tuple[int, str, bool] | None:
        """Return as `receive`, after the last byte."""
        self._wire.receive_eof()
        return self._outcome()

    def _outcome(self) -> WebSocket | tuple[int, str, bool] | None:
        failure = self._wire.handshake_exc
        if failure is None:
            return WebSocket(self._wire) if self._wire.state is WireState.OPEN else None
        if isinstance(failure, InvalidStatus):
            response = failure.response
            return response.status_code, response.reason_phrase, "Via" in response.headers
        raise RelayProtocolBroken(f"handshake: {type(failure).__name__}")


class ServerHandshake:
    """Is asked for a WebSocket, and looks before it says yes."""

    def __init__(self, limits: Limits) -> None:
        self._chosen: str | None = None
        self._wire = ServerProtocol(
            max_size=(None, limits.frame_bytes), select_subprotocol=lambda _, offered: self._select(offered)
        )

    def receive(self, data: bytes) -> Request | None:
        """Return the request once it is whole; None: more is to come, or it is none."""
        self._wire.receive_data(data)
        return next((event for event in self._wire.events_received() if isinstance(event, Request)), None)

    def accept(self, request: Request, subprotocol: str | None) -> tuple[WebSocket | None, bytes]:
        """Return the WebSocket and the answer; None where the request was none for a WebSocket."""
        self._chosen = subprotocol
        response = self._wire.accept(request)
        self._wire.send_response(response)
        sent = b"".join(self._wire.data_to_send())
        return (WebSocket(self._wire) if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS else None), sent

    def reject(self, status: int, reason: str, headers: Mapping[str, str]) -> bytes:
        """Return the answer that refuses."""
        from websockets.datastructures import Headers

        told = Headers({"Content-Length": "0", "Connection": "close", **headers})
        self._wire.send_response(Response(status, reason, told, b""))
        return b"".join(self._wire.data_to_send())

    def _select(self, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((name for name in offered if name == self._chosen), None)
