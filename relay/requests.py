"""An HTTP request that came over the relay, and its answer; bodies are streams in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from relay.control import Headers, RequestHead, ResponseHead
from shared.message.errors.relay import RelayLimitExceeded

# Names of RFC 7230 and 9110 that belong to one connection; the protocol forbids them in an answer.
HOP_BY_HOP = frozenset(
    ("connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade", "close", "keep-alive",
     "proxy-connection")
)  # fmt: skip


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Body:
    """The body of a request as it comes; iterate it once, or `read` it whole.

    Args:
        parts: Its parts; or all of it, where it is there already.
    """

    def __init__(self, parts: AsyncIterator[bytes] | bytes) -> None:
        self._whole = parts if isinstance(parts, bytes) else None
        self._parts = _once(parts) if isinstance(parts, bytes) else parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts

    async def read(self, limit_bytes: int) -> bytes:
        """Return all of it.

        Raises:
            RelayLimitExceeded: it is larger than the limit.
            RelayUnreachable: it broke off.
        """
        if self._whole is not None and len(self._whole) <= limit_bytes:
            return self._whole
        parts: list[bytes] = []
        size = 0
        async for part in self._parts:
            size += len(part)
            if size > limit_bytes:
                raise RelayLimitExceeded(f"body over {limit_bytes} bytes")
            parts.append(part)
        return b"".join(parts)

    async def drop(self) -> None:
        """Pass over what was not read."""
        async for _ in self._parts:
            pass


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


@dataclass(frozen=True, slots=True)
class RelayedRequest:
    """One HTTP request of a sender.

    Attributes:
        target: Path and query as the sender asked, name of the hybrid connection included.
    """

    head: RequestHead
    body: Body

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def target(self) -> str:
        return self.head.target

    @property
    def headers(self) -> Headers:
        return self.head.headers

    def header(self, name: str) -> str:
        """Return a header, whatever the case of its name; empty when it is absent."""
        wanted = name.lower()
        return next((value for key, value in self.head.headers.items() if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class RelayedResponse:
    """The answer.

    Attributes:
        status: Any but 502 and 504, which are the relay's own.
        body: Bytes, or parts that are sent as they come.
    """

    status: int
    body: bytes | AsyncIterator[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    def head_for(self, request: RequestHead) -> ResponseHead:
        """Return the head of the answer, without the headers that a connection keeps for itself."""
        kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        status = 503 if self.status in (502, 504) else self.status
        has_body = not isinstance(self.body, bytes) or bool(self.body)
        return ResponseHead(request.id, status, self.reason or _PHRASES.get(status, ""), kept, has_body)


RequestHandler = Callable[[RelayedRequest], Awaitable[RelayedResponse]]
