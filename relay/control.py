"""The messages of the protocol: JSON in text frames, bodies in binary frames. No sockets.

A `Channel` takes frames in any fragments and gives events; what it may take in which state is a table. Both ends use
it: a listener takes ``accept`` and ``request``, the relay takes ``response`` and ``renewToken``.

Source:
    "Azure Relay Hybrid Connections protocol", Microsoft Learn. Kinds of message that are not known yet are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import Any

import orjson

from relay.limits import Limits
from shared.message.errors.relay import RelayLimitExceeded, RelayProtocolBroken

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accept:
    """A sender wants a WebSocket; the rendezvous is at ``address``."""

    address: str
    id: str
    headers: Headers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """A request is too large for the control channel, and waits at ``address``."""

    address: str
    id: str


@dataclass(frozen=True, slots=True)
class RequestHead:
    """An HTTP request; `BodyPart` events follow where ``has_body``.

    Attributes:
        address: Rendezvous for an answer that does not fit the control channel.
        target: Path and query, as the sender asked, without the service's own parameters.
    """

    address: str
    id: str
    method: str
    target: str
    headers: Headers = field(default_factory=dict)
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The answer to a request; `BodyPart` events follow where ``has_body``."""

    request: str
    status: int
    reason: str = ""
    headers: Headers = field(default_factory=dict)
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class RenewToken:
    """A listener has a newer token."""

    token: str


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A piece of the body of the last head; the last piece says so."""

    data: bytes
    is_last: bool


Event = Accept | Rendezvous | RequestHead | ResponseHead | RenewToken | BodyPart


class ChannelState(IntEnum):  # a plain number: it is looked up for every frame
    """What may come next."""

    HEAD = auto()  # a message
    TEXT = auto()  # more of one
    BODY = auto()  # the body of one


class Role(Enum):
    """Who reads: which messages it takes."""

    CONTROL = ("accept", "request")
    RENDEZVOUS = ("request",)
    SERVICE = ("response", "renewToken")


# (state, the frame is text, it ends its WebSocket message) -> (state, what is done); anything else breaks the protocol.
_MOVES: dict[tuple[ChannelState, bool, bool], tuple[ChannelState, str]] = {
    (ChannelState.HEAD, True, True): (ChannelState.HEAD, "read"),
    (ChannelState.HEAD, True, False): (ChannelState.TEXT, "keep"),
    (ChannelState.TEXT, True, False): (ChannelState.TEXT, "keep"),
    (ChannelState.TEXT, True, True): (ChannelState.HEAD, "read"),
    (ChannelState.BODY, False, False): (ChannelState.BODY, "part"),
    (ChannelState.BODY, False, True): (ChannelState.HEAD, "part"),
}


class Channel:
    """Reads one WebSocket.

    Attributes:
        state: What may come next.
    """

    __slots__ = ("_kept", "_kinds", "_limits", "state")

    def __init__(self, role: Role, limits: Limits) -> None:
        self.state = ChannelState.HEAD
        self._kinds = role.value
        self._limits = limits
        self._kept = bytearray()

    def feed(self, data: bytes, *, is_text: bool, is_final: bool) -> list[Event]:
        """Return what this fragment completes.

        Raises:
            RelayProtocolBroken: it may not come here, or cannot be read.
            RelayLimitExceeded: a message is larger than the control channel carries.
        """
        move = _MOVES.get((self.state, is_text, is_final))
        if move is None:
            raise RelayProtocolBroken(f"{'text' if is_text else 'binary'} frame in state {self.state.name}")
        self.state, action = move
        if action == "part":
            return [BodyPart(data, is_final)]
        if len(self._kept) + len(data) > self._limits.control_bytes:
            raise RelayLimitExceeded(f"message over {self._limits.control_bytes} bytes")
        if action == "keep":
            self._kept += data
            return []
        text = bytes(self._kept) + data if self._kept else data
        self._kept.clear()
        return self._read(text)

    def _read(self, text: bytes) -> list[Event]:
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise RelayProtocolBroken("a message is not JSON") from None
        if not isinstance(said, dict):
            raise RelayProtocolBroken("a message is not an object")
        events: list[Event] = []
        for kind in self._kinds:
            if kind not in said:
                continue
            event = _event(kind, said[kind])
            events.append(event)
            if isinstance(event, RequestHead | ResponseHead) and event.has_body:
                self.state = ChannelState.BODY
        return events


def encode_accept(event: Accept) -> bytes:
    """Return the message that offers a WebSocket to a listener."""
    return orjson.dumps({"accept": {"address": event.address, "id": event.id, "connectHeaders": dict(event.headers)}})


def encode_rendezvous(event: Rendezvous) -> bytes:
    """Return the message that calls a listener to a rendezvous."""
    return orjson.dumps({"request": {"address": event.address, "id": event.id}})


def encode_request(head: RequestHead) -> bytes:
    """Return the message that brings a request to a listener."""
    said = {
        "address": head.address, "id": head.id, "requestTarget": head.target, "method": head.method,
        "requestHeaders": dict(head.headers), "body": head.has_body,
    }  # fmt: skip
    return orjson.dumps({"request": said})


def encode_response(head: ResponseHead, limits: Limits) -> bytes:
    """Return the message that answers a request.

    Raises:
        RelayLimitExceeded: the headers are larger than the relay carries.
    """
    check_headers(head.headers, limits)
    said = {
        "requestId": head.request, "statusCode": head.status, "statusDescription": head.reason,
        "responseHeaders": dict(head.headers), "body": head.has_body,
    }  # fmt: skip
    return orjson.dumps({"response": said})


def encode_renewal(token: str) -> bytes:
    """Return the message that replaces the token of a control channel."""
    return orjson.dumps({"renewToken": {"token": token}})


def header_bytes(headers: Headers) -> int:
    """Return what the headers count against the limit: names and values."""
    return sum(len(name) + len(value) for name, value in headers.items())


def check_headers(headers: Headers, limits: Limits) -> None:
    """Raise RelayLimitExceeded when the headers are larger than the relay carries."""
    if header_bytes(headers) > limits.header_bytes:
        raise RelayLimitExceeded(f"headers over {limits.header_bytes} bytes")


def _event(kind: str, said: Any) -> Event:
    if not isinstance(said, dict):
        raise RelayProtocolBroken(f"{kind} is not an object")
    if kind == "accept":
        return Accept(_text(said, "address"), _text(said, "id"), _headers(said.get("connectHeaders")))
    if kind == "renewToken":
        return RenewToken(_text(said, "token"))
    if kind == "response":
        return _response(said)
    if "method" not in said:
        return Rendezvous(_text(said, "address"), _text(said, "id"))
    return RequestHead(
        _text(said, "address"),
        _text(said, "id"),
        _text(said, "method"),
        _text(said, "requestTarget"),
        _headers(said.get("requestHeaders")),
        said.get("body") is True,
    )


def _response(said: dict[str, Any]) -> ResponseHead:
    status = said.get("statusCode")  # a number; the guide's own example writes text
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) == 3:
        status = int(status)
    if not isinstance(status, int) or not 100 <= status <= 999:
        raise RelayProtocolBroken("statusCode is no HTTP status")
    reason = said.get("statusDescription") or ""
    if not isinstance(reason, str):
        raise RelayProtocolBroken("statusDescription is no text")
    headers = _headers(said.get("responseHeaders"))
    return ResponseHead(_text(said, "requestId"), status, reason, headers, said.get("body") is True)


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise RelayProtocolBroken(f"{name} is missing or no text")
    return value


def _headers(said: Any) -> Headers:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise RelayProtocolBroken("headers are not an object")
    # Numbers are what Node's setHeader("Content-Length", 5) leaves in the JSON.
    return {name: value if isinstance(value, str) else str(value) for name, value in said.items()}
