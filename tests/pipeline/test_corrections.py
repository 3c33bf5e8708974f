"""A correction reaches whoever has the original, and nobody else (design section 6)."""

from __future__ import annotations

import pytest

from shared.message.state import MessageState
from tests.pipeline.hub_in_process import HubInProcess, write_interfaces

CLINIC = ("store", "keyed")


@pytest.fixture
async def start_clinic(home):
    """Return how to start a hub whose route to ``keyed`` looks into the message; ``store`` gets everything."""
    started = []

    async def start(where):
        folder = write_interfaces(home / "interfaces", CLINIC)
        toml = folder / "adt" / "interface.toml"
        toml.write_text(f"{toml.read_text(encoding='utf-8')}where = {where}\n", encoding="utf-8")
        hub = HubInProcess(home / "home", folder)
        started.append(hub)
        await hub.start()
        return hub

    yield start
    for hub in started:
        await hub.crash()


def result(
    control_id, *, report="F", status="F", value="138", ward="W1", filler="F-1", number="70001", code="2951-2", at=""
):
    """Return an ORU^R01 of one sodium; OBR-25, OBX-11 and OBX-14, ward, filler number and patient as wanted."""
    return (
        "\r".join(
            [
                f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ORU^R01^ORU_R01|{control_id}|P|2.5.1",
                f"PID|1||{number}^^^GENERAL^MR||Example^Anna||19800101|F",
                f"PV1|1|I|{ward}^101^A^GENERAL{'|' * 16}V1^^^GENERAL^VN",
                f"OBR|1|P-1^EHR|{filler}^LAB|24323-8^Panel^LN|||20260301110000+0000{'|' * 18}{report}",
                f"OBX|7|NM|{code}^Sodium^LN||{value}|mmol/L^^UCUM|133-146|N|||{status}|||{at}",
            ]
        )
        + "\r"
    ).encode()


async def send(hub, *messages):
    for message in messages:
        await hub.take(message)
        await hub.work()


def sent(hub):
    return len(hub.receivers["keyed"].sent)


@pytest.mark.parametrize(
    ("report", "status"),
    [("F", "D"), ("F", "W"), ("C", "C"), ("X", "X"), ("F", "N"), ("F", "A"), ("F", "B"), ("F", "U")],
)
async def test_whoever_has_the_result_gets_what_becomes_of_it(start_clinic, report, status):
    """The patient has moved to another ward since: whoever acts on the first result must hear of the mistake."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(hub, result("R1"))
    assert sent(hub) == 1

    await send(hub, result("R2", report=report, status=status, ward="W2"))

    assert await hub.states("R2") == {"store": "accepted", "keyed": "accepted"}
    hops, _ = await hub.hub.adapters.ledger.trace((await hub.record("R2")).message)
    assert "keyed yes: has the original" in next(hop.detail for hop in hops if hop.stage == "route")


async def test_a_route_for_final_results_does_not_hold_back_the_correction_of_one(start_clinic):
    """OBR-25 is what routes most often look at, and what a correction changes."""
    hub = await start_clinic('{ "OBR-25" = ["F"] }')

    await send(hub, result("R1"), result("R2", report="C", status="C", value="141"))

    assert [delivery.item.type for delivery, _ in hub.receivers["keyed"].sent] == ["ORU^R01", "ORU^R01"]


async def test_whoever_never_had_the_result_does_not_get_its_correction(start_clinic):
    """It is somebody else's patient: the route said no to the result."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')

    await send(hub, result("R1", ward="W2"), result("R2", ward="W2", report="C", status="C"))
    await send(hub, result("R3"), result("R4", ward="W2", report="C", status="C", filler="F-2"))

    assert [delivery.item.message for delivery, _ in hub.receivers["keyed"].sent] == [(await hub.record("R3")).message]


async def test_what_corrects_nothing_is_routed_as_the_interface_says(start_clinic):
    """A later result of the same report, on another ward, is for that ward."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')

    await send(hub, result("R1", report="P", status="P"), result("R2", ward="W2"))

    assert sent(hub) == 1


async def test_who_has_the_original_is_known_after_a_restart(start_clinic):
    """A correction may come weeks later."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(hub, result("R1"))
    await hub.crash()
    await hub.start()

    await send(hub, result("R2", report="C", status="C", ward="W2"))

    assert sent(hub) == 2


async def test_what_was_corrected_at_another_time_does_not_come_back_with_the_queue(start_clinic):
    """An interface was down and sends everything again; OBX-14 is the time of the analysis (decision 0192)."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(
        hub, result("R1", at="20260301110000"), result("R2", report="C", status="C", value="141", at="20260301113000")
    )
    await send(hub, result("R3", at="20260301110000"))

    [observation] = await hub.resources("Observation")
    assert (observation["valueQuantity"]["value"], observation["status"]) == (141, "corrected")
    assert await hub.states("R3") == {"store": "accepted", "keyed": "accepted"}


async def test_a_result_is_corrected_in_place_wherever_it_stands_in_the_message(start_clinic):
    """OBX-1 is a position: the correction comes alone, as the first."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(hub, result("R1"), result("R2", report="C", status="C", value="141").replace(b"OBX|7|", b"OBX|1|"))

    [observation] = await hub.resources("Observation")
    assert (observation["status"], observation["valueQuantity"]["value"]) == ("corrected", 141)


@pytest.mark.parametrize(("status", "after"), [("P", "final"), ("R", "final"), ("I", "final")])
async def test_a_late_result_does_not_set_the_status_back(start_clinic, status, after):
    """The message is stored, the entry is left out, and the trace says so."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(hub, result("R1"), result("R2", report="", status=status, value="999"))

    [observation] = await hub.resources("Observation")
    assert (observation["status"], observation["valueQuantity"]["value"]) == (after, 138)


async def test_a_result_that_is_cancelled_after_its_release_has_no_value(start_clinic):
    """The laboratory found that the specimen was mixed up: nobody may act on 138 any more (HL7 table 0085, X)."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(hub, result("R1"), result("R2", status="X", value=""))

    [observation] = await hub.resources("Observation")
    assert observation["status"] == "cancelled"
    assert "valueQuantity" not in observation


async def test_a_reading_of_another_time_is_another_reading_and_is_corrected_by_its_time(start_clinic):
    """A meter sends one reading a message, under the number of the order (OBX-14 tells them apart)."""

    def reading(control_id, value, hour, status="F"):
        return result(control_id, value=value, status=status, at=hour)

    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(hub, reading("R1", 138, "202603010900"), reading("R2", 140, "202603011000"))
    await send(hub, reading("R3", 141, "202603011000", "C"))

    stored = {one["effectiveDateTime"]: one for one in await hub.resources("Observation")}
    assert {time: one["valueQuantity"]["value"] for time, one in stored.items()} == {
        "2026-03-01T09:00:00+00:00": 138,
        "2026-03-01T10:00:00+00:00": 141,
    }
    assert {one["status"] for one in stored.values()} == {"final", "corrected"}


async def test_a_correction_that_may_mean_either_of_two_results_is_quarantined(start_clinic):
    """The store keeps what it has, and a person asks the laboratory."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    first = result("R1")
    obx = first[first.index(b"OBX") :]
    await send(hub, first + obx.replace(b"||138|", b"||140|"))
    before = await hub.resources("Observation")

    await send(hub, result("R2", report="C", status="C", value="139"))

    assert (await hub.deliveries("R2"))["store"].code == "STORE-014"
    assert await hub.resources("Observation") == before


async def test_the_same_filler_number_for_another_patient_is_quarantined(start_clinic):
    """One of the two patients would read the other's result; the store keeps what it has."""
    hub = await start_clinic('{ "PV1-3.1" = ["W1"] }')
    await send(hub, result("R1"))
    before = await hub.resources("Observation")

    other = result("R2", number="70002", value="99").replace(b"Example^Anna||19800101", b"Sample^Bert||19700202")
    await send(hub, other.replace(b"V1^^^GENERAL^VN", b"V2^^^GENERAL^VN"))

    assert (await hub.states("R2"))["store"] == "quarantined"
    assert (await hub.deliveries("R2"))["store"].code == "STORE-011"
    assert await hub.resources("Observation") == before
    assert (await hub.record("R2")).state is MessageState.ROUTED
