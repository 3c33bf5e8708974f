"""Deliveries of the hub: over a real relay, through the durable queue, to a hospital system; and rule R11."""

from __future__ import annotations

import asyncio

import pytest

from connector import VERSION
from connector.states import Down
from relay import HybridConnection, SasTokens, Sender
from relay.local_access import Access, Key
from relay.local_relay import LocalRelay
from tests.connector.peers import admission
from tests.doubles.waiting import until


class HubSide:
    """What the hub does with a connector."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def _ask(self, method, path, **options):
        async with self._sender.request(method, path, **options) as answer:
            return answer.status, await answer.json()

    async def deliver(self, delivery: str, body: bytes, destination: str = "lab", key: str = ""):
        headers = {"Caduceus-Destination": destination, "Caduceus-Key": key}
        return await self._ask("POST", f"/deliveries/{delivery}", body=body, headers=headers)

    async def outcome(self, delivery: str):
        return await self._ask("GET", f"/deliveries/{delivery}")

    async def cancel(self, delivery: str):
        return await self._ask("DELETE", f"/deliveries/{delivery}")

    async def order(self, delivery: str, order: str):
        return await self._ask("POST", f"/deliveries/{delivery}/{order}")

    async def status(self):
        return await self._ask("GET", "/status")

    async def state(self, delivery: str) -> str:
        return (await self.outcome(delivery))[1]["state"]

    async def wait_for(self, delivery: str, state: Down, seconds: float = 20.0) -> dict:
        async with asyncio.timeout(seconds):
            while (said := (await self.outcome(delivery))[1])["state"] != state:  # noqa: ASYNC110  # asked from outside
                await asyncio.sleep(0.02)
        return said


@pytest.fixture
async def relay(hospital):
    relay = LocalRelay({"down": True}, Access({"root": Key("k")}))
    await relay.start()
    hospital.keep(relay.stop)
    return relay


@pytest.fixture
def connect(hospital, relay, tmp_path):
    """Starts a connector with one destination, and gives it with the hub's side of it."""
    (tmp_path / "key").write_text("k")
    place = HybridConnection.parse(f"http://127.0.0.1:{relay.port}/down")

    async def start(system, **options):
        table = {
            "name": "lab", "address": f"mllp://127.0.0.1:{system.port}", "retry_base_seconds": 0.05,
            "retry_cap_seconds": 0.1, "answer_seconds": 1, **options,
        }  # fmt: skip
        way = {"url": f"http://127.0.0.1:{relay.port}/down", "key_name": "root", "key": f"file:{tmp_path / 'key'}"}
        connector = await hospital.start(hospital.config(deliver=(table,), relay=way))
        await connector.relay.wait_online(20)
        sender = Sender(place, SasTokens(place.resource, "root", "k"))
        hospital.keep(sender.close)
        return connector, HubSide(sender)

    return start


async def test_a_delivery_is_committed_at_once_and_its_outcome_told_later(hospital, connect):
    """202 means the connector's own disk; AA is the laboratory's word."""
    system = await hospital.system()
    system.delay_seconds = 0.3
    _, hub = await connect(system)
    status, said = await hub.deliver("d1", admission("M1"))
    assert (status, said["state"]) == (202, "committed")
    said = await hub.wait_for("d1", Down.DELIVERED)
    assert (said["code"], said["attempts"]) == ("AA", 1)
    assert system.accepted == ["M1"]


@pytest.mark.parametrize("sent", ["A^B", "A~B", "A&B", r"A\T\B"])
async def test_a_control_id_that_holds_delimiters_is_answered_like_any_other(hospital, connect, sent):
    """Taken for the answer to something else it would be ambiguous, and its lane would wait for a person."""
    system = await hospital.system()
    _, hub = await connect(system)
    await hub.deliver("d1", admission(sent))
    assert (await hub.wait_for("d1", Down.DELIVERED))["code"] == "AA"


async def test_the_same_delivery_again_is_the_same_delivery(hospital, connect):
    """The hub heard no answer and asks again: nothing is sent twice."""
    system = await hospital.system()
    _, hub = await connect(system)
    for _ in range(3):
        assert (await hub.deliver("d1", admission("M1")))[0] == 202
    await hub.wait_for("d1", Down.DELIVERED)
    assert (await hub.deliver("d1", admission("M1")))[1]["state"] == "delivered"
    assert (await hub.deliver("d1", admission("OTHER")))[0] == 409
    assert system.received == ["M1"]


async def test_deliveries_arrive_in_the_order_in_which_they_were_committed(hospital, connect):
    """One line for all, the habit of MLLP."""
    system = await hospital.system()
    _, hub = await connect(system)
    for number in range(30):
        await hub.deliver(f"d{number}", admission(f"M{number:02}"))
    await hub.wait_for("d29", Down.DELIVERED)
    assert system.received == [f"M{number:02}" for number in range(30)]
    assert system.connections == 1


async def test_a_system_that_is_down_gets_everything_when_it_is_back(hospital, connect):
    """Refused: surely not taken, so it is tried again, in order, and never ambiguous."""
    system = await hospital.system()
    port = system.port
    await system.stop()
    connector, hub = await connect(system)
    for number in range(5):
        await hub.deliver(f"d{number}", admission(f"M{number}"))
    await until(lambda: connector.deliverers["lab"].last is not None)
    assert connector.deliverers["lab"].last.code == "refused"
    system.port = port
    await system.start()
    await hub.wait_for("d4", Down.DELIVERED)
    assert system.received == [f"M{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("silence", "timed_out"),
        ("wrong", "answer_mismatched"),
        ("cut", "closed_after_sent"),
        ("garbage", "answer_unreadable"),
    ],
)
async def test_what_is_not_an_answer_is_ambiguous_and_waits_for_review(hospital, connect, answer, code):
    """It may have been taken; with `review` nobody sends it again before a person has looked."""
    system = await hospital.system()
    system.answers = {"M1": answer}
    _, hub = await connect(system, on_ambiguous="review", answer_seconds=0.4)
    await hub.deliver("d1", admission("M1"))
    await hub.deliver("d2", admission("M2"))
    assert (await hub.wait_for("d1", Down.AMBIGUOUS))["code"] == code
    await asyncio.sleep(0.3)
    assert system.received == ["M1"]
    assert await hub.state("d2") == "committed"
    assert (await hub.order("d1", "accept"))[1]["state"] == "delivered"
    await hub.wait_for("d2", Down.DELIVERED)
    assert system.received == ["M1", "M2"]


async def test_an_ambiguous_send_is_repeated_where_the_destination_bears_it(hospital, connect):
    """HL7 habit: the same MSH-10 again, on a new connection; a late answer can never be read as the next one's."""
    system = await hospital.system()
    system.answers = {"M1": "silence"}
    connector, hub = await connect(system, on_ambiguous="resend", answer_seconds=0.3)
    await hub.deliver("d1", admission("M1"))
    await until(lambda: len(system.received) >= 2)
    system.answers = {}
    said = await hub.wait_for("d1", Down.DELIVERED)
    assert said["attempts"] >= 2
    assert system.connections >= 2
    assert connector.deliverers["lab"].delivered == 1


async def test_a_rejection_holds_the_line_until_somebody_decides(hospital, connect):
    """AR: the system will never take it; behind it nothing passes, where order is one line."""
    system = await hospital.system()
    system.answers = {"M1": "AR"}
    _, hub = await connect(system)
    await hub.deliver("d1", admission("M1"))
    await hub.deliver("d2", admission("M2"))
    assert (await hub.wait_for("d1", Down.REJECTED))["code"] == "AR"
    await asyncio.sleep(0.3)
    assert system.received == ["M1"]
    assert (await hub.cancel("d1"))[0] == 200
    await hub.wait_for("d2", Down.DELIVERED)


async def test_a_rejection_is_passed_where_the_destination_says_so(hospital, connect):
    """`on_reject = "continue"`."""
    system = await hospital.system()
    system.answers = {"M1": "AE"}
    _, hub = await connect(system, on_reject="continue")
    await hub.deliver("d1", admission("M1"))
    await hub.deliver("d2", admission("M2"))
    await hub.wait_for("d2", Down.DELIVERED)
    assert await hub.state("d1") == "rejected"
    system.answers = {}
    assert (await hub.order("d1", "resend"))[0] == 200
    await hub.wait_for("d1", Down.DELIVERED)


@pytest.mark.parametrize("answer", ["CE", "AE 207", "AR 206"])
async def test_what_heals_by_itself_is_tried_again(hospital, connect, answer):
    """CE could not store; 206 and 207 are a lock and an internal error (HL7 table 0357)."""
    system = await hospital.system()
    system.answers = {"M1": answer}
    _, hub = await connect(system)
    await hub.deliver("d1", admission("M1"))
    await until(lambda: len(system.received) >= 3)
    assert await hub.state("d1") in ("committed", "sending")
    system.answers = {}
    await hub.wait_for("d1", Down.DELIVERED)


async def test_a_key_that_is_held_holds_nobody_else(hospital, connect):
    """`order = "key"`: each patient has a line of its own, over several connections."""
    system = await hospital.system()
    system.answers = {"A0": "AR"}
    _, hub = await connect(system, order="key", connections=3)
    for number in range(5):
        for key in "ABC":
            await hub.deliver(f"{key}{number}", admission(f"{key}{number}"), key=key)
    await hub.wait_for("B4", Down.DELIVERED)
    await hub.wait_for("C4", Down.DELIVERED)
    assert [await hub.state(f"A{number}") for number in range(3)] == ["rejected", "committed", "committed"]
    for key in "BC":
        assert [one for one in system.received if one[0] == key] == [f"{key}{number}" for number in range(5)]


async def test_a_cancel_is_confirmed_only_for_what_was_never_sent(hospital, connect):
    """R11: quarantine and discard in the hub need this answer first."""
    system = await hospital.system()
    system.delay_seconds = 0.5
    _, hub = await connect(system, answer_seconds=5)
    await hub.deliver("d1", admission("M1"))
    await hub.deliver("d2", admission("M2"))
    await hub.wait_for("d1", Down.SENDING)
    status, said = await hub.cancel("d1")
    assert (status, said["state"]) == (409, "sending")
    status, said = await hub.cancel("d2")
    assert (status, said["state"]) == (200, "cancelled")
    await hub.wait_for("d1", Down.DELIVERED)
    await asyncio.sleep(0.7)
    assert system.received == ["M1"]
    assert (await hub.cancel("d1"))[0] == 409


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/deliveries/none", "GET", 404),
        ("/deliveries/none", "DELETE", 404),
        ("/nothing", "GET", 404),
        ("/deliveries/none/resend", "POST", 404),
        ("/deliveries/none", "PUT", 405),
    ],
)
async def test_what_cannot_be_asked_is_refused(hospital, connect, path, method, status):
    """With a code, and nothing of the request."""
    _, hub = await connect(await hospital.system())
    assert (await hub._ask(method, path))[0] == status


async def test_a_destination_that_does_not_exist_is_refused(hospital, connect):
    """A slip in the hub's registry, said at once and not after a night of retries."""
    _, hub = await connect(await hospital.system())
    assert (await hub.deliver("d1", admission("M1"), destination="pharmacy"))[0] == 404
    assert (await hub.deliver("d1", b"no HL7"))[0] == 400


async def test_the_hub_sees_its_fleet(hospital, connect):
    """Version, backlog, certificates: what the hub's list of connectors shows."""
    connector, hub = await connect(await hospital.system())
    status, said = await hub.status()
    assert (status, said["connector"], said["version"]) == (200, "north", VERSION)
    assert said["destinations"][0]["name"] == "lab"
    assert said["relay_channels"] == 1
    assert connector.report()["epoch"] == said["epoch"]


async def test_a_restart_makes_what_was_being_sent_ambiguous_and_nothing_else(hospital, connect):
    """Written down before the first byte leaves: a crash never turns "sent" into "never sent"."""
    system = await hospital.system()
    system.answers = {"M1": "silence"}
    connector, hub = await connect(system, on_ambiguous="review", answer_seconds=30)
    await hub.deliver("d1", admission("M1"))
    await hub.deliver("d2", admission("M2"))
    await until(lambda: system.received == ["M1"])
    for task in connector.deliverers["lab"]._tasks:
        task.cancel()
    await connector.stop()
    connector, hub = await connect(system, on_ambiguous="review")
    assert (await hub.outcome("d1"))[1]["state"] == "ambiguous"
    assert await hub.state("d2") == "committed"
    assert system.received == ["M1"]
    await hub.order("d1", "resend")
    system.answers = {}
    await hub.wait_for("d2", Down.DELIVERED)
    assert system.received == ["M1", "M1", "M2"]
