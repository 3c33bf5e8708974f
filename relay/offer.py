"""What a listener does with a WebSocket that a sender wants: take it, or say why not."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from relay.control import Accept, Headers
from relay.limits import Limits
from relay.opening import HandshakeRefused, open_socket
from relay.proxy import Proxy
from relay.socket import RelaySocket
from shared.message.errors.relay import RendezvousMissed

if TYPE_CHECKING:
    from relay.address import HybridConnection

_REJECTED = 410  # the handshake that rejects is meant to fail so


@dataclass(slots=True)
class Offer:
    """One sender that waits, 30 seconds at most.

    Attributes:
        message: What the relay said of it.
        is_settled: It was accepted or rejected.
    """

    message: Accept
    place: HybridConnection
    limits: Limits
    tls: ssl.SSLContext | None
    proxy: Proxy | None = None
    is_settled: bool = False

    @property
    def target(self) -> str:
        """Suffix and query that the sender added: ``/ward?bed=3``."""
        parts = urlsplit(self.message.address)
        return self.place.target_of(f"{parts.path}?{parts.query}")

    @property
    def subprotocols(self) -> list[str]:
        """What the sender can speak."""
        offered = _header(self.message.headers, "sec-websocket-protocol")
        return [name.strip() for name in offered.split(",") if name.strip()]

    async def accept(self, subprotocol: str | None = None) -> RelaySocket:
        """Return the stream to the sender.

        Args:
            subprotocol: One of `subprotocols`, where the two agree on one.
        Raises:
            RendezvousMissed: the sender is gone, or the address was used.
        """
        self.is_settled = True
        wanted = (subprotocol,) if subprotocol else ()
        try:
            return await open_socket(
                self.message.address, self.limits, subprotocols=wanted, tls=self.tls, proxy=self.proxy
            )
        except HandshakeRefused as refused:
            raise RendezvousMissed(f"HTTP {refused.status}") from None

    async def reject(self, status: int, reason: str) -> None:
        """Let the sender know why not.

        Raises:
            RendezvousMissed: the sender is gone, or the address was used.
        """
        self.is_settled = True
        said = f"&sb-hc-statusCode={status}&sb-hc-statusDescription={quote(reason)}"
        try:
            opened = await open_socket(self.message.address + said, self.limits, tls=self.tls, proxy=self.proxy)
        except HandshakeRefused as refused:
            if refused.status != _REJECTED:
                raise RendezvousMissed(f"HTTP {refused.status}") from None
        else:
            opened.abort()


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")
