"""An Event Grid topic: takes CloudEvents and pushes them to web hooks, with handshake, retries and dead letters.

Source: Microsoft's documentation of Event Grid: "CloudEvents v1.0 schema", "Endpoint validation", "Delivery and retry".
A retry comes after 10 s, 30 s, 1 min ... ; `speed` makes them shorter.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from shared.fhir import exact_json

RETRY_SECONDS = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200)
NEVER_AGAIN = frozenset({400, 401, 403, 413})  # to the dead letters at once, or lost where there are none
LIMIT_BYTES = 1 << 20
_NEEDED = frozenset({"id", "source", "type", "specversion"})
_ORIGIN = "eventgrid.azure.net"


@dataclass(slots=True)
class Subscription:
    """Who hears of which events.

    Attributes:
        types: Only these; none: all.
        attempts_limit: Then the event is a dead letter.
    """

    name: str
    url: str
    types: tuple[str, ...] = ()
    attempts_limit: int = 30
    is_confirmed: bool = False


@dataclass(slots=True)
class EventGridTopic:
    """A custom topic.

    Args:
        token: What a publisher must show as its bearer token or key.
        speed: What retries take of their real time.
    """

    token: str
    speed: float = 1.0
    subscriptions: list[Subscription] = field(default_factory=list)
    dead_letters: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def application(self) -> web.Application:
        """Return what to serve."""
        application = web.Application(client_max_size=2 * LIMIT_BYTES)
        application.router.add_post("/api/events", self._publish)
        return application

    async def subscribe(self, subscription: Subscription) -> bool:
        """Ask the web hook whether it wants events; only then it gets any."""
        headers = {"WebHook-Request-Origin": _ORIGIN, "WebHook-Request-Rate": "120"}
        async with aiohttp.ClientSession() as session, session.options(subscription.url, headers=headers) as answer:
            allowed = answer.headers.get("WebHook-Allowed-Origin")
            subscription.is_confirmed = answer.status == 200 and allowed in ("*", _ORIGIN)
        self.subscriptions.append(subscription)
        return subscription.is_confirmed

    async def settled(self) -> None:
        """Return when every event was delivered or is a dead letter."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _publish(self, request: web.Request) -> web.Response:
        shown = request.headers.get("aeg-sas-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if shown != self.token:
            return _refused("Unauthorized", 401)
        body = await request.read()
        if len(body) > LIMIT_BYTES:
            return _refused("RequestEntityTooLarge", 413)
        events = exact_json.loads(body)
        if not all(event.keys() >= _NEEDED for event in events):
            return _refused("BadRequest", 400)
        self.seen["published"] += len(events)
        for event in events:
            for one in self.subscriptions:
                if one.is_confirmed and (not one.types or event["type"] in one.types):
                    task = asyncio.create_task(self._deliver(one, event))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        return web.Response()

    async def _deliver(self, subscription: Subscription, event: dict[str, Any]) -> None:
        for attempt in range(subscription.attempts_limit):
            outcome = await self._post(subscription, event, attempt)
            if outcome in range(200, 205):
                self.seen["delivered"] += 1
                return
            if outcome in NEVER_AGAIN:
                self.dead_letters.append((subscription.name, event, str(outcome)))
                return
            wait = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
            await asyncio.sleep(wait * self.speed)
        self.dead_letters.append((subscription.name, event, "MaxDeliveryAttemptsExceeded"))

    async def _post(self, subscription: Subscription, event: dict[str, Any], attempt: int) -> int:
        """Return the status of the web hook's answer; 0: there was none."""
        self.seen["attempts"] += 1
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "aeg-event-type": "Notification",
            "aeg-subscription-name": subscription.name.upper(),
            "aeg-delivery-count": str(attempt),
        }
        try:
            session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
            body = exact_json.dumps(event)
            async with session, session.post(subscription.url, data=body, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


def _refused(code: str, status: int) -> web.Response:
    return web.json_response({"error": {"code": code, "message": code}}, status=status)
