"""A message in FHIR as changes under the hub's own ids."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.changes.notes import ChangeNotes
from shared.fhir.validate import validate_bundle
from shared.fhir_in.claims import claims_of
from shared.fhir_in.convert import convert_document
from shared.fhir_in.document import read_document
from shared.fhir_in.report import fhir_report, leaves_of
from shared.fhir_in.source import Source
from shared.mapping.identity import MemoryResolver, Minter
from shared.message.errors.fhir import FhirInvalid, FhirNotTaken, FhirRefused

MINT = Minter(b"a key for tests")
APP = Source("app", "R4")
ANNA = {"resourceType": "Patient", "id": "7", "name": [{"family": "Example"}]}
GLUCOSE = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"text": "glucose"},
    "subject": {"reference": "Patient/7"},
    "valueQuantity": {"value": 5.1, "unit": "mmol/L"},
}


def bundle(*entries: dict[str, Any], kind: str = "collection") -> dict[str, Any]:
    listed = [one if "resource" in one else {"resource": one} for one in entries]
    return {"resourceType": "Bundle", "type": kind, "entry": listed}


def convert(message: object, source: Source = APP):
    document = read_document(orjson.dumps(message))
    resolver = MemoryResolver(MINT)
    ids = {claim.place: resolver.resolve(claim.kind, claim) for claim in claims_of(document, source)}
    return convert_document(document, source, ids, MINT)


def by_type(conversion) -> dict[str, dict[str, Any]]:
    return {entry["resource"]["resourceType"]: entry["resource"] for entry in conversion.bundle["entry"]}


def test_equal_messages_give_equal_bundles():
    """A redelivery, a retry and a replay must come to the same bytes (R4)."""
    assert convert(bundle(ANNA, GLUCOSE)).bundle == convert(bundle(ANNA, GLUCOSE)).bundle


def test_two_sources_with_the_same_id_do_not_share_a_resource():
    """Observation/o1 of one app overwriting Observation/o1 of another would be somebody else's result."""
    first, second = (by_type(convert(GLUCOSE, Source(name, "R4")))["Observation"]["id"] for name in ("one", "two"))
    assert first != second


def test_the_notes_say_what_is_whose_and_survive_the_record():
    """What the store does with a resource hangs on them alone."""
    notes = convert(bundle(ANNA, GLUCOSE)).changes
    said = {one.full_url: (one.provisional, one.whole) for one in notes.resources}
    assert sorted(said.values()) == [(False, True), (True, False)]
    assert ChangeNotes.from_json(orjson.loads(orjson.dumps(notes.to_json()))) == notes


def test_a_resource_tagged_as_a_part_is_not_whole():
    """SUBSETTED says that the server left elements out: absent is not deleted then (FHIR R4, search summary)."""
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    notes = convert({**GLUCOSE, "meta": {"tag": [tag]}}).changes
    assert [one.whole for one in notes.resources if not one.provisional] == [False]


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/7",
        "https://app.example/Patient/7",
        "urn:uuid:00000000-0000-4000-8000-000000000007",
        "Patient?identifier=s|7",
    ],
)
def test_every_way_to_name_an_entry_leads_to_it(reference):
    """R4 2.36.4.1, resolving references in Bundles; conditional references of transactions (3.1.0.11.2)."""
    urn = reference if reference.startswith("urn:") else "https://app.example/Patient/7"
    patient = {"fullUrl": urn, "resource": {**ANNA, "identifier": [{"system": "s", "value": "7"}]}}
    found = by_type(convert(bundle(patient, {**GLUCOSE, "subject": {"reference": reference}})))
    assert found["Observation"]["subject"]["reference"] == f"urn:uuid:{found['Patient']['id']}"


def test_what_a_message_only_refers_to_has_the_id_that_its_own_message_gives_it():
    """An order sent on Monday and its result on Tuesday stay together."""
    order = {"resourceType": "ServiceRequest", "id": "s1", "status": "active", "intent": "order", "subject": {}}
    order["subject"] = {"reference": "Patient/7"}
    sent_before = by_type(convert(bundle(ANNA, order)))["ServiceRequest"]["id"]

    later = convert(bundle(ANNA, {**GLUCOSE, "basedOn": [{"reference": "ServiceRequest/s1"}]}))

    assert by_type(later)["Observation"]["basedOn"] == [{"reference": f"ServiceRequest/{sent_before}"}]
    assert ("reference_outside", "Bundle.entry[1].resource.basedOn[0]") in [one[:2] for one in later.findings]


def test_two_entries_that_say_the_same_are_one():
    """Exporters repeat an Organization for each result; a store must not."""
    ward = {"resourceType": "Organization", "name": "Ward"}
    conversion = convert(bundle({**ward, "id": "a"}, {**ward, "id": "b"}))
    assert len(conversion.bundle["entry"]) == 1
    assert [one.code for one in conversion.findings] == ["entry_repeated"]
    assert validate_bundle(conversion.bundle) == []


def test_two_entries_of_one_person_that_differ_stop_the_message():
    """Which of them is right nobody here can know."""
    number = {"identifier": [{"system": "s", "value": "7"}]}
    with pytest.raises(FhirInvalid, match=r"fhir_duplicate Bundle\.entry\[1\]\.resource"):
        convert(bundle({**ANNA, **number}, {**ANNA, **number, "id": "8", "gender": "male"}))


def test_a_reference_to_a_urn_that_is_not_in_the_bundle_stops_the_message():
    """It can lead nowhere, ever."""
    urn = "urn:uuid:00000000-0000-4000-8000-000000000009"
    with pytest.raises(FhirInvalid, match=r"fhir_reference Bundle\.entry\[0\]\.resource\.subject"):
        convert(bundle({**GLUCOSE, "subject": {"reference": urn}}))


def test_a_type_that_was_not_agreed_is_not_taken():
    """An app for vital signs has no business with prescriptions."""
    with pytest.raises(FhirNotTaken, match="Observation"):
        convert(GLUCOSE, Source("app", "R4", resources=frozenset({"Patient"})))


def test_stu3_is_renamed_with_what_refers_to_it():
    """STU3 ProcedureRequest is R4 ServiceRequest (R4, R3 maps)."""
    order = {
        "resourceType": "ProcedureRequest",
        "id": "p1",
        "status": "active",
        "intent": "order",
        "code": {"text": "glucose"},
        "subject": {"reference": "Patient/7"},
    }
    found = by_type(
        convert(
            bundle(ANNA, order, {**GLUCOSE, "basedOn": [{"reference": "ProcedureRequest/p1"}]}), Source("app", "STU3")
        )
    )
    assert found["Observation"]["basedOn"] == [{"reference": f"urn:uuid:{found['ServiceRequest']['id']}"}]


def test_a_type_without_a_home_in_r4_is_left_out_with_what_refers_to_it():
    """R5 InventoryItem: the hub speaks R4, and says so instead of keeping what no R4 server takes."""
    item = {"resourceType": "InventoryItem", "id": "i1", "status": "active"}
    note = {"resourceType": "Observation", **GLUCOSE, "focus": [{"reference": "InventoryItem/i1"}]}
    conversion = convert(bundle(ANNA, item, note), Source("app", "R5"))
    assert "focus" not in by_type(conversion)["Observation"]
    assert "resource_without_home" in {one.code for one in conversion.findings}


@pytest.mark.parametrize("release", ["STU3", "R4", "R5"])
def test_the_report_accounts_for_every_value(release):
    """Promise 6: no value of what was sent is without a fate."""
    sent = bundle(ANNA, {**GLUCOSE, "unheard": 1} if release != "R4" else GLUCOSE)
    report = fhir_report(orjson.dumps(sent), Source("app", release), MINT)
    assert sorted(fate.place for fate in report.fates) == sorted(place for place, _ in leaves_of(sent, "Bundle"))
    outcomes = {fate.place.removeprefix("Bundle.entry[1].resource."): fate for fate in report.fates}
    assert outcomes["valueQuantity.value"].target == "Observation.valueQuantity.value"
    assert outcomes["id"].outcome == "ignored"
    if release != "R4":
        assert outcomes["unheard"].outcome == "lost"


def places(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, one in inner for place in places(one, (*at, name)))]


RICH = bundle(
    {
        "fullUrl": "https://a/Patient/7",
        "resource": {**ANNA, "identifier": [{"system": "s", "value": "7"}]},
        "request": {"method": "PUT", "url": "Patient/7"},
    },
    {
        "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "resource": {**GLUCOSE, "meta": {"tag": [{"code": "x"}]}},
        "request": {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=s|o"},
    },
    kind="transaction",
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2),
    st.sampled_from(["Bundle", "Patient", "Patient/7", "urn:uuid:x", "#", "Patient?identifier=|", "?", "http://["]),
)


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(places(RICH)[1:]), junk=JUNK, release=st.sampled_from(["STU3", "R4", "R5"]))
def test_anything_anywhere_becomes_valid_r4_or_a_typed_error(place, junk, release):
    """Hostile input has any type anywhere: it may be refused, and it may never raise what nobody named."""
    message = deepcopy(RICH)
    holder: Any = message
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = junk
    try:
        conversion = convert(message, Source("app", release, base="https://a"))
    except FhirRefused:
        return
    assert validate_bundle(conversion.bundle) == []
