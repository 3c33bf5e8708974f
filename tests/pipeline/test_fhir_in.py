"""FHIR comes in by the same way as HL7, and the same promises hold for it (docs/fhir-in.md, decision 0140)."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any
from unittest import mock

import orjson
import pytest

from shared.adapters.local.identities import LocalIdentities
from shared.message.audit import Caller
from shared.message.errors.storage import StorageFailed
from shared.message.state import MessageState
from tests.pipeline.hub_in_process import Crash
from tests.pipeline.messages import adt

APP = {"app": "[fhir]"}
GENERAL = {"system": "urn:id:GENERAL", "value": "70001"}  # as PID-3 70001^^^GENERAL^MR comes out as FHIR
ANNA = {
    "resourceType": "Patient",
    "id": "7",
    "identifier": [GENERAL],
    "name": [{"family": "Example", "given": ["Anna"]}],
    "birthDate": "1980-01-01",
}
HEART_RATE = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "subject": {"reference": "Patient/7"},
    "effectiveDateTime": "2026-03-01T11:00:00Z",
    "valueQuantity": {"value": 72, "unit": "/min"},
}


def bundle(*resources: dict[str, Any], kind: str = "collection", identifier: str = "") -> dict[str, Any]:
    """Return a Bundle; each resource of a transaction is put under its own id."""
    entries = [
        {"fullUrl": f"https://app.example/fhir/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
    ]
    if kind == "transaction":
        for entry in entries:
            one = entry["resource"]
            entry["request"] = {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}
    named = {"identifier": {"system": "urn:app", "value": identifier}} if identifier else {}
    return {"resourceType": "Bundle", "type": kind, **named, "entry": entries}


def outcome(reply):
    """Return the issues of the OperationOutcome that a sender hears."""
    said = json.loads(reply.body)
    assert said["resourceType"] == "OperationOutcome"
    return said["issue"]


async def state_of(hub, reply):
    [record] = await hub.hub.adapters.ledger.messages([reply.headers["Caduceus-Message"]])
    return record.state, record.code


async def test_a_bundle_is_taken_and_arrives(start_hub):
    """The whole way, once: 202 with the message's id, every delivery settled, and the references lead in the store."""
    hub = await start_hub("store", "keyed", fhir=APP)

    reply = await hub.take_fhir(bundle(ANNA, HEART_RATE, kind="transaction", identifier="B1"))
    await hub.work()

    assert reply.status == 202
    assert outcome(reply)[0]["severity"] == "information"
    assert await hub.states("B1") == {"store": "accepted", "keyed": "accepted"}
    [patient], [observation] = await hub.resources("Patient"), await hub.resources("Observation")
    assert observation["subject"]["reference"] == f"Patient/{patient['id']}"
    assert observation["valueQuantity"] == {"value": 72, "unit": "/min"}
    assert (await hub.record("B1")).type == "FHIR^transaction"


async def test_the_same_number_is_the_same_person_in_hl7_and_in_fhir(start_hub):
    """Two records of one person is what an integration hub is there to prevent."""
    hub = await start_hub("store", fhir=APP)
    await hub.take(adt("A1"))
    await hub.work()

    await hub.take_fhir(bundle(ANNA, HEART_RATE))
    await hub.take_fhir({**HEART_RATE, "id": "o2", "subject": {"reference": "Patient?identifier=urn:id:GENERAL|70001"}})
    await hub.take_fhir({**HEART_RATE, "id": "o3"})  # by the app's own id, which the first message bound
    await hub.work()

    [patient] = await hub.resources("Patient")
    subjects = [one["subject"]["reference"] for one in await hub.resources("Observation")]
    assert subjects == [f"Patient/{patient['id']}"] * 3


async def test_a_source_that_does_not_own_the_patient_changes_nothing_of_it(start_hub):
    """An app's idea of a name must not replace what the hospital registered; the trace says that it did not."""
    hub = await start_hub("store", fhir=APP)
    await hub.take(adt("A1", name="Example^Anna"))
    await hub.work()

    await hub.take_fhir(bundle({**ANNA, "name": [{"family": "Example", "given": ["Annie"]}]}, identifier="B1"))
    await hub.work()

    [patient] = await hub.resources("Patient")
    assert patient["name"][0]["given"] == ["Anna"]
    assert "resource_not_owned" in await hub.findings("B1")


async def test_two_owners_of_a_patient_never_erase_what_the_other_said(start_hub):
    """Absent is not deleted: the hospital's sex stays, the registry's language is added (decision 0140)."""
    hub = await start_hub("store", fhir={"app": "mapping = { owns = { FHIR = ['Patient'] } }\n[fhir]"})
    await hub.take(adt("A1", more="F"))
    await hub.work()

    language = {"coding": [{"system": "urn:ietf:bcp:47", "code": "de"}]}
    await hub.take_fhir({**ANNA, "communication": [{"language": language}]})
    await hub.work()
    await hub.take(adt("A2", "A08", more="F"))
    await hub.work()

    [patient] = await hub.resources("Patient")
    assert (patient["gender"], patient["birthDate"]) == ("female", "1980-01-01")
    assert [one["language"] for one in patient["communication"]] == [language]
    assert {one["value"] for one in patient["identifier"]} >= {"70001"}


async def test_what_a_source_alone_says_is_whole(start_hub):
    """Whoever takes a note back by leaving it out means it: nobody else can have written it (decision 0140)."""
    hub = await start_hub("store", fhir=APP)
    await hub.take_fhir(bundle(ANNA, {**HEART_RATE, "note": [{"text": "after the stairs"}]}))
    await hub.work()

    await hub.take_fhir(HEART_RATE)
    await hub.work()

    [observation] = await hub.resources("Observation")
    assert "note" not in observation
    assert observation["subject"]["reference"].startswith("Patient/")


async def test_a_result_never_goes_back(start_hub):
    """A preliminary value that is sent after the final one is late, whoever sends it (DESIGN, results)."""
    hub = await start_hub("store", fhir=APP)
    await hub.take_fhir(bundle(ANNA, HEART_RATE))
    await hub.take_fhir(bundle({**HEART_RATE, "status": "preliminary", "valueQuantity": {"value": 1}}, identifier="B2"))
    await hub.work()

    [observation] = await hub.resources("Observation")
    assert (observation["status"], observation["valueQuantity"]["value"]) == ("final", 72)


async def test_two_posts_are_two_resources_and_a_condition_makes_them_one(start_hub):
    """POST creates (RFC 9110); ``ifNoneExist`` is how a sender says that it may be there already (FHIR, create)."""
    hub = await start_hub("store", fhir=APP)

    def posted(value: int, **request: str) -> dict[str, Any]:
        one = {**HEART_RATE, "valueQuantity": {"value": value}}
        entry = {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{value}", "resource": one}
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{**entry, "request": {"method": "POST", "url": "Observation", **request}}],
        }

    await hub.take_fhir(posted(1))
    await hub.take_fhir(posted(2))
    await hub.take_fhir(posted(3, ifNoneExist="identifier=urn:app|x"))
    await hub.take_fhir(posted(4, ifNoneExist="identifier=urn:app|x"))
    await hub.work()

    values = sorted(one["valueQuantity"]["value"] for one in await hub.resources("Observation"))
    assert values == [1, 2, 4]


async def test_the_raw_bytes_are_kept_as_they_came(start_hub):
    """What a replay reads, and what a court asks for, is what was sent (promise 1)."""
    hub = await start_hub("store", fhir=APP)
    sent = json.dumps(bundle(ANNA, identifier="B1"), indent=3).encode()

    await hub.take_fhir(sent)
    await hub.work()

    assert await hub.hub.console.raw("B1") == sent


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"identifier": "B1"}, {"identifier": "B1"}),
        ({}, {}),
    ],
    ids=["by the bundle's identifier", "by its bytes"],
)
async def test_a_copy_hears_the_same_again_and_is_one_message(start_hub, first, second):
    """A sender that missed the answer sends again; it must not create a second message (promise 2)."""
    hub = await start_hub("store", "keyed", fhir=APP)

    one = await hub.take_fhir(bundle(ANNA, **first))
    await hub.work()
    other = await hub.take_fhir(bundle(ANNA, **second))
    await hub.work()

    assert (one.status, one.body, one.headers) == (other.status, other.body, other.headers)
    assert len(await hub.hub.adapters.ledger.recent()) == 1
    assert len(hub.receivers["keyed"].sent) == 1


async def test_an_idempotency_key_names_the_message_and_other_bytes_under_it_are_taken_with_a_finding(start_hub):
    """Dropping the second would lose a message in silence: as with MSH-10, the bytes decide."""
    hub = await start_hub("store", fhir=APP)

    first = await hub.take_fhir(ANNA, key="K-1")
    copy = await hub.take_fhir(ANNA, key="K-1")
    other = await hub.take_fhir({**ANNA, "active": True}, key="K-1")
    await hub.work()

    assert first.body == copy.body != other.body
    assert "control_id_reused" in await hub.findings("K-1")


async def test_messages_of_one_patient_arrive_in_order_across_hl7_and_fhir(start_hub):
    """A destination must not see the answer before the question, whatever they were written in (promise 3)."""
    hub = await start_hub("keyed", fhir=APP)
    await hub.take(adt("A1"))
    await hub.take_fhir(bundle(ANNA, HEART_RATE))
    await hub.take(adt("A2", "A08"))
    await hub.take_fhir({**HEART_RATE, "status": "amended"})
    await hub.work()

    assert {delivery.item.key for delivery in hub.receivers["keyed"].accepted} == {(await hub.record("A1")).key}
    types = [delivery.item.type for delivery in hub.receivers["keyed"].accepted]
    assert types == ["ADT^A01", "FHIR^collection", "ADT^A08", "FHIR^Observation"]


async def test_a_bundle_of_two_patients_is_in_line_with_both(start_hub):
    """Parting it would cut the references between its entries; standing with one only would overtake the other (R7)."""
    hub = await start_hub("keyed", fhir=APP)
    ben = {**ANNA, "id": "8", "identifier": [{**GENERAL, "value": "70002"}], "name": [{"family": "Sample"}]}
    for each in (ANNA, ben, bundle(ANNA, ben), {**ANNA, "active": True}, {**ben, "active": True}):
        await hub.take_fhir(each)
    await hub.work()
    await hub.pass_time(60)

    order = [delivery.item for delivery in hub.receivers["keyed"].accepted]
    assert len(order) == 5
    place = [item.type for item in order].index("FHIR^collection")
    assert place == 2


@pytest.mark.parametrize("after", ["archive.put", "ledger.reserve", "queue.send", "intake.take"])
async def test_a_crash_before_the_answer_loses_nothing_and_doubles_nothing(start_hub, after):
    """No 202 left, so the sender sends again: one message, whichever write the process died after (R1)."""
    hub = await start_hub("keyed", fhir=APP, is_in_two_steps=after != "intake.take")
    hub.faults.crash_after = after
    with pytest.raises(Crash):
        await hub.take_fhir(bundle(ANNA, identifier="B1"))
    await hub.crash()
    await hub.start()

    reply = await hub.take_fhir(bundle(ANNA, identifier="B1"))
    await hub.work()

    assert reply.status == 202
    assert len(await hub.hub.adapters.ledger.recent()) == 1
    assert len(hub.receivers["keyed"].messages) == 1


async def test_what_breaks_fhir_is_kept_for_a_person_who_corrects_it(start_hub):
    """202 said that the sender may forget it: what is invalid waits, with its places, until it is mended."""
    hub = await start_hub("store", fhir=APP)
    broken = deepcopy(HEART_RATE)
    del broken["code"]

    reply = await hub.take_fhir(bundle(ANNA, broken, identifier="B1"))
    await hub.work()
    assert (reply.status, await state_of(hub, reply)) == (202, (MessageState.QUARANTINED, "FHIR-005"))
    hops, _ = await hub.hub.adapters.ledger.trace((await hub.record("B1")).message)
    assert "fhir_missing Bundle.entry[1].resource code is required" in next(
        hop.detail for hop in hops if hop.code == "FHIR-005"
    )

    mended = base64.b64encode(orjson.dumps(bundle(ANNA, HEART_RATE, identifier="B1c"))).decode()
    order = orjson.dumps({"reason": "code added", "message": mended})
    await hub.hub.quarantine.correct((await hub.record("B1")).message, order, "tests")
    await hub.work()

    assert (await hub.record("B1c")).state is MessageState.ROUTED
    assert len(await hub.resources("Observation")) == 1


async def test_where_the_interface_says_so_what_breaks_fhir_is_refused_with_every_place(start_hub):
    """``on_invalid = "nack"``: the sender keeps it, and hears what to mend."""
    hub = await start_hub("store", fhir={"app": 'on_invalid = "nack"\n[fhir]'})

    reply = await hub.take_fhir({"resourceType": "Observation", "status": "finished", "subject": {"reference": 7}})
    await hub.work()

    assert reply.status == 422
    places = {one["expression"][0]: one["code"] for one in outcome(reply)[1:]}
    assert places["Observation"] == "required"
    assert places["Observation.status"] == "code-invalid"
    assert [one.state for one in await hub.hub.adapters.ledger.recent()] == [MessageState.REFUSED]
    assert await hub.resources("Observation") == []


async def test_test_data_is_not_production(start_hub):
    """HTEST is how FHIR marks test health data; an interface that takes P only refuses it (promise 8)."""
    hub = await start_hub("store", fhir=APP)
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}

    reply = await hub.take_fhir({**ANNA, "meta": {"security": [label]}})
    await hub.work()

    assert reply.status == 422
    assert await hub.resources("Patient") == []


async def test_a_tag_of_the_hub_in_what_is_sent_counts_for_nothing(start_hub):
    """Whoever could write the hub's own marks could make every later message look old."""
    hub = await start_hub("store", fhir=APP)
    forged = {"system": "urn:caduceus:sequence:app", "code": "9-999999"}

    await hub.take_fhir(bundle(ANNA, {**HEART_RATE, "meta": {"tag": [forged], "versionId": "77"}}))
    await hub.take_fhir({**HEART_RATE, "valueQuantity": {"value": 80}})
    await hub.work()

    [observation] = await hub.resources("Observation")
    assert observation["valueQuantity"]["value"] == 80
    assert forged not in observation["meta"]["tag"]


async def test_r5_is_stored_as_r4_and_says_what_has_no_home(start_hub):
    """The hub speaks R4 (docs/fhir-releases.md): R5 Encounter.status completed is finished; R4 has no triggeredBy."""
    hub = await start_hub("store", fhir={"app": '[fhir]\nrelease = "R5"'})
    visit = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "completed",
        "subject": {"reference": "Patient/7"},
        "class": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}]}],
    }
    triggered = {**HEART_RATE, "triggeredBy": [{"observation": {"reference": "Observation/o0"}, "type": "reflex"}]}

    media = "application/fhir+json; fhirVersion=5.0"
    reply = await hub.take_fhir(bundle(ANNA, visit, triggered, identifier="B1"), media=media)
    await hub.work()

    assert reply.status == 202
    [encounter] = await hub.resources("Encounter")
    assert (encounter["status"], encounter["class"]["code"]) == ("finished", "AMB")
    assert "element_without_home" in await hub.findings("B1")


async def test_a_replay_brings_it_again_from_its_raw_bytes(start_hub):
    """A mapping that was wrong is mended by sending again what came, FHIR like HL7 (R8)."""
    hub = await start_hub("store", "free", fhir=APP)
    await hub.take_fhir(bundle(ANNA, HEART_RATE, identifier="B1"))
    await hub.work()
    [before] = await hub.resources("Observation")

    run = (await hub.hub.replays.start(orjson.dumps({"message": (await hub.record("B1")).message, "reason": "tests"})))[
        "run"
    ]
    for _ in range(4):
        await hub.hub.replays.advance()
        await hub.work()

    status = await hub.hub.replays.status(run)
    [after] = await hub.resources("Observation")
    assert status["state"] == "done"
    assert {name: value for name, value in after.items() if name != "meta"} == {
        name: value for name, value in before.items() if name != "meta"
    }
    assert len(hub.receivers["free"].sent) == 1  # it has the same already: skipped


async def test_it_is_written_as_hl7_for_who_wants_hl7(start_hub):
    """The laboratory of 1998 gets the app's patient as ADT (docs/rendering.md)."""
    hub = await start_hub("rendered", fhir=APP)

    await hub.take_fhir(ANNA)
    await hub.work()

    [(_, body)] = hub.receivers["rendered"].sent
    assert b"|ADT^A08^ADT_A01|" in body
    assert b"PID|1||70001^^^GENERAL" in body


@pytest.mark.parametrize(
    ("media", "status"),
    [
        ("application/fhir+json", 202),
        ('application/fhir+json; fhirVersion="4.0"; charset=utf-8', 202),
        ("application/fhir+json; fhirVersion=5.0", 415),
        ("application/fhir+xml", 415),
        ("application/fhir+json; fhirVersion", 415),
    ],
)
async def test_another_form_or_release_is_refused(start_hub, media, status):
    """Nothing beside the raw bytes says what release they were: so it is the interface's, always."""
    hub = await start_hub("store", fhir=APP)

    reply = await hub.take_fhir(ANNA, media=media)

    assert reply.status == status
    assert outcome(reply)[0]["severity"] == ("information" if status == 202 else "error")


async def test_an_idempotency_key_that_cannot_be_kept_is_refused(start_hub):
    """Taken without it, a sender would rely on what nobody looks at."""
    hub = await start_hub("store", fhir=APP)
    assert (await hub.take_fhir(ANNA, key="K" * 201)).status == 422
    assert (await hub.take_fhir(ANNA, key="two words")).status == 422


async def test_fhir_for_an_hl7_interface_and_hl7_for_a_fhir_interface_are_refused(start_hub):
    """A sender that confuses its addresses hears it at once."""
    hub = await start_hub("store", fhir=APP)

    assert (await hub.take_fhir(ANNA, "adt")).status == 415
    assert (await hub.take_fhir(ANNA, "nowhere")).status == 404
    assert (await hub.hub.ingest.take(adt("A1"), "app")).status == 422


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "FHIR-001"),
        (b"[1, 2]", 400, "FHIR-001"),
        (b'{"resourceType": "Patient", "resourceType": "Observation"}', 400, "FHIR-001"),
        (b'{"resourceType": "Patient", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "FHIR-001"),
        (b'{"resourceType": "Patient", "x": ' + b'{"x":' * 80 + b"1" + b"}" * 80 + b"}", 400, "FHIR-001"),
        (b'{"resourceType": "Observation", "valueInteger": ' + b"9" * 5000 + b"}", 400, "FHIR-001"),
        (b'{"resourceType": "Observation", "valueQuantity": {"value": 1e999999}}', 400, "FHIR-001"),
        (b'{"resourceType": "Observation", "valueQuantity": {"value": NaN}}', 400, "FHIR-001"),
        (b'{"resourceType": "Patient", "language": "\xff\xfe"}', 400, "FHIR-001"),
        (b'{"resourceType": "Patient", "language": "\\ud800"}', 400, "FHIR-001"),
        (b'{"resourceType": "Patient"' + b" " * (16 * 1024 * 1024) + b"}", 413, "FHIR-003"),
        (b'{"resourceType": 7}', 422, "FHIR-004"),
        (b'{"resourceType": "../../etc"}', 422, "FHIR-004"),
        (b'{"resourceType": "Bundle", "type": "history"}', 422, "FHIR-004"),
        (b'{"resourceType": "Bundle", "type": "collection", "entry": {}}', 422, "FHIR-004"),
        (b'{"resourceType": "Bundle", "type": "collection", "entry": [7]}', 422, "FHIR-004"),
        (b'{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": []}]}', 422, "FHIR-004"),
        (
            b'{"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE"}, '
            b'"resource": {"resourceType": "Patient"}}]}',
            422,
            "FHIR-004",
        ),
        (
            b'{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Bundle"}}]}',
            422,
            "FHIR-004",
        ),
    ],
)
async def test_hostile_bodies_end_in_a_typed_error(start_hub, body, status, code):
    """Every input is hostile: none of these may take the process along, or be half taken."""
    hub = await start_hub("store", fhir=APP)

    reply = await hub.take_fhir(body)

    assert reply.status == status
    assert code in outcome(reply)[0]["diagnostics"]
    assert await hub.hub.adapters.ledger.recent() == []


@pytest.mark.parametrize(
    "change",
    [
        {"identifier": "70001"},
        {"identifier": [7, None, {"system": [], "value": {}}]},
        {"name": {"family": 7}},
        {"birthDate": 1980},
        {"meta": []},
        {"meta": {"tag": {"system": 1}, "security": "HTEST"}},
        {"id": 7},
        {"id": "x" * 5000},
        {"extension": [{"url": "u", "valueReference": {"reference": {"reference": "Patient/1"}}}]},
        {"link": [{"other": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"}, "type": "seealso"}]},
        {"managingOrganization": {"reference": "Organization?name=x&active=true"}},
        {"contained": [{"resourceType": "Bundle"}]},
        {"resourceType": "Unheard"},
    ],
    ids=str,
)
async def test_wrong_types_anywhere_end_in_quarantine_or_refusal(start_hub, change):
    """Readable JSON of any shape is kept for a person or refused; it never stops what comes after it."""
    hub = await start_hub("store", fhir=APP)

    reply = await hub.take_fhir({**ANNA, **change})
    await hub.take_fhir({**ANNA, "active": True}, key="after")
    await hub.work()

    if reply.status == 202:
        state, code = await state_of(hub, reply)
        assert state is MessageState.QUARANTINED
        assert code in ("FHIR-004", "FHIR-005")
    else:
        assert reply.status == 422
    assert (await hub.record("after")).state is MessageState.ROUTED


async def test_ten_megabytes_arrive(start_hub):
    """A scan in a DocumentReference is 10 MB of base64, and travels by its archive reference."""
    hub = await start_hub("store", fhir=APP)
    scan = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "subject": {"reference": "Patient/7"},
        "content": [{"attachment": {"contentType": "application/pdf", "data": "QUJD" * (10 * 1024 * 256)}}],
    }

    reply = await hub.take_fhir(bundle(ANNA, scan))
    await hub.work()

    assert (await state_of(hub, reply))[0] is MessageState.ROUTED
    [stored] = await hub.resources("DocumentReference")
    assert len(stored["content"][0]["attachment"]["data"]) == 10 * 1024 * 1024


async def test_no_word_of_a_message_is_in_a_log_an_answer_or_a_trace(start_hub, caplog):
    """Logs and errors carry codes, places and counts; patient data rests in archive, store and queue (promise 5)."""
    hub = await start_hub("store", fhir=APP)
    caplog.set_level("DEBUG")
    number = {"system": "urn:id:ZZYZX", "value": "ZZYZX"}
    person = {**ANNA, "identifier": [number], "name": [{"family": "ZZYZX"}], "birthDate": "1980-01-01"}
    reading = {
        **HEART_RATE,
        "note": [{"text": "ZZYZX"}],
        "subject": {"reference": "Patient?identifier=urn:id:ZZYZX|ZZYZX"},
    }
    sent = [
        bundle(person, HEART_RATE),
        reading,
        {**reading, "status": "ZZYZX"},
        {**person, "gender": "ZZYZX", "birthDate": "ZZYZX"},
        {**person, "name": [{"family": "Other"}], "birthDate": "1999-09-09"},  # somebody else under the number
        {**reading, "subject": {"reference": "Patient?name=ZZYZX"}},
        {**reading, "subject": {"reference": "urn:uuid:ZZYZX"}},
        {**reading, "focus": [{"reference": "https://elsewhere.example/Patient/ZZYZX"}]},
        {**person, "resourceType": "ZZYZX"},
        bundle({**person, "resourceType": "Zzyzx"}),
        {"resourceType": "Bundle", "type": "ZZYZX"},
        b'{"resourceType": "Patient", "birthDate": "ZZYZX',
        b'{"ZZYZX": 1, "ZZYZX": 2}',
    ]

    replies = [await hub.take_fhir(one) for one in sent]
    await hub.work()

    traces = [await hub.hub.console.message(one.message) for one in await hub.hub.adapters.ledger.recent()]
    told = json.dumps([[trace["hops"], trace["findings"], trace["message"]["code"]] for trace in traces])
    heard = b"".join(reply.body for reply in replies).decode()
    assert {reply.status for reply in replies} == {202, 400, 422}
    assert "MPI-001" in told
    assert "zzyzx" not in (caplog.text + told + heard).lower()


async def test_who_was_affected_is_found_by_the_number_that_the_source_gave(start_hub):
    """A person who must call patients needs the hospital's number, whatever form the message came in."""
    hub = await start_hub("store", fhir=APP)
    await hub.take_fhir(bundle(ANNA, HEART_RATE))
    await hub.work()

    request = orjson.dumps({"interface": "app", "reason": "wrong unit"})
    [patient] = (await hub.hub.affected.reveal(request, Caller("tests", frozenset({"reveal"}))))["patients"]

    assert (patient["number"], patient["assigner"]) == ("70001", "GENERAL")


async def test_more_patients_than_a_message_can_be_in_line_with_are_refused(start_hub):
    """Each holds its patient's line up until all have come by: an export of a ward is no message."""
    hub = await start_hub("store", fhir=APP)
    many = [{**ANNA, "id": str(n), "identifier": [{**GENERAL, "value": str(80000 + n)}]} for n in range(21)]

    assert (await hub.take_fhir(bundle(*many))).status == 422
    assert (await hub.take_fhir(bundle(*many[:20]))).status == 202
    await hub.work()
    await hub.pass_time(60)

    assert len(await hub.resources("Patient")) == 20


async def test_a_store_that_fails_is_no_refusal(start_hub):
    """Told 422, a sender takes its message for wrong and gives up; it has to come again, as with HL7."""
    hub = await start_hub("store", fhir=APP)
    failing = mock.AsyncMock(side_effect=StorageFailed("refused"))

    with mock.patch.object(LocalIdentities, "resolve", failing), pytest.raises(StorageFailed):
        await hub.take_fhir(ANNA)

    assert (await hub.take_fhir(ANNA)).status == 202
