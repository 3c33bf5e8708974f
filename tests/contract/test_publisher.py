"""The contract of `Publisher`: CloudEvents 1.0, as they were given, or the caller hears that they were not taken.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md (required attributes, extensions).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import orjson
import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid.aio import EventGridPublisherClient

from shared.adapters.azure.operations import Operations
from shared.adapters.azure.publisher import AzurePublisher
from shared.adapters.destinations.event import EventDestination
from shared.adapters.local.publisher import LocalPublisher
from shared.deliver.shape import thin_event
from shared.message.delivery import Verdict
from shared.message.errors.pipeline import EventNotTaken
from shared.ports import Publisher
from tests.doubles.clock import NOON, SettableClock
from tests.doubles.event_grid import EventGridTopic, Subscription
from tests.doubles.samples import delivery
from tests.faults.deployment import registry

KEY = "a key"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "0-0123456789abcdef0123456789abcdef",
    "source": "/interfaces/lab",
    "type": "caduceus.lab.R01",
    "subject": "Patient/0123",
    "time": "2026-03-02T12:00:00Z",
    "datacontenttype": "application/json",
    "hub": "north",  # an extension attribute
    "data": {"destination": "app", "message": "0-0123", "resources": ["Patient/0123"]},
}


class Broker(Protocol):
    """A publisher, and what its one subscriber has heard."""

    publisher: Publisher

    async def heard(self) -> list[Mapping[str, Any]]: ...

    def refuse(self, refuses: bool) -> None:
        """Take nothing, or take everything again."""


class InProcess:
    """A laptop's."""

    def __init__(self) -> None:
        self.publisher = LocalPublisher()
        self.publisher.subscribe(self._take)
        self._heard: list[Mapping[str, Any]] = []
        self._refuses = False

    async def heard(self) -> list[Mapping[str, Any]]:
        return self._heard

    def refuse(self, refuses: bool) -> None:
        self._refuses = refuses

    async def _take(self, event: Mapping[str, Any]) -> None:
        if self._refuses:
            raise EventNotTaken("subscriber, busy")
        self._heard.append(event)


class EventGrid:
    """A topic of Event Grid, with the SDK; its subscriber is a web hook."""

    def __init__(self) -> None:
        self._topic = EventGridTopic(KEY, speed=0.001)
        self._heard: list[Mapping[str, Any]] = []

    def refuse(self, refuses: bool) -> None:
        self._topic.token = "another key" if refuses else KEY

    async def heard(self) -> list[Mapping[str, Any]]:
        await self._topic.settled()
        return self._heard

    @asynccontextmanager
    async def open(self) -> AsyncIterator[EventGrid]:
        application = self._topic.application()
        application.router.add_route("*", "/hook", self._take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://{}:{}".format(*runner.addresses[0][:2])
        assert await self._topic.subscribe(Subscription("app", f"{url}/hook"))
        client = EventGridPublisherClient(f"{url}/api/events", AzureKeyCredential(KEY), retry_total=0)
        self.publisher = AzurePublisher(client, Operations())
        yield self
        await self.publisher.close()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": request.headers["WebHook-Request-Origin"]})
        self._heard.append(await request.json())
        return web.Response()


@pytest.fixture(params=["local", "azure"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    if request.param == "local":
        yield InProcess()
        return
    async with EventGrid().open() as grid:
        yield grid


async def test_an_event_is_heard_as_it_was_published(broker: Broker) -> None:
    """Subscribers know an event by `id` and `source`, and filter by type, subject and extension: nothing is added."""
    await broker.publisher.publish([EVENT])

    [event] = await broker.heard()
    assert {**event, "time": EVENT["time"]} == EVENT
    assert event["time"].removesuffix("Z").removesuffix("+00:00").rstrip("0.").startswith("2026-03-02T12:00")


async def test_events_published_together_are_all_heard(broker: Broker) -> None:
    """An envelope's worth goes out in one call; in which order, Event Grid does not say."""
    await broker.publisher.publish([{**EVENT, "id": f"0-{n}"} for n in range(5)])

    assert sorted(event["id"] for event in await broker.heard()) == [f"0-{n}" for n in range(5)]


async def test_what_a_subscriber_hears_of_a_message_is_ids(broker: Broker) -> None:
    """Whoever may subscribe may not therefore read records: the event the hub makes holds none (CloudEvents 1.0)."""
    patient = {"resourceType": "Patient", "id": "0123", "name": [{"family": "MUSTER"}], "birthDate": "1980-01-01"}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": patient}]}
    await broker.publisher.publish([thin_event(registry().interfaces["ward"], bundle, delivery(1))])

    [event] = await broker.heard()
    assert event.keys() >= {"id", "source", "type", "specversion"}
    assert (event["specversion"], event["subject"]) == ("1.0", "Patient/0123")
    assert event["data"].keys() == {"destination", "message", "resources"}
    assert "MUSTER" not in str(event)
    assert "1980" not in str(event)


async def test_nothing_to_publish_is_no_error(broker: Broker) -> None:
    """A turn may have nothing for subscribers."""
    await broker.publisher.publish([])

    assert await broker.heard() == []


async def test_an_event_that_was_not_taken_is_published_again_under_its_id(broker: Broker) -> None:
    """Not taken is never silent: the delivery stays in its lane, and goes out as the same event."""
    broker.refuse(True)
    with pytest.raises(EventNotTaken):
        await broker.publisher.publish([EVENT])
    assert await broker.heard() == []

    broker.refuse(False)
    await broker.publisher.publish([EVENT])
    assert [event["id"] for event in await broker.heard()] == [EVENT["id"]]


async def test_what_was_not_taken_says_nothing_of_the_event(broker: Broker) -> None:
    """The error is logged, and an event names a patient's record (promise 5)."""
    broker.refuse(True)
    with pytest.raises(EventNotTaken) as raised:
        await broker.publisher.publish([EVENT])

    assert not any(word in str(raised.value) for word in ("Patient", "0123", "lab"))


async def test_a_delivery_is_tried_again_until_its_event_is_taken(broker: Broker) -> None:
    """An event is a destination like any other: what was not taken waits in its lane."""
    destination = EventDestination(broker.publisher, SettableClock())
    deadline = NOON.replace(minute=1)
    broker.refuse(True)
    refused = await destination.send(delivery(1), orjson.dumps(EVENT), "application/cloudevents+json", deadline)
    broker.refuse(False)
    taken = await destination.send(delivery(1), orjson.dumps(EVENT), "application/cloudevents+json", deadline)

    assert (refused.verdict, taken.verdict) == (Verdict.TRANSIENT, Verdict.ACCEPTED)
    assert len(await broker.heard()) == 1
