"""Events through Event Grid, with the real SDK and a topic on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid.aio import EventGridPublisherClient

from shared.adapters.azure.operations import Operations
from shared.adapters.azure.publisher import AzurePublisher
from shared.message.errors.pipeline import EventNotTaken
from tests.doubles.event_grid import EventGridTopic, Subscription

KEY = "a key"
EVENT = {
    "specversion": "1.0",
    "id": "0-1",
    "source": "/hubs/one",
    "type": "org.caduceus.message",
    "subject": "Patient/p",
    "time": "2026-03-02T12:00:00+00:00",
    "data": {"message": "0-1"},
}


class Hooks:
    """Web hooks that note what comes, and answer as they are told."""

    def __init__(self) -> None:
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, list[int]] = {}

    async def take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": request.headers["WebHook-Request-Origin"]})
        planned = self.answers.get(name)
        status = planned.pop(0) if planned else 200
        if status == 200:
            self.came.append((name, await request.json()))
        return web.Response(status=status)


async def serve(application: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


@pytest.fixture
async def hooks() -> AsyncIterator[tuple[Hooks, str]]:
    hooks, application = Hooks(), web.Application()
    application.router.add_route("*", "/{name}", hooks.take)
    runner, url = await serve(application)
    yield hooks, url
    await runner.cleanup()


@pytest.fixture
async def topic() -> AsyncIterator[tuple[EventGridTopic, str]]:
    topic = EventGridTopic(KEY, speed=0.001)
    runner, url = await serve(topic.application())
    yield topic, f"{url}/api/events"
    await runner.cleanup()


def publisher(url: str, key: str = KEY) -> AzurePublisher:
    client = EventGridPublisherClient(url, AzureKeyCredential(key), retry_total=0)
    return AzurePublisher(client, Operations())


async def test_a_subscriber_hears_of_the_types_it_asked_for(topic: Any, hooks: Any) -> None:
    """That an event arrives as it was is the contract's (tests/contract/test_publisher.py)."""
    grid, url = topic
    kept, base = hooks
    assert await grid.subscribe(Subscription("app", f"{base}/app"))
    await grid.subscribe(Subscription("other", f"{base}/other", types=("org.other",)))
    sending = publisher(url)

    await sending.publish([EVENT])
    await grid.settled()
    await sending.close()

    assert [name for name, _ in kept.came] == ["app"]


async def test_a_topic_that_refuses_is_an_event_not_taken(topic: Any) -> None:
    """The delivery is tried again; nothing was published."""
    grid, url = topic
    sending = publisher(url, "another key")
    with pytest.raises(EventNotTaken, match="401"):
        await sending.publish([EVENT])
    await sending.close()
    assert grid.seen["published"] == 0


async def test_a_topic_that_nobody_answers_for_is_an_event_not_taken() -> None:
    """The network is no reason to lose an event."""
    sending = publisher("http://127.0.0.1:9/api/events")
    with pytest.raises(EventNotTaken):
        await sending.publish([EVENT])
    await sending.close()


async def test_the_double_tries_again_and_keeps_what_was_never_taken(topic: Any, hooks: Any) -> None:
    """Delivery and retry, as documented: 5xx again, 400 to the dead letters at once, others after so many attempts."""
    grid, url = topic
    kept, base = hooks
    kept.answers = {"flaky": [503, 500], "refusing": [400], "down": [500] * 9}
    for name in ("flaky", "refusing"):
        await grid.subscribe(Subscription(name, f"{base}/{name}"))
    await grid.subscribe(Subscription("down", f"{base}/down", attempts_limit=3))
    sending = publisher(url)

    await sending.publish([EVENT])
    await grid.settled()
    await sending.close()

    assert [name for name, _ in kept.came] == ["flaky"]
    assert sorted((name, why) for name, _, why in grid.dead_letters) == [
        ("down", "MaxDeliveryAttemptsExceeded"),
        ("refusing", "400"),
    ]
    assert grid.seen["attempts"] == 3 + 1 + 3
