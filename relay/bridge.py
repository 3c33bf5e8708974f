"""The cloud's end of the way up: listens on a hybrid connection, and passes each request on to the hub's ingest.

    python -m relay.bridge --relay sb://contoso.servicebus.windows.net/up --hub https://hub.example.org --scope api://...

Several of them share the load. Nothing is kept and nothing is acknowledged here: what the hub answers is the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp

from relay.address import HybridConnection
from relay.health import serve_health
from relay.listener import Listener
from relay.requests import RelayedRequest, RelayedResponse
from relay.tokens import EntraTokens, NoTokens, SasTokens, Tokens
from shared.message.errors.base import IntegrationError
from shared.message.stream import RELAY_HEADER

_PASSED_ON = ("content-type", "caduceus-stream", "caduceus-connector")
_ANSWERED = ("Content-Type", "Caduceus-Stream", "Retry-After", "Date")
ANSWER_SECONDS = 50.0  # the relay gives up after 60


class Bridge:
    """Passes requests on.

    Args:
        path: Requests below it are for the hub: the hybrid connection's own name is taken away.
    """

    def __init__(self, hub: str, place: HybridConnection, tokens: Tokens) -> None:
        self._hub = hub.rstrip("/")
        self._place = place
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: RelayedRequest) -> RelayedResponse:
        """Return the hub's answer; 503 where there is none: the connector sends it again."""
        target = self._place.target_of(request.target)
        if request.method != "POST" or not target.partition("?")[0].startswith("/ingest"):
            return RelayedResponse(404)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)
            )
        headers = {name: value for name, value in request.headers.items() if name.lower() in _PASSED_ON}
        headers[RELAY_HEADER] = self._place.path
        try:
            token = (await self._tokens.token()).text
            if token:
                headers["Authorization"] = token
            async with self._session.post(
                self._hub + target, data=aiter(request.body), headers=headers, allow_redirects=False
            ) as answer:
                kept = {name: answer.headers[name] for name in _ANSWERED if name in answer.headers}
                return RelayedResponse(answer.status, await answer.read(), kept)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return RelayedResponse(503)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        await self._tokens.close()


async def _main() -> None:
    given = _parser().parse_args()
    place = HybridConnection.parse(given.relay)
    tokens: Tokens = EntraTokens()
    if given.key_file is not None:
        tokens = SasTokens(place.resource, given.key_name, given.key_file.read_text("utf-8").strip())
    bridge = Bridge(given.hub, place, EntraTokens(scope=given.scope) if given.scope else NoTokens())
    listener = Listener(place, tokens, on_request=bridge.handle, on_error=_tell, channels=given.channels)
    stopping = asyncio.Event()
    with suppress(NotImplementedError):
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        if given.health_port is not None:
            await stack.enter_async_context(serve_health(listener, given.health_port))
        await listener.start()
        await stopping.wait()
        await listener.stop()
        await bridge.close()


def _tell(error: BaseException) -> None:
    """Print an error of ours as it is, and of any other its type alone: its text may hold what a request held."""
    print(error if isinstance(error, IntegrationError) else type(error).__name__, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m relay.bridge", description="Relay to the hub's ingest")
    parser.add_argument("--relay", required=True, help="sb://<namespace>.servicebus.windows.net/<hybrid connection>")
    parser.add_argument("--hub", required=True, help="https://<hub>")
    parser.add_argument("--scope", help="Entra scope of the hub; without it no token is sent")
    parser.add_argument("--key-name", help="with --key-file, instead of the managed identity")
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--channels", type=int, default=2, help="control channels, 25 of all processes together")
    parser.add_argument("--health-port", type=int, help="answers 200 there while a channel stands, 503 while none does")
    return parser


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
