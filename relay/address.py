"""Where a hybrid connection is, in the three forms its users need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

_SECURE = {"sb": True, "https": True, "wss": True, "http": False, "ws": False}
_RESERVED = "sb-hc-"  # the service's own query parameters


@dataclass(frozen=True, slots=True)
class HybridConnection:
    """One hybrid connection of one namespace.

    Attributes:
        host: Name of the namespace, with its port where that is not the scheme's.
        path: Name of the hybrid connection.
        is_secure: False for a local relay only.
    """

    host: str
    path: str
    is_secure: bool = True

    @classmethod
    def parse(cls, url: str) -> HybridConnection:
        """Return the hybrid connection at ``sb://namespace.servicebus.windows.net/path`` (or https, wss, http, ws).

        Raises:
            ValueError: it is no such URL.
        """
        parts = urlsplit(url)
        path = parts.path.removeprefix("/$hc").strip("/")
        if parts.scheme not in _SECURE or not parts.hostname or not path or parts.username or parts.query:
            raise ValueError("expected sb://<namespace>.servicebus.windows.net/<hybrid connection>")
        return cls(parts.netloc, path, _SECURE[parts.scheme])

    @property
    def resource(self) -> str:
        """The URI that a shared access signature is for: no port, always http."""
        return f"http://{urlsplit('//' + self.host).hostname}/{quote(self.path)}"

    def listen_url(self, trace: str) -> str:
        """Return where a listener opens its control channel."""
        return f"{self._websocket}?{urlencode({'sb-hc-action': 'listen', 'sb-hc-id': trace})}"

    def connect_url(self, target: str = "", trace: str = "") -> str:
        """Return where a sender opens a WebSocket.

        Args:
            target: Suffix and query for the listener: ``/ward?bed=3``.
            trace: An id that the listener sees too.
        """
        suffix, _, query = target.partition("?")
        own = {"sb-hc-action": "connect", **({"sb-hc-id": trace} if trace else {})}
        return f"{self._websocket}{suffix}?{query + '&' if query else ''}{urlencode(own)}"

    def request_url(self, target: str = "") -> str:
        """Return where a sender sends an HTTP request; ``target`` as in `connect_url`."""
        return f"{'https' if self.is_secure else 'http'}://{self.host}/{quote(self.path)}{target}"

    def target_of(self, path_and_query: str) -> str:
        """Return what follows the name of the hybrid connection, without the service's own parameters."""
        path, _, query = path_and_query.partition("?")
        suffix = path.removeprefix("/$hc").removeprefix("/" + quote(self.path))
        kept = urlencode(without_reserved(parse_qsl(query, keep_blank_values=True)))
        return f"{suffix}?{kept}" if kept else suffix

    @property
    def _websocket(self) -> str:
        return f"{'wss' if self.is_secure else 'ws'}://{self.host}/$hc/{quote(self.path)}"


def without_reserved(query: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the parameters that are not the service's own."""
    return [(name, value) for name, value in query if not name.startswith(_RESERVED)]
