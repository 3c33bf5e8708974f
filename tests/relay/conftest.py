"""A relay on this machine, and whatever a test opens on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from relay import HybridConnection, Limits, Listener, SasTokens, Sender
from relay.backoff import Backoff
from relay.local_access import BOTH, LISTEN, SEND, Access, Key
from relay.local_relay import LocalRelay

KEYS = {"root": Key("c2VjcmV0"), "send": Key("s", frozenset({SEND})), "listen": Key("l", frozenset({LISTEN}))}
BEARERS = {"entra": (BOTH, float("inf"))}


class Setting:
    """A local relay with the hybrid connections ``ward`` (tokens needed) and ``open``."""

    def __init__(self, stack: AsyncExitStack, relay: LocalRelay) -> None:
        self.relay = relay
        self.errors: list[BaseException] = []
        self._stack = stack

    def place(self, path: str = "ward", port: int | None = None) -> HybridConnection:
        return HybridConnection.parse(f"http://127.0.0.1:{port or self.relay.port}/{path}")

    def tokens(self, key_name: str = "root", place: HybridConnection | None = None, life: float = 3600.0) -> SasTokens:
        resource = (place or self.place()).resource
        return SasTokens(resource, key_name, KEYS[key_name].secret, life)

    async def listener(self, *, wait: bool = True, life: float = 3600.0, **options) -> Listener:
        place = options.pop("place", None) or self.place()
        options.setdefault("backoff", lambda: Backoff(0.01, 0.05))
        tokens = options.pop("tokens", None) or self.tokens(place=place, life=life)
        listener = Listener(place, tokens, on_error=self.errors.append, **options)
        await listener.start()
        self._stack.push_async_callback(listener.stop, 1.0)
        if wait:
            await listener.wait_online(20)
        return listener

    def sender(self, key_name: str = "send", **options) -> Sender:
        place = options.pop("place", None) or self.place()
        sender = Sender(place, options.pop("tokens", None) or self.tokens(key_name, place), **options)
        self._stack.push_async_callback(sender.close)
        return sender


@pytest.fixture
def limits() -> Limits:
    """The service's own; a test shortens its waits by giving others."""
    return Limits()


@pytest.fixture
async def setting(limits) -> AsyncIterator[Setting]:
    async with AsyncExitStack() as stack:
        relay = LocalRelay({"ward": True, "open": False}, Access(KEYS, BEARERS), limits)
        await relay.start()
        stack.push_async_callback(relay.stop)
        yield Setting(stack, relay)
