"""The destinations without a receiver of their own: events, files, nothing, and an address that is a secret."""

from __future__ import annotations

import asyncio
import errno
from datetime import timedelta
from types import SimpleNamespace

import orjson
import pytest

from shared.adapters.destinations.event import EventDestination
from shared.adapters.destinations.file import FileDestination
from shared.adapters.destinations.https import HttpsDestination
from shared.adapters.destinations.kept_store import GROUP_LIMIT
from shared.adapters.destinations.mllp import MllpDestination
from shared.adapters.destinations.null import NullDestination
from shared.adapters.destinations.open import SecretlyAddressed, open_destination, sends_at_once
from shared.adapters.local.publisher import LocalPublisher
from shared.message.delivery import Answer, Verdict
from shared.message.errors.pipeline import EventNotTaken
from shared.message.errors.storage import SecretMissing

EVENT = {"specversion": "1.0", "id": "d1", "source": "/interfaces/x", "type": "caduceus.x.A01"}


@pytest.fixture
def send(clock, delivery):
    async def send(destination, body=b"MSH|", media_type="application/hl7-v2", seconds=2.0):
        return await destination.send(delivery, body, media_type, clock.now() + timedelta(seconds=seconds))

    return send


async def test_event_reaches_every_subscriber_as_it_was_shaped(clock, send):
    """Thin events carry ids; subscribers fetch the rest with their own rights."""
    heard = []
    publisher = LocalPublisher()

    async def hear(event):
        heard.append(event)

    publisher.subscribe(hear)
    publisher.subscribe(hear)

    answer = await send(EventDestination(publisher, clock), orjson.dumps(EVENT))

    assert answer == Answer(Verdict.ACCEPTED, "published")
    assert heard == [EVENT, EVENT]


async def test_event_that_a_subscriber_did_not_take_is_tried_again(clock, send):
    """An event is idempotent by its id, so another try is always safe."""
    publisher = LocalPublisher()

    async def refuse(_):
        raise EventNotTaken("HTTP 503")

    publisher.subscribe(refuse)

    answer = await send(EventDestination(publisher, clock), orjson.dumps(EVENT))

    assert answer == Answer(Verdict.TRANSIENT, "HTTP 503")


async def test_event_that_nobody_takes_in_time_is_ambiguous(clock, send):
    """It may have been heard; the delivery must not hang."""
    publisher = LocalPublisher()
    publisher.subscribe(lambda _: asyncio.sleep(60))

    answer = await send(EventDestination(publisher, clock), orjson.dumps(EVENT), seconds=0.05)

    assert answer == Answer(Verdict.AMBIGUOUS, "timed_out")


async def test_file_holds_the_message_under_the_name_of_its_delivery(tmp_path, send, delivery):
    """A second copy of the same delivery replaces the first: once at the destination, whatever happens between."""
    folder = tmp_path / "out" / "lab"
    destination = FileDestination(folder)

    answers = [await send(destination), await send(destination)]

    assert answers == [Answer(Verdict.ACCEPTED, "written")] * 2
    assert [(one.name, one.read_bytes()) for one in folder.iterdir()] == [(f"{delivery.id}.hl7", b"MSH|")]


async def test_file_that_cannot_be_written_is_tried_again_and_leaves_nothing_half_done(tmp_path, send):
    """A share that is not mounted today is mounted tomorrow."""
    (tmp_path / "out").write_text("a file where a folder should be")

    answer = await send(FileDestination(tmp_path / "out"))

    assert answer == Answer(Verdict.TRANSIENT, f"write failed {errno.EEXIST}")


async def test_null_takes_everything(send):
    """Smoke tests and echo messages go the whole way and end here."""
    assert await send(NullDestination()) == Answer(Verdict.ACCEPTED, "null")


class Secrets:
    """A secret store that somebody fills late."""

    def __init__(self):
        self.known = {}

    async def get(self, name):
        if name not in self.known:
            raise SecretMissing(name)
        return self.known[name]


async def test_secret_address_is_read_when_first_needed_and_missing_only_delays(tmp_path, send):
    """Messages wait for the secret instead of going to quarantine one by one."""
    secrets = Secrets()
    destination = SecretlyAddressed("drop-folder", secrets, lambda address: FileDestination(tmp_path / address))

    before = await send(destination)
    secrets.known["drop-folder"] = "lab"
    after = await send(destination)

    assert before == Answer(Verdict.TRANSIENT, SecretMissing.code)
    assert after.verdict is Verdict.ACCEPTED
    assert len(list((tmp_path / "lab").iterdir())) == 1


@pytest.mark.parametrize(
    ("kind", "address", "adapter"),
    [
        ("mllp", "mllp://127.0.0.1:2576", MllpDestination),
        ("https", "https://app.example/in", HttpsDestination),
        ("event", "", EventDestination),
        ("event", "http://127.0.0.1:7184/events", HttpsDestination),
        ("file", "out", FileDestination),
        ("null", "", NullDestination),
        ("https", "secret:app-url", SecretlyAddressed),
    ],
)
async def test_kind_and_address_choose_the_adapter(kind, address, adapter, clock):
    """An event with an address goes to that web hook, not to everybody's topic."""
    adapters = SimpleNamespace(clock=clock, publisher=LocalPublisher(), secrets=Secrets(), fhir_store=None)
    config = SimpleNamespace(kind=kind, connections=1, authority=None)

    destination = open_destination(config, address, adapters)

    assert isinstance(destination, adapter)
    await destination.close()


@pytest.mark.parametrize(
    ("kind", "keeper", "sends"), [("fhir_store", object(), GROUP_LIMIT), ("fhir_store", None, 8), ("mllp", object(), 8)]
)
def test_the_keeper_of_a_laptops_store_is_sent_a_whole_commit(kind, keeper, sends):
    config = SimpleNamespace(kind=kind, connections=8)

    assert sends_at_once(config, SimpleNamespace(store_keeper=keeper)) == sends
