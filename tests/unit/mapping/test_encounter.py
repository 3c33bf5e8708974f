"""PV1, PV2, DG1, AL1 of an admission."""

from __future__ import annotations

import pytest

from shared.changes.encounter_state import ENCOUNTER, ROWS
from tests.unit.mapping.samples import PID, PV1, admitted, codes, notes, only, resources


@pytest.mark.parametrize(
    ("event", "pv1", "status"),
    [
        ("A01", "PV1|1|I", "in-progress"),
        ("A03", "PV1|1|I", "finished"),
        ("A04", "PV1|1|O", "in-progress"),
        ("A05", "PV1|1|P", "planned"),
        ("A08", "PV1|1|I", "in-progress"),
        ("A08", "PV1|1|I" + "|" * 43 + "20240311", "finished"),
        ("A11", "PV1|1|I", "cancelled"),
        ("A13", "PV1|1|I" + "|" * 43 + "20240311", "in-progress"),
    ],
)
def test_status_follows_the_event_then_the_discharge_then_the_class(event: str, pv1: str, status: str):
    """Guide MSH[Encounter], PV1[Encounter] 5 and 72; A13 undoes a discharge even where PV1-45 is still filled."""
    assert only(admitted(PID, pv1, event=event), "Encounter")["status"] == status


def test_an_update_never_moves_a_stored_status():
    """An A08 cannot know the status: what it must send counts for a visit that is new."""
    conversion = admitted(PID, PV1, event="A08")
    assert notes(conversion, only(conversion, "Encounter")).initial == ("status",)
    admission = admitted(PID, PV1, event="A01")
    assert all(not note.initial for note in admission.changes.resources)


def test_class_is_translated_and_a_missing_one_is_said_to_be_unknown():
    """PatientClass[EncounterClass]: I is IMP of v3-ActCode; R4 requires a class."""
    assert only(admitted(PID, PV1), "Encounter")["class"]["code"] == "IMP"
    assert only(admitted(PID, "PV1|1||W2"), "Encounter")["class"]["code"] == "UNK"


def test_bed_is_part_of_room_part_of_ward_part_of_site():
    """Guide PL[Location]: one Location for each level, the narrowest in Encounter.location."""
    conversion = admitted(PID, PV1)
    by_id = {r["id"]: r for r in resources(conversion, "Location")}
    reference = only(conversion, "Encounter")["location"][0]["location"]["reference"]
    kinds = []
    while reference:
        place = by_id[reference.removeprefix("urn:uuid:")]
        kinds.append((place["physicalType"]["coding"][0]["code"], place["identifier"][0]["value"]))
        reference = place.get("partOf", {}).get("reference", "")
    assert kinds == [("bd", "1"), ("ro", "204"), ("wa", "W2"), ("si", "GENHOSP")]


def test_same_visit_is_one_encounter_through_its_events():
    """PV1-19 with its assigner identifies the visit; the event does not."""
    ids = {only(admitted(PID, PV1, event=event), "Encounter")["id"] for event in ("A01", "A02", "A08", "A03")}
    assert len(ids) == 1


def test_attending_doctor_takes_part_as_attender():
    """Guide PV1[Encounter] 13 to 16."""
    conversion = admitted(PID, PV1)
    (participant,) = only(conversion, "Encounter")["participant"]
    assert participant["type"][0]["coding"][0]["code"] == "ATND"
    doctor = only(conversion, "Practitioner")
    assert participant["individual"]["reference"].endswith(doctor["id"])
    assert doctor["name"][0] == {"family": "Attend", "given": ["Ada"], "prefix": ["Dr"]}


def test_one_doctor_in_three_roles_is_one_practitioner():
    """Equal XCN is one person: no repeated resources."""
    doctor = "4777^Attend^Ada"
    conversion = admitted(PID, f"PV1|1|I|||||{doctor}|{doctor}|{doctor}")
    assert len(resources(conversion, "Practitioner")) == 1
    assert len(only(conversion, "Encounter")["participant"]) == 3


def test_an_end_before_the_start_is_dropped_with_a_finding():
    """R4 per-1; the rest of the visit arrives."""
    pv1 = "PV1|1|I" + "|" * 42 + "20240311|20240310"
    conversion = admitted(PID, pv1)
    assert only(conversion, "Encounter")["period"] == {"start": "2024-03-11"}
    assert "period_reversed" in codes(conversion)


def test_diagnosis_is_a_condition_of_the_patient_and_a_diagnosis_of_the_visit():
    """Guide DG1[Condition] 5 to 7, DG1[Encounter] 5 to 8: rank, use (A is AD) and code."""
    conversion = admitted(PID, PV1, "DG1|1||I10^Hypertension^I10C||20240310|A|||||||||1")
    condition = only(conversion, "Condition")
    assert condition["code"]["coding"][0]["system"] == "http://hl7.org/fhir/sid/icd-10-cm"
    assert condition["onsetDateTime"] == "2024-03-10"
    (diagnosis,) = only(conversion, "Encounter")["diagnosis"]
    assert diagnosis["rank"] == 1
    assert diagnosis["use"]["coding"][0]["code"] == "AD"
    assert diagnosis["condition"]["reference"].endswith(condition["id"])


def test_allergy_keeps_category_severity_and_reaction():
    """Guide AL1[AllergyIntolerance] 6, 10, 14, 15: DA is medication, SV of a reaction is severe."""
    allergy = only(admitted(PID, "AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives~Itching"), "AllergyIntolerance")
    assert allergy["category"] == ["medication"]
    assert [m["text"] for m in allergy["reaction"][0]["manifestation"]] == ["Hives", "Itching"]
    assert allergy["reaction"][0]["severity"] == "severe"


def test_children_are_listed_under_their_parent_for_the_snapshot():
    """AL1 and DG1 are snapshots unless the interface says otherwise: the store must know the whole list."""
    conversion = admitted(PID, PV1, "AL1|1|DA|1^A", "AL1|2|DA|2^B", "DG1|1||I10^H^I10C")
    listed = {one.segment: one for one in conversion.changes.children}
    patient, encounter = only(conversion, "Patient"), only(conversion, "Encounter")
    assert len(listed["AL1"].members) == 2
    assert listed["AL1"].parent.endswith(patient["id"])
    assert listed["DG1"].parent.endswith(encounter["id"])


def test_a_diagnosis_that_follows_from_another_says_so():
    """Guide DG1[Condition] 27, 28: in the same visit by reference, else by number."""
    first = "DG1|1||E11^Diabetes^I10C|||A" + "|" * 14 + "D1^EHR"
    second = "DG1|2||G63^Neuropathy^I10C|||A" + "|" * 14 + "D2^EHR||D1^EHR"
    conversion = admitted(PID, PV1, first, second)
    cause, effect = resources(conversion, "Condition")
    (due,) = [one for one in effect["extension"] if one["url"].endswith("condition-dueTo")]
    assert due["valueReference"]["reference"] == "urn:uuid:" + cause["id"]
    alone = only(admitted(PID, PV1, second), "Condition")
    assert alone["extension"][0]["valueReference"]["identifier"]["value"] == "D1"


@pytest.mark.parametrize("event", sorted(ROWS))
def test_the_status_of_an_event_is_that_of_the_store(event: str) -> None:
    """Who takes bundles and keeps no states is not told that somebody on leave lies in bed (HL7 3.3.21, 3.3.53)."""
    visit_ = only(admitted(PID, PV1, event=event), "Encounter")
    after = {
        ENCOUNTER.next_status(event, stored, visit_["status"]) for stored in ("", "in-progress", "planned", "onleave")
    }
    assert visit_["status"] in after


def test_a_visit_that_is_deleted_is_not_in_progress() -> None:
    """A23 (HL7 3.3.23): its number may be used again."""
    assert only(admitted(PID, PV1, event="A23"), "Encounter")["status"] == "entered-in-error"
