"""PID, PD1, NK1: expected values are read off the guide's rows, named in each test."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import PID, PV1, admitted, codes, notes, only, resources


def test_identifier_takes_value_type_and_assigner_from_cx():
    """Guide PID[Patient] 5, CX[Identifier] 3, 8, 10: without a registered system the assigner is an Organization."""
    conversion = admitted(PID)
    (identifier,) = only(conversion, "Patient")["identifier"]
    assert identifier["value"] == "100001"
    assert identifier["system"] == "urn:id:GENHOSP"
    assert identifier["type"]["coding"][0]["code"] == "MR"
    owner = next(
        o for o in resources(conversion, "Organization") if identifier["assigner"]["reference"].endswith(o["id"])
    )
    assert owner["identifier"] == [{"value": "GENHOSP"}]


def test_universal_assigner_becomes_an_oid_system():
    """Guide HD[uri] 4: "urn:oid:"+HD.2."""
    patient = only(admitted("PID|1||77^^^GEN&1.2.840.1&ISO^MR"), "Patient")
    assert patient["identifier"][0]["system"] == "urn:oid:1.2.840.1"


def test_name_parts_land_where_xpn_says():
    """Guide XPN[HumanName] 3 to 9 and FN[HumanName]: family, given, suffix, prefix, degree, use."""
    patient = only(admitted("PID|1||1^^^G^MR||Van Sample&van&Sample^Jane^Q^III^Dr^PhD^L"), "Patient")
    (name,) = patient["name"]
    assert name["family"] == "Van Sample"
    assert name["given"] == ["Jane", "Q"]
    assert name["prefix"] == ["Dr"]
    assert name["suffix"] == ["III", "PhD"]
    assert name["use"] == "official"
    assert [e["valueString"] for e in name["_family"]["extension"]] == ["van", "Sample"]


def test_an_unmapped_name_type_is_kept_beside_the_use():
    """NameType gives B no target: the code may not enter a required binding and may not vanish."""
    patient = only(admitted("PID|1||1^^^G^MR||Sample^Jane^^^^^B"), "Patient")
    assert "use" not in patient["name"][0]
    original = patient["name"][0]["_use"]["extension"][0]["valueCodeableConcept"]["coding"][0]
    assert original == {"system": "http://terminology.hl7.org/CodeSystem/v2-0200", "code": "B"}


def test_birth_date_never_shifts_and_keeps_its_time_beside_it():
    """Guide PID[Patient] 10 to 12: the date as sent, birthTime as an extension, no move by zone."""
    patient = only(admitted("PID|1||1^^^G^MR||S^J||198001012330-0800"), "Patient")
    assert patient["birthDate"] == "1980-01-01"
    (birth_time,) = patient["_birthDate"]["extension"]
    assert birth_time["valueDateTime"] == "1980-01-01T23:30:00-08:00"


def test_one_bad_date_loses_only_itself():
    """A date that is none becomes a finding; name and sex of the person still arrive."""
    conversion = admitted("PID|1||1^^^G^MR||Sample^Jane||19801341|F")
    patient = only(conversion, "Patient")
    assert "birthDate" not in patient
    assert patient["gender"] == "female"
    assert "date_invalid" in codes(conversion)


def test_unmapped_sex_is_a_finding_and_keeps_its_original():
    """AdministrativeSex has no Q: no guess, no invalid code, nothing lost."""
    conversion = admitted("PID|1||1^^^G^MR||S^J|||Q")
    patient = only(conversion, "Patient")
    assert "gender" not in patient
    kept = patient["_gender"]["extension"][0]["valueCodeableConcept"]["coding"][0]
    assert kept["code"] == "Q"
    assert "code_unmapped" in codes(conversion)


def test_marital_status_is_translated_and_its_original_stays():
    """MaritalStatus: A is L (Legally Separated) of v3-MaritalStatus; B is U."""
    patient = only(admitted("PID|1||1^^^G^MR||S^J|||||||||||A"), "Patient")
    translated, original = patient["maritalStatus"]["coding"]
    assert (translated["code"], translated["display"]) == ("L", "Legally Separated")
    assert (original["system"], original["code"]) == ("http://terminology.hl7.org/CodeSystem/v2-0002", "A")


def test_every_telecom_has_a_system():
    """R4 cpt-2: a contact point with a value needs a system, also where XTN.3 is empty (guide XTN 4 to 8)."""
    pid = "PID|1||1^^^G^MR||S^J||||||||555-0101~^NET^Internet^j@example.org~^PRN^CP^^1^555^5550102"
    phone, mail, mobile = only(admitted(pid), "Patient")["telecom"]
    assert (phone["system"], phone["value"], phone["use"]) == ("phone", "555-0101", "home")
    assert (mail["system"], mail["value"]) == ("email", "j@example.org")
    assert (mobile["system"], mobile["value"], mobile["use"]) == ("phone", "+1 555 5550102", "home")


def test_next_of_kin_becomes_a_related_person_and_an_employer_a_contact():
    """Guide ADT_A01 28 to 30: NK1-3 EMR and its like are contacts of the Patient."""
    conversion = admitted(
        PID,
        "NK1|1|Sample^John|SPO^Spouse^HL70063",
        "NK1|2|Boss^Bea|EMR^Employer^HL70063|1 Work Rd",
    )
    related = only(conversion, "RelatedPerson")
    assert related["relationship"][0]["coding"][0]["code"] == "SPS"
    assert only(conversion, "Patient")["contact"][0]["name"]["family"] == "Boss"


def test_the_same_next_of_kin_twice_is_one_related_person():
    """A repeated segment says nothing new: a bundle holds no two equal resources."""
    conversion = admitted(PID, "NK1|1|Sample^John|SPO", "NK1|2|Sample^John|SPO")
    assert len(resources(conversion, "RelatedPerson")) == 1
    assert "resource_repeated" in codes(conversion)


def test_what_is_repeated_is_dropped_beside_a_consent_about_a_visit():
    """R4 Consent.provision.data.reference is a Reference, where all other elements of that name are its text."""
    conversion = admitted(PID, "NK1|1|Sample^John|SPO", "NK1|2|Sample^John|SPO", PV1, "ARV|1|A|DEM")
    (said,) = only(conversion, "Consent")["provision"]["data"]
    assert said["reference"] == {"reference": "urn:uuid:" + only(conversion, "Encounter")["id"]}
    assert len(resources(conversion, "RelatedPerson")) == 1


def test_null_deletes_its_element_and_leaves_the_work_number_alone():
    """HL7 "" means delete; PID-13 and PID-14 feed one list, so each deletes its own part."""
    conversion = admitted('PID|1||1^^^G^MR||S^J||""||||||""|^WPN^PH^^^555^5550100')
    patient = only(conversion, "Patient")
    assert notes(conversion, patient).deleted == (
        "birthDate",
        "_birthDate.extension[" + BIRTH_TIME + "]",
        "telecom[home]",
    )
    assert [t["use"] for t in patient["telecom"]] == ["work"]


BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"


def test_a_result_creates_a_patient_but_never_updates_one():
    """DESIGN 6: ORU, SIU and the like may only create who is missing."""
    from tests.unit.mapping.samples import OBR, resulted

    conversion = resulted(PV1, OBR)
    assert notes(conversion, only(conversion, "Patient")).provisional
    assert notes(conversion, only(conversion, "Encounter")).provisional
    owned = admitted(PID, PV1)
    assert not any(
        note.provisional and note.full_url.endswith(only(owned, "Patient")["id"]) for note in owned.changes.resources
    )


def test_merge_names_prior_and_survivor_and_leaves_the_prior_patient_alone():
    """A40: MRG-1 gives way to PID-3; the prior Patient is not in the bundle, which names it by its number."""
    conversion = admitted(PID, "MRG|200002^^^GENHOSP^MR", event="A40")
    (edit,) = conversion.changes.identity
    survivor = only(conversion, "Patient")["id"]
    assert (edit.kind, edit.event, edit.survivor) == ("Patient", "A40", survivor)
    assert edit.prior != survivor
    assert edit.prior == only(admitted("PID|1||200002^^^GENHOSP^MR"), "Patient")["id"]
    (link,) = only(conversion, "Patient")["link"]
    assert link["type"] == "replaces"
    assert (link["other"]["identifier"]["value"], link["other"].keys()) == ("200002", {"type", "identifier"})


def test_a_number_that_the_survivor_keeps_names_nobody_who_gives_way():
    """Many senders leave the old number in PID-3; of two numbers in MRG the one that PID does not have is given up."""
    kept = "PID|1||100001^^^GENHOSP^MR~300003^^^GENHOSP^MR||Sample^Jane"
    conversion = admitted(kept, "MRG|300003^^^GENHOSP^MR~200002^^^GENHOSP^MR", event="A40")
    assert [link["other"]["identifier"]["value"] for link in only(conversion, "Patient")["link"]] == ["200002"]
    conversion = admitted(kept, "MRG|300003^^^GENHOSP^MR", event="A40")
    assert [link["other"]["identifier"]["value"] for link in only(conversion, "Patient")["link"]] == ["300003"]


def test_an_event_that_is_no_merge_replaces_nobody():
    """A44 moves an account (HL7 v2.5.1 3.3.44): both persons remain."""
    assert "link" not in only(admitted(PID, "MRG|200002^^^GENHOSP^MR", event="A44"), "Patient")


@pytest.mark.parametrize("relation", ["SPO", "EMR"])
def test_a_relation_that_ends_before_it_begins_keeps_its_begin(relation: str):
    """R4 per-1, on the RelatedPerson and on Patient.contact: one bad date never loses the message."""
    conversion = admitted(PID, f"NK1|1|Sample^Jim|{relation}|||||20240105|20240101")
    assert "period_reversed" in codes(conversion)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    assert '"end"' not in str(only(conversion, "Patient"))


def test_a_note_on_the_patient_is_an_extension():
    """ORU_R01 21: the guide gives it no element and R4 has none; HL7's extension is for a note on any resource."""
    conversion = admitted(PID, "NTE|1||Needs a translator~and a chair")
    assert "note_without_place" not in codes(conversion)
    assert only(conversion, "Patient")["extension"] == [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/note",
            "valueAnnotation": {"text": "Needs a translator\nand a chair"},
        }
    ]
    assert validate_bundle(conversion.bundle, is_closed=True) == []
