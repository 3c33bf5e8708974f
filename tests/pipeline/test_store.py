"""What reaches the store, and what never does: changes, not truths (design section 6, promise 7)."""

from __future__ import annotations

import pytest

from shared.message.state import MessageState
from tests.conftest import REPOSITORY
from tests.pipeline.hub_in_process import HubInProcess
from tests.pipeline.messages import adt, merge, result

ADDRESS = "F|||1 Main St^^Linz^^4020^AT||^PRN^PH^^43^732^100200"


async def send(hub, *messages):
    """Send messages one after the other, each through to its end."""
    for message in messages:
        await hub.take(message)
        await hub.work()


async def patient(hub):
    """Return the one patient of the store."""
    [found] = await hub.resources("Patient")
    return found


@pytest.mark.parametrize("event", ["A19", "A20", "A56", "Z99"])
async def test_event_without_a_row_writes_nothing_and_is_quarantined(start_hub, event):
    """What no table explains must not change a record; it is acknowledged, kept, and waits for a person."""
    hub = await start_hub()
    reply = await hub.take(adt("A1", event))
    await hub.work()

    assert b"MSA|AA" in reply.body
    record = await hub.record("A1")
    assert (record.state, record.code) == (MessageState.QUARANTINED, "STORE-010")
    assert await hub.hub.adapters.fhir_store.counts() == {}
    assert await hub.states("A1") == {}


async def test_event_without_a_row_is_quarantined_by_the_catch_all_too(home):
    """`hl7_default` takes any sender; it must not be the way round the state tables."""
    hub = HubInProcess(home / "home", REPOSITORY / "interfaces")
    await hub.start()

    await send(hub, adt("A1", "A20", application="ANYBODY", processing="T"))

    record = await hub.record("A1")
    assert (record.interface, record.code) == ("hl7_default", "STORE-010")
    assert await hub.hub.adapters.fhir_store.counts() == {}
    await hub.stop()


async def test_quarantined_message_is_sent_again_by_command_after_its_cause_is_mended(start_hub, monkeypatch):
    """Promise 4: quarantine has no time limit, and a person's word is enough to go on."""
    from shared.changes import encounter_state, rows

    hub = await start_hub("store", "keyed")
    await send(hub, adt("A1", "A20"))
    message = (await hub.record("A1")).message
    monkeypatch.setitem(rows.EVENTS, "ADT", frozenset({*encounter_state.ROWS, "A20"}))

    await hub.hub.orders.resend(message, b'{"reason": "the table has a row now"}')
    await hub.work()

    assert (await hub.record("A1")).state is MessageState.ROUTED
    assert await hub.states("A1") == {"store": "accepted", "keyed": "accepted"}
    hops, _ = await hub.hub.adapters.ledger.trace(message)
    assert ("operator", "the table has a row now") in [(hop.stage, hop.detail) for hop in hops]


async def test_result_never_erases_what_an_admission_wrote(start_hub):
    """A laboratory knows a name and a number; demographics belong to ADT."""
    hub = await start_hub()
    await send(hub, adt("A1", more=ADDRESS))
    before = await patient(hub)

    await send(hub, result("R1", name="Exampel^A"))

    assert await patient(hub) == before
    assert [one["valueQuantity"]["value"] for one in await hub.resources("Observation")] == [138]


async def test_result_before_the_admission_makes_a_patient_that_the_admission_then_owns(start_hub):
    """Feeds overtake each other: whoever comes first, the demographics are ADT's in the end."""
    hub = await start_hub()
    await send(hub, result("R1", name="Exampel^A"))
    assert [one["name"][0]["family"] for one in await hub.resources("Patient")] == ["Exampel"]

    await send(hub, adt("A1", more=ADDRESS))

    found = await patient(hub)
    assert (found["name"][0]["family"], found["address"][0]["city"]) == ("Example", "Linz")


async def test_absent_is_not_deleted_and_null_deletes(start_hub):
    """An empty field says nothing; only `""` says that there is nothing."""
    hub = await start_hub()
    await send(hub, adt("A1", more=ADDRESS), adt("A2", "A08"))
    assert (await patient(hub))["address"][0]["city"] == "Linz"

    await send(hub, adt("A3", "A08", more='F|||""'))

    found = await patient(hub)
    assert "address" not in found
    assert found["telecom"][0]["system"] == "phone"


async def test_older_message_never_overwrites_a_newer_one(start_hub):
    """A delivery that was held up must not set the record back when it finally goes (promise 7)."""
    hub = await start_hub()
    await hub.take(adt("A1", more="F|||1 Old Road^^Graz"))
    await hub.take(adt("A2", "A08", more="F|||2 New Road^^Wien"))
    await hub.work_on("transform")
    await hub.work_on("route")
    older, newer = await sole_items(hub)

    await deliver(hub, newer)
    await deliver(hub, older)

    assert (await patient(hub))["address"][0]["city"] == "Wien"


async def sole_items(hub):
    """Take the two envelopes of the store out of the queue, as a broker that loses order would give them."""
    from shared.message.envelope import encode_envelope
    from shared.message.work import Offer, items_of

    lock = await hub.queue.accept_session("deliver")
    received = await hub.queue.receive(lock, 64)
    items = items_of([Offer(one.body, one.session) for one in received])
    await hub.queue.complete(lock, received)
    await hub.queue.release(lock)
    return [Offer(encode_envelope([item]), lock.session) for item in items]


async def deliver(hub, offer):
    await hub.run_stage("deliver", [offer])


async def test_same_person_by_any_known_identifier(start_hub):
    """The number that two messages share binds every other number of both to one person."""
    hub = await start_hub()

    await send(
        hub,
        adt("A1", number="70001^^^GENERAL^MR~900^^^NHS^NI"),
        adt("A2", "A08", number="900^^^NHS^NI~55^^^CLINIC^MR"),
        adt("A3", "A08", number="55^^^CLINIC^MR", more="M"),
    )

    assert (await patient(hub))["gender"] == "male"
    keys = {one.key for one in await hub.hub.adapters.ledger.recent()}
    assert len(keys) == 1


@pytest.mark.parametrize("number", ["0^^^GENERAL^MR", "UNKNOWN^^^GENERAL^MR", "0", "000000", "", "N/A^^^GENERAL^MR"])
async def test_placeholder_does_not_merge_two_people(start_hub, number):
    """UNKNOWN is the number of everybody who has none."""
    hub = await start_hub()

    await send(
        hub,
        adt("A1", number=number, name="Example^Anna", born="19800101", visit=None),
        adt("A2", number=number, name="Sample^Bert", born="19700202", visit=None),
    )

    families = sorted(one["name"][0]["family"] for one in await hub.resources("Patient"))
    assert families == ["Example", "Sample"]


def unnumbered(person, value, *, number="", drawn="20260301110000"):
    """Return a result without any order number, whose sender writes one control id and one time into all messages."""
    return (
        "\r".join(
            [
                "MSH|^~\\&|EHR|GENERAL|HUB|HUB|202603011200||ORU^R01^ORU_R01|1|P|2.5.1",
                f"PID|1||{number}||{person}",
                f"OBR|1|||2345-7^Glucose^LN|||{drawn}",
                f"OBX|1|NM|2345-7^Glucose^LN||{value}|mmol/L^^UCUM|||||F",
            ]
        )
        + "\r"
    ).encode()


async def test_two_unknown_persons_of_an_export_are_two(start_hub):
    """Neither has a number, and MSH-7 and MSH-10 are the same: Bob's glucose was Ann's."""
    hub = await start_hub()

    await send(hub, unnumbered("Alpha^Ann||19800101|F", "5.1"), unnumbered("Beta^Bob||19500505|M", "21.9"))

    names = {one["id"]: one["name"][0]["family"] for one in await hub.resources("Patient")}
    found = await hub.resources("Observation")
    whose = {one["valueQuantity"]["value"]: names[one["subject"]["reference"].partition("/")[2]] for one in found}
    assert whose == {5.1: "Alpha", 21.9: "Beta"}


async def test_two_results_without_order_numbers_are_two(start_hub):
    """Readings of a device, sent with one control id: the second replaced the first."""
    hub = await start_hub()
    anna, number = "Example^Anna||19800101|F", "70001^^^GENERAL^MR"

    early = unnumbered(anna, "2.1", number=number, drawn="20260301070000")
    late = unnumbered(anna, "9.9", number=number, drawn="20260301110000")
    await send(hub, early, late, early)

    assert sorted(one["valueQuantity"]["value"] for one in await hub.resources("Observation")) == [2.1, 9.9]
    assert len(await hub.resources("DiagnosticReport")) == 2


@pytest.mark.parametrize("kind", ["SN", "GI", "EN", "MB"])
async def test_a_number_that_a_family_shares_does_not_merge_them(start_hub, kind):
    """A child comes with the number of its father's insurance, guarantor or employer among its own numbers."""
    hub = await start_hub()
    shared = f"S99^^^INSURER^{kind}"

    await send(
        hub,
        adt("A1", "A28", number=f"1^^^GENERAL^MR~{shared}", name="Example^Father", born="19600101", visit=None),
        adt("A2", "A28", number=f"2^^^GENERAL^MR~{shared}", name="Example^Child", born="20200101", visit=None),
    )

    people = await hub.resources("Patient")
    assert sorted(one["name"][0]["given"][0] for one in people) == ["Child", "Father"]
    assert all("S99" in {each["value"] for each in one["identifier"]} for one in people)


async def test_missing_assigner_is_the_interfaces_own_and_never_everybodys(start_hub):
    """The same digits from two hospitals are two people; without an assigner they are the declared one's."""
    hub = await start_hub()

    await send(
        hub,
        adt("A1", number="70001"),
        adt("A2", "A08", number="70001^^^GENERAL^MR"),
        adt("A3", number="70001^^^OTHER^MR", name="Sample^Bert", born="19700202", visit="V2"),
    )

    families = sorted(one["name"][0]["family"] for one in await hub.resources("Patient"))
    assert families == ["Example", "Sample"]


async def test_identity_conflict_is_quarantined_and_writes_nothing(start_hub):
    """Name and birth date both say "somebody else": a wrong merge harms, a wait does not."""
    hub = await start_hub("store", "keyed")
    await send(hub, adt("A1"))
    before = await patient(hub)

    await send(hub, adt("A2", "A08", name="Sample^Bert", born="19700202"))

    record = await hub.record("A2")
    assert (record.state, record.code) == (MessageState.QUARANTINED, "MPI-001")
    assert await patient(hub) == before
    assert len(hub.receivers["keyed"].sent) == 1


async def test_new_name_alone_or_corrected_birth_date_alone_is_no_conflict(start_hub):
    """People marry, and clerks correct typing mistakes."""
    hub = await start_hub()

    await send(
        hub, adt("A1"), adt("A2", "A08", name="Married^Anna"), adt("A3", "A08", name="Married^Anna", born="19800110")
    )

    found = await patient(hub)
    assert (found["name"][0]["family"], found["birthDate"]) == ("Married", "1980-01-10")


async def test_merge_redirects_the_prior_number_and_leaves_the_prior_patient_as_it_was(start_hub):
    """After A40 the old number means the surviving person, for ADT and for results."""
    hub = await start_hub()
    await send(hub, adt("A1"), adt("A2", number="70002^^^GENERAL^MR", visit="V2"))
    prior = await by_number(hub, "70002")

    await send(
        hub, merge("A3", survivor="70001", prior="70002"), adt("A4", "A08", number="70002^^^GENERAL^MR", more="M")
    )

    survivor = await by_number(hub, "70001")
    assert survivor["gender"] == "male"
    (link,) = survivor["link"]
    assert (link["type"], link["other"]["reference"]) == ("replaces", f"Patient/{prior['id']}")
    [after] = [one for one in await hub.resources("Patient") if one["id"] == prior["id"]]
    assert after == prior


async def test_chain_of_merges_ends_at_the_last_survivor_and_never_closes(start_hub):
    """A to B, B to C, and never C back to A: A means C by then; the last merge is quarantined, and changes nothing."""
    hub = await start_hub()
    await send(
        hub,
        adt("A1", number="1^^^GENERAL^MR", visit="V1"),
        adt("A2", number="2^^^GENERAL^MR", visit="V2"),
        adt("A3", number="3^^^GENERAL^MR", visit="V3"),
        merge("M1", survivor="2", prior="1"),
        merge("M2", survivor="3", prior="2"),
        adt("A4", "A08", number="1^^^GENERAL^MR", more="M"),
    )
    last = await by_number(hub, "3")
    assert last["gender"] == "male"

    await send(hub, merge("M3", survivor="1", prior="3"), adt("A5", "A08", number="1^^^GENERAL^MR", more="O"))

    stopped = await hub.record("M3")
    assert (stopped.state, stopped.code) == (MessageState.QUARANTINED, "MPI-002")
    after = await by_number(hub, "3")
    assert (after["gender"], after["link"]) == ("other", last["link"])


async def by_number(hub, value):
    """Return the patient first written under a number."""
    found = [one for one in await hub.resources("Patient") if one["identifier"][0]["value"] == value]
    assert len(found) == 1
    return found[0]


async def test_messages_of_one_person_have_one_ordering_key_whichever_number_they_carry(start_hub):
    """Order is by person: two numbers of one person must not be two lanes."""
    hub = await start_hub("keyed")

    await send(hub, adt("A1", number="70001^^^GENERAL^MR~900^^^NHS^NI"), adt("A2", "A08", number="900^^^NHS^NI"))

    assert len({delivery.lane for delivery, _ in hub.receivers["keyed"].sent}) == 1
