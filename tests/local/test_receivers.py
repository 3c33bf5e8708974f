"""The sample receivers are real servers: they go down, come up, and know a second copy."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import aiohttp
import orjson
import pytest

from local.host import Host
from local.host_json import HostJson, QueueLimits
from local.receivers import inbox as inbox_module
from local.receivers.endpoints import receiver_endpoints
from local.receivers.group import receivers_of
from local.receivers.inbox import Inbox
from shared.adapters.destinations.mllp import MllpDestination
from shared.adapters.local.clock import SystemClock
from tests.doubles.clock import NOON, SettableClock

ADDRESSES = {
    "billing": ("https", "http://127.0.0.1:7181/encounters"),
    "app": ("event", "http://localhost:7184/events"),
    "lab": ("mllp", "mllp://127.0.0.1:2576"),
    "far": ("https", "https://far.example/in"),
    "hook": ("https", "https://127.0.0.1:9443/hook"),
    "ward": ("mllp", "mllps://127.0.0.1:2577"),
    "store": ("fhir_store", "http://127.0.0.1:1/fhir"),
}


@pytest.fixture
async def receivers(tmp_path):
    registry = SimpleNamespace(
        addresses={name: address for name, (_, address) in ADDRESSES.items()},
        destinations={name: SimpleNamespace(kind=kind) for name, (kind, _) in ADDRESSES.items()},
    )
    group = receivers_of(registry, tmp_path / "receivers", SystemClock(), has_free_ports=True)
    await group.start()
    yield group
    await group.stop()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def post(http, receiver, body=b"{}", **headers):
    async with http.post(receiver.address, data=body, headers=headers) as response:
        return response.status


async def test_every_destination_on_this_machine_has_a_receiver_and_no_other(receivers, tmp_path):
    """A new destination on 127.0.0.1 has its counterpart at once; who is elsewhere, or has a certificate, is real."""
    receivers.write_addresses(tmp_path / "addresses.json")

    addresses = orjson.loads((tmp_path / "addresses.json").read_bytes())

    assert set(addresses) == {"billing", "app", "lab"}
    assert addresses["billing"].startswith("http://127.0.0.1:")
    assert addresses["billing"].endswith("/encounters")
    assert addresses["lab"].startswith("mllp://127.0.0.1:")


async def test_second_copy_is_answered_and_counted_but_not_kept(receivers, http):
    """This is what shows exactly-once: received counts messages, repeated counts copies."""
    billing = receivers.named("billing")

    statuses = [await post(http, billing, b'{"a":1}', **{"Idempotency-Key": key}) for key in ("k1", "k1", "k2")]

    assert statuses == [202, 200, 202]
    assert (billing.inbox.received, billing.inbox.repeated) == (2, 1)


async def test_event_is_known_by_its_id_and_a_message_without_a_key_by_its_bytes(receivers, http):
    """CloudEvents 1.0: source and id make an event; a plain web hook has nothing but its content."""
    app, billing = receivers.named("app"), receivers.named("billing")
    event = {"Content-Type": "application/cloudevents+json"}

    events = [await post(http, app, body, **event) for body in (b'{"id":"e1","x":1}', b'{"id":"e1","x":2}')]
    plain = [await post(http, billing, body) for body in (b'{"a":1}', b'{"a":1}', b'{"a":2}')]

    assert events == [202, 200]
    assert plain == [202, 200, 202]


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}"])
async def test_event_that_is_none_is_refused(receivers, http, body):
    """A receiver that takes anything shows nothing."""
    event = {"Content-Type": "application/cloudevents+json"}

    assert await post(http, receivers.named("app"), body, **event) == 400


async def test_receiver_that_is_down_refuses_connections_and_is_up_again_on_the_same_port(receivers, http):
    """A closed port is what a broken system looks like; anything less would not exercise retry and lanes."""
    billing = receivers.named("billing")
    address = billing.address
    await post(http, billing)

    await billing.switch_down()
    await asyncio.sleep(0.05)  # until the closed connection is known on this side too
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(http, billing)
    await billing.switch_up()

    assert billing.address == address
    assert await post(http, billing) == 200


async def test_mllp_receiver_acknowledges_and_closes_its_lines_when_switched_down(receivers):
    """The legacy laboratory: one socket, AA by MSH-10."""
    lab, clock = receivers.named("lab"), SystemClock()
    destination = MllpDestination(lab.address, 1, clock)

    async def send():
        body = b"MSH|^~\\&|HUB|N|LAB|N|20260301||ADT^A08|M1|P|2.3\r"
        return await destination.send(None, body, "application/hl7-v2", clock.now() + timedelta(seconds=1))

    first, again = await send(), await send()
    await lab.switch_down()
    await asyncio.sleep(0.05)  # until the closed line is known on this side too
    down = await send()

    assert [first.code, again.code, down.code] == ["AA", "AA", "refused"]
    assert (lab.inbox.received, lab.inbox.repeated) == (1, 1)
    await destination.close()


async def test_inbox_knows_after_a_restart_what_it_received_before(tmp_path):
    """Exactly-once has to hold across a crash of everything."""
    file = tmp_path / "billing.jsonl"
    before = Inbox(file, SystemClock())
    before.take("k1", "application/json", b"{}")
    before.close()
    with file.open("ab") as torn:
        torn.write(b'{"key":"k2","rec')

    after = Inbox(file, SystemClock())

    assert after.take("k1", "application/json", b"{}") is False
    assert after.take("k2", "application/json", b"{}") is True
    after.close()
    third = Inbox(file, SystemClock())
    assert third.received == 2
    third.close()


async def test_inbox_turns_over_at_its_limit_and_keeps_its_keys(tmp_path, monkeypatch):
    """A laptop left running with a load test must not fill its disk."""
    monkeypatch.setattr(inbox_module, "FILE_LIMIT_BYTES", 1000)
    inbox = Inbox(tmp_path / "billing.jsonl", SystemClock())

    for number in range(100):
        inbox.take(f"k{number}", "application/json", b"{}")

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3000
    assert inbox.take("k0", "application/json", b"{}") is False
    inbox.close()


async def test_body_that_is_not_text_is_kept_in_base64(tmp_path):
    """HL7 in Shift-JIS is not UTF-8."""
    inbox = Inbox(tmp_path / "lab.jsonl", SettableClock())

    inbox.take("k1", "application/hl7-v2", b"\x93\xfa\x96\x7b")

    [newest] = inbox.newest()
    assert (newest["body_base64"], newest["received"]) == ("k/qWew==", NOON.isoformat())
    inbox.close()


@pytest.fixture
async def ask(receivers, queue, http):
    """Ask a host that has only the laptop's own endpoints."""
    host = Host((), HostJson("", QueueLimits(1, 1)), queue, receiver_endpoints(receivers))
    await host.start(0)

    async def ask(method, path):
        async with http.request(method, f"http://127.0.0.1:{host.port}{path}") as response:
            return response.status, orjson.loads(await response.read())

    yield ask
    await host.stop()


async def test_receivers_are_listed_with_what_they_received(ask, receivers, http):
    """`caduceus receivers` shows it."""
    await post(http, receivers.named("billing"), b'{"a":1}')

    status, listed = await ask("GET", "/local/receivers")

    assert status == 200
    billing = next(one for one in listed if one["name"] == "billing")
    assert billing == {
        "name": "billing",
        "kind": "https",
        "address": receivers.named("billing").address,
        "up": True,
        "received": 1,
        "repeated": 0,
    }


async def test_receiver_shows_its_newest_messages_first(ask, receivers, http):
    """To see what a destination really got is half of every incident."""
    for number in range(3):
        await post(http, receivers.named("billing"), b'{"a":%d}' % number)

    _, shown = await ask("GET", "/local/receivers/billing/messages")

    assert [one["body"] for one in shown["messages"]] == ['{"a":2}', '{"a":1}', '{"a":0}']


async def test_receiver_is_switched_over_http(ask, receivers):
    """`caduceus receiver billing down`."""
    down = await ask("POST", "/local/receivers/billing/down")
    assert (down[0], down[1]["up"], receivers.named("billing").is_up) == (200, False, False)

    up = await ask("POST", "/local/receivers/billing/up")
    assert (up[0], up[1]["up"], receivers.named("billing").is_up) == (200, True, True)


@pytest.mark.parametrize("path", ["/local/receivers/nobody/up", "/local/receivers/billing/sideways"])
async def test_order_that_makes_no_sense_is_404(ask, path):
    """The command line shows the text."""
    status, answer = await ask("POST", path)

    assert (status, answer["error"]["code"]) == (404, "HUB-404")
