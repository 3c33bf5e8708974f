"""The stand-in for ``func start``: hosts the functions of `function_app.py` in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import azure.functions as func

from local.event_triggers import event_endpoint
from local.functions import EVENT, HTTP, QUEUE, TIMER, Function
from local.host_json import HostJson
from local.http_server import FINISH_SECONDS, HttpServer
from local.http_triggers import Endpoint, HttpTriggers, function_endpoints
from local.queue_triggers import QueuePump
from local.timer_triggers import read_schedule, run_timer
from shared.adapters.local.queue import LocalQueue


class Host:
    """Runs functions when their triggers say so.

    Args:
        queue: The broker that Service Bus triggers receive from.
        more: Endpoints of the laptop itself, beside those of the functions.

    Raises:
        FunctionAppUnusable: a trigger cannot be used here.
    """

    def __init__(
        self, functions: Sequence[Function], settings: HostJson, queue: LocalQueue, more: Iterable[Endpoint] = ()
    ) -> None:
        def of_kind(kind: str) -> list[Function]:
            return [function for function in functions if function.kind == kind]

        endpoints = [*function_endpoints(of_kind(HTTP), settings.route_prefix), *more]
        if events := of_kind(EVENT):
            endpoints.append(event_endpoint(events))
        self._http = HttpTriggers(endpoints)
        self._server = HttpServer(self._http.handle)
        self._pumps = [QueuePump(function, queue, settings.queues) for function in of_kind(QUEUE)]
        self._timers = [(function, read_schedule(function)) for function in of_kind(TIMER)]
        self._ending = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The HTTP port it listens on."""
        return self._server.port

    def caller(self, method: str, path: str, media: str) -> Callable[[bytes], Awaitable[func.HttpResponse]]:
        """Return how to call an HTTP function in this process."""
        return self._http.caller(method, path, media)

    async def start(self, port: int) -> None:
        """Run every trigger; ``port`` 0 takes a free one, told by `port`."""
        for pump in self._pumps:
            pump.start()
        self._running = [asyncio.create_task(run_timer(*timer, self._ending)) for timer in self._timers]
        await self._server.start(port)

    async def stop(self) -> None:
        """Take nothing new, let what is under way finish, and end."""
        self._ending.set()
        await self._server.stop()
        await asyncio.gather(*(pump.stop(FINISH_SECONDS) for pump in self._pumps))
        if self._running:
            await asyncio.wait(self._running, timeout=FINISH_SECONDS)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
