"""Drugs, vaccines and queries through the whole hub: what is stored, what passes, what waits."""

from __future__ import annotations

from shared.message.state import MessageState
from tests.unit.mapping.medication_samples import FACTS, ORC, QPD, RXA, RXA_DRUG, RXD, RXE, RXO, sent
from tests.unit.mapping.samples import PID

ORC_DONE = "ORC|RE|P100^EHR|F100^RX"


def told(control_id: str, event: str, *lines: str) -> bytes:
    """Return a message of the hospital's own application, with a control id of its own."""
    return sent(event, *lines).replace(b"|M7|", f"|{control_id}|".encode()).replace(b"|PHARM|", b"|EHR|")


def numbered(control_id: str, event: str, *lines: str) -> bytes:
    """Return a message about the sample patient."""
    return told(control_id, event, PID, *lines)


async def tell(hub, *messages):
    """Send messages one after the other, each through to its end."""
    for message in messages:
        await hub.take(message)
        await hub.work()


async def test_an_order_reaches_the_store_with_all_that_came_of_it(start_hub):
    """OMP, RDE, RDS, RAS: four messages, one order, and references that lead somewhere."""
    hub = await start_hub()
    await tell(
        hub,
        numbered("D1", "OMP^O09", ORC, RXO),
        numbered("D2", "RDE^O11", ORC, RXE),
        numbered("D3", "RDS^O13", ORC_DONE, RXD),
        numbered("D4", "RAS^O17", ORC_DONE, RXA_DRUG),
    )

    [order] = await hub.resources("MedicationRequest")
    [dispense] = await hub.resources("MedicationDispense")
    [given] = await hub.resources("MedicationAdministration")
    reference = f"MedicationRequest/{order['id']}"
    assert dispense["authorizingPrescription"][0]["reference"] == reference
    assert given["request"]["reference"] == reference
    assert {await hub.states(number) == {"store": "accepted"} for number in ("D1", "D2", "D3", "D4")} == {True}


async def test_a_vaccination_reaches_the_store_and_its_deletion_withdraws_it(start_hub):
    """VXU with A, then with D."""
    hub = await start_hub()
    await tell(hub, numbered("V1", "VXU^V04", "ORC|RE||F1^EHR", RXA, *FACTS))
    [before] = await hub.resources("Immunization")
    await tell(hub, numbered("V2", "VXU^V04", "ORC|RE||F1^EHR", RXA.replace("|CP|A|", "|CP|D|")))

    [after] = await hub.resources("Immunization")
    assert (before["status"], after["status"]) == ("completed", "entered-in-error")
    assert after["lotNumber"] == before["lotNumber"]


async def test_a_question_and_its_answer_are_delivered_and_stored_nowhere(start_hub):
    """Decision 0022: what a registry holds enters a record when a person says so."""
    hub = await start_hub("store", "keyed")
    await tell(
        hub,
        told("Q1", "QBP^Q11", QPD),
        numbered("Q2", "RSP^K11", "MSA|AA|Q1", "QAK|TAG9|OK", QPD, "ORC|RE||F1^IIS", RXA),
    )

    assert await hub.states("Q1") == {"store": "accepted", "keyed": "accepted"}
    assert await hub.states("Q2") == {"store": "accepted", "keyed": "accepted"}
    assert await hub.hub.adapters.fhir_store.counts() == {}


async def test_an_order_number_of_another_patient_stops_the_message(start_hub):
    """One placer number for two people: a person decides, and nothing is written."""
    hub = await start_hub()
    await tell(hub, numbered("D1", "OMP^O09", ORC, RXO))
    other = numbered("D2", "OMP^O09", ORC, RXO).replace(b"100001", b"100002").replace(b"Sample^Jane", b"Other^Olga")
    await tell(hub, other)

    [order] = await hub.resources("MedicationRequest")
    [patient] = [one for one in await hub.resources("Patient") if one["id"] in order["subject"]["reference"]]
    assert patient["name"][0]["family"] == "Sample"
    assert (await hub.record("D2")).state is MessageState.ROUTED
    assert await hub.states("D2") != {"store": "accepted"}
