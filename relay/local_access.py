"""Who may listen and send on the local relay: the service's own rules for shared access signatures."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from relay.tokens import signature_of

LISTEN, SEND = "Listen", "Send"
BOTH = frozenset({LISTEN, SEND})

_PREFIX = "SharedAccessSignature "


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what it allows."""

    secret: str
    rights: frozenset[str] = BOTH


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is good for: an HTTP status that refuses it (0: none does), and when it lapses."""

    status: int
    expires: float = 0.0


@dataclass(slots=True)
class Access:
    """Checks tokens.

    Attributes:
        keys: By name, for shared access signatures.
        bearers: Tokens that stand in for those of Microsoft Entra, with what they allow and when they lapse.
    """

    keys: Mapping[str, Key] = field(default_factory=dict)
    bearers: Mapping[str, tuple[frozenset[str], float]] = field(default_factory=dict)

    def check(self, token: str, path: str, right: str) -> Grant:
        """Return what a token is good for on a hybrid connection."""
        if token.startswith("Bearer "):
            rights, expires = self.bearers.get(token.removeprefix("Bearer "), (frozenset(), 0.0))
            return self._judge(bool(rights), expires, right in rights)
        fields = _fields(token)
        key = self.keys.get(fields.get("skn", ""))
        if key is None or not {"sr", "sig", "se"} <= fields.keys() or not fields["se"].isdecimal():
            return Grant(401)
        good = signature_of(fields["sr"], fields["se"], key.secret)
        is_genuine = hmac.compare_digest(good.encode(), unquote(fields["sig"]).encode())
        resource = urlsplit(unquote(fields["sr"])).path.strip("/").lower()
        is_for_it = not resource or f"{path.lower()}/".startswith(f"{resource}/")
        return self._judge(is_genuine, float(fields["se"]), is_for_it and right in key.rights)

    def _judge(self, is_genuine: bool, expires: float, is_allowed: bool) -> Grant:
        if not is_genuine or expires <= time.time():
            return Grant(401)
        return Grant(0 if is_allowed else 403, expires)


def token_of(headers: Mapping[str, str], query: str) -> tuple[str, bool]:
    """Return the token of a request, and whether it stood where only the relay looks (not in ``Authorization``)."""
    for name, value in parse_qsl(query):
        if name == "sb-hc-token":
            return value, True
    lower = {name.lower(): value for name, value in headers.items()}
    own = lower.get("servicebusauthorization", "")
    return (own, True) if own else (lower.get("authorization", ""), False)


def _fields(token: str) -> dict[str, str]:
    text = unquote(token) if token.startswith("SharedAccessSignature%20") else token
    if not text.startswith(_PREFIX):
        return {}
    pairs = (part.partition("=") for part in text.removeprefix(_PREFIX).split("&"))
    return {name: value for name, _, value in pairs}
