"""PR1 with its ROLs, ROL and PRT elsewhere, FT1: who did what, and what it costs."""

from __future__ import annotations

import pytest

from shared.changes.notes import Action
from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import (
    MSH_ADT,
    OBR,
    PID,
    PV1,
    admitted,
    codes,
    converted,
    notes,
    only,
    resources,
    resulted,
)

PR1 = (
    "PR1|1||44950^Appendectomy^C4|Appendix out|20240309101500-0500|D^Diagnostic^HL70230|45|5001^Sleep^Sam|||"
    "5002^Cut^Cora|5003^Help^Hal|||K35.80^Appendicitis^I10C|22|||PR-1^EHR||||OR1^2"
)
ROL = (
    "ROL|R1^EHR|AD|{role}|4777^Attend^Ada|20240101|20241231|||207Q^Family medicine|1^Hospital^HL70406|"
    "2 Clinic Rd^^Townsville|^WPN^PH^^1^555^5550155|W9^1|Town Clinic^^^^^^XX^^^TC1"
)
MSH_DFT = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||DFT^P03|M5|P|2.5.1"
FT1 = (
    "FT1|1|TX-1||20240309|20240310|CG|44950^Appendectomy^C4|||2|500&USD|250&USD|SURG^Surgery||||||K35.80^^I10C|"
    "5002^Cut^Cora|4777^Attend^Ada||F100^LAB|1234^Klerk^Kim|44950^Appendectomy^C4|22"
)


def test_a_procedure_keeps_code_time_category_reason_and_place():
    """Guide PR1[Procedure] 6 to 12, 25, 26, 29, 33: 45 minutes from 10:15 end at 11:00."""
    conversion = admitted(PID, PV1, PR1)
    procedure = only(conversion, "Procedure")
    assert procedure["code"]["coding"][0]["code"] == "44950:22"
    assert procedure["code"]["text"] == "Appendix out"
    assert procedure["performedPeriod"] == {"start": "2024-03-09T10:15:00-05:00", "end": "2024-03-09T11:00:00-05:00"}
    assert procedure["category"]["coding"][0]["code"] == "D"
    assert procedure["reasonCode"][0]["coding"][0]["code"] == "K35.80"
    assert procedure["identifier"][0]["value"] == "PR-1"
    assert procedure["encounter"]["reference"].endswith(only(conversion, "Encounter")["id"])
    assert "location" in procedure


def test_each_practitioner_of_a_procedure_performs_in_its_function():
    """Guide PR1[Procedure] 14 to 22: anesthesiologist, surgeon, and one without a function."""
    performers = only(admitted(PID, PV1, PR1), "Procedure")["performer"]
    functions = [one.get("function", {"coding": [{"code": ""}]})["coding"][0]["code"] for one in performers]
    assert functions == ["88189002", "304292004", ""]


@pytest.mark.parametrize(
    ("pr1", "status"),
    [
        ("PR1|1||1^A^L||20240309", "completed"),
        ("PR1|1||1^A^L||20240401", "unknown"),
        ("PR1|1||1^A^L", "unknown"),
        ("PR1|1||1^A^L||20240309|||||||||||||||D", "entered-in-error"),
    ],
)
def test_status_of_a_procedure_follows_what_is_known(pr1: str, status: str):
    """Guide PR1[Procedure] 3: the context says it, else unknown. What began before it was told was done."""
    conversion = admitted(PID, PV1, pr1)
    procedure = only(conversion, "Procedure")
    assert procedure["status"] == status
    if status == "entered-in-error":
        assert notes(conversion, procedure).action is Action.DELETE


def test_a_part_of_a_procedure_points_at_the_one_before_it_else_at_its_number():
    """Guide PR1[Procedure] 35."""
    child = "PR1|2||2^B^L||20240309" + "|" * 14 + "PR-2^EHR||||||PR-1^EHR"
    whole, part = resources(admitted(PID, PV1, PR1, child), "Procedure")
    assert part["partOf"][0]["reference"].endswith(whole["id"])
    alone = only(admitted(PID, PV1, child), "Procedure")
    assert alone["partOf"][0]["identifier"]["value"] == "PR-1"


def test_a_role_below_a_procedure_performs_that_procedure():
    """Grouping: PR1 with its ROL, several; a role never reaches the wrong procedure."""
    conversion = admitted(PID, PV1, "PR1|1||1^A^L||20240309", ROL.format(role="AP"), "PR1|2||2^B^L||20240309")
    first, second = resources(conversion, "Procedure")
    role = only(conversion, "PractitionerRole")
    assert first["performer"][0]["actor"]["reference"].endswith(role["id"])
    assert "performer" not in second


def test_a_primary_care_provider_is_the_general_practitioner():
    """Guide ADT_A01 23, ROL[Patient-GeneralPractitioner] 3 to 19."""
    conversion = admitted(PID, ROL.format(role="PP^Primary^HL70443"), PV1)
    role, doctor = only(conversion, "PractitionerRole"), only(conversion, "Practitioner")
    assert any(one["reference"].endswith(role["id"]) for one in only(conversion, "Patient")["generalPractitioner"])
    assert role["period"] == {"start": "2024-01-01", "end": "2024-12-31"}
    assert role["identifier"][0]["value"] == "R1"
    assert role["specialty"][0]["coding"][0]["code"] == "207Q"
    assert "5550155" in role["telecom"][0]["value"]
    assert doctor["address"][0]["city"] == "Townsville"
    clinic = next(one for one in resources(conversion, "Organization") if one.get("name") == "Town Clinic")
    assert clinic["type"][0]["coding"][0]["code"] == "1"
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_any_other_role_of_a_person_is_in_the_care_team():
    """Guide ADT_A01 24, ROL[CareTeam] 5 to 20: two roles, one team."""
    conversion = admitted(PID, ROL.format(role="CP^^HL70443"), "ROL|R2^EHR|AD|FHCP^^HL70443|5002^Cut^Cora", PV1)
    team = only(conversion, "CareTeam")
    assert team["subject"]["reference"].endswith(only(conversion, "Patient")["id"])
    assert [one["role"][0]["coding"][0]["code"] for one in team["participant"]] == ["CON", "FHCP"]
    assert "onBehalfOf" in team["participant"][0]
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_a_role_after_the_visit_takes_part_in_the_visit():
    """Guide ADT_A01 40, ROL[Encounter-PractitionerRole]: AT is ATND."""
    conversion = admitted(PID, PV1, ROL.format(role="AT^^HL70443"))
    taking = only(conversion, "Encounter")["participant"][-1]
    assert taking["type"][0]["coding"][0]["code"] == "ATND"
    assert taking["individual"]["reference"].endswith(only(conversion, "PractitionerRole")["id"])
    assert taking["period"]["start"] == "2024-01-01"


def test_a_role_that_ends_or_has_no_place_is_a_finding():
    """Nothing is carried to the wrong place, and nothing goes in silence."""
    left = admitted(PID, PV1, "ROL|R1|DE|AT^^HL70443|4777^Attend^Ada")
    assert "role_left" in codes(left)
    lost = admitted(PID, PV1, "IN1|1|GOLD|PAY1", "ROL|R1|AD|AT^^HL70443|4777^Attend^Ada")
    assert "role_without_place" in codes(lost)
    assert len(only(lost, "Encounter")["participant"]) == 1


def test_a_participation_below_a_result_is_its_performer_its_device_and_its_place():
    """Guide ORU_R01 67 to 69, PRT[Device] 14 to 26, PRT[Observation-Location] 12, 13."""
    prt = "PRT|1|AD||RO^Observer^HL70912|4777^Attend^Ada||||LAB^2|DEV1^LAB||||||UDI-1|20230101|20330101|LOT1|SER1"
    conversion = resulted(OBR, "OBX|1|NM|2951-2^Sodium^LN||140|mmol/L|||||F", prt)
    result = only(conversion, "Observation")
    device = next(one for one in resources(conversion, "Device") if "lotNumber" in one)
    assert result["performer"][0]["reference"].endswith(only(conversion, "PractitionerRole")["id"])
    assert result["device"]["reference"].endswith(device["id"])
    assert result["extension"][0]["url"] == "http://hl7.org/fhir/StructureDefinition/event-location"
    assert device["udiCarrier"] == [{"deviceIdentifier": "UDI-1"}]
    assert (device["lotNumber"], device["serialNumber"]) == ("LOT1", "SER1")
    assert validate_bundle(conversion.bundle, is_closed=True) == []


@pytest.mark.parametrize(
    ("code", "element"), [("PRI", "resultsInterpreter"), ("TN", "performer"), ("ARI", "performer")]
)
def test_a_participation_in_an_order_goes_by_its_role(code: str, element: str):
    """Guide ORU_R01 53 to 56."""
    conversion = resulted(OBR, f"PRT|1|AD||{code}^^HL70443|4777^Attend^Ada")
    role = only(conversion, "PractitionerRole")
    assert only(conversion, "DiagnosticReport")[element][0]["reference"].endswith(role["id"])


def test_who_only_gets_a_copy_is_no_performer():
    """RCT has no row in the guide: a finding, and no Practitioner that nothing refers to."""
    conversion = resulted(OBR, "PRT|1|AD||RCT^^HL70912|4777^Attend^Ada")
    assert "role_without_place" in codes(conversion)
    assert resources(conversion, "Practitioner") == []


def test_the_preferred_way_to_reach_someone_is_marked():
    """Guide PRT[PractitionerRole] 18 to 24, 32 to 43."""
    prt = "PRT|1|AD||OP^^HL70443|4777^Attend^Ada" + "|" * 10 + "^^PH^^1^555^5550144~^^FX^^1^555^5550145" + "|" * 8 + "F"
    role = only(resulted("ORC|RE|P100^EHR|F100^LAB", OBR, prt), "PractitionerRole")
    marked = ["extension" in one and one["extension"][-1]["url"].endswith("preferred") for one in role["telecom"]]
    assert marked == [False, True]


def test_a_charge_is_a_charge_item_with_its_price_people_and_procedure():
    """Decision 0007: FT1 CG."""
    conversion = converted(MSH_DFT, PID, PV1, FT1)
    charge = only(conversion, "ChargeItem")
    assert charge["status"] == "billable"
    assert charge["occurrenceDateTime"] == "2024-03-09"
    assert charge["quantity"] == {"value": 2}
    assert charge["priceOverride"] == {"value": 500, "currency": "USD"}
    assert charge["reason"][0]["coding"][0]["code"] == "K35.80"
    assert len(charge["performer"]) == 2
    assert charge["supportingInformation"][0]["identifier"]["value"] == "F100"
    assert charge["service"][0]["reference"].endswith(only(conversion, "Procedure")["id"])
    assert only(conversion, "Procedure")["code"]["coding"][0]["code"] == "44950:22"
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_the_procedure_below_a_charge_is_its_service():
    """DFT_P03 FINANCIAL: PR1 belongs to the FT1 before it and says more than FT1-25."""
    conversion = converted(MSH_DFT, PID, PV1, FT1, "PR1|1||44950^Appendectomy^C4||20240309")
    assert only(conversion, "ChargeItem")["service"] == [
        {"reference": "urn:uuid:" + only(conversion, "Procedure")["id"]}
    ]


def test_a_payment_is_no_charge():
    """FT1-6 PY: a ChargeItem would bill it; it is a finding."""
    conversion = converted(MSH_DFT, PID, PV1, "FT1|1|TX-2||20240309||PY|CASH|||1|50&USD")
    assert resources(conversion, "ChargeItem") == []
    assert "transaction_no_charge" in codes(conversion)


def test_two_equal_charges_without_a_number_are_two_charges():
    """Money is never merged because it looks alike."""
    same = "FT1|{}|||20240309||CG|ASP^Aspirin^L|||1"
    assert len(resources(converted(MSH_DFT, PID, PV1, same.format(1), same.format(2)), "ChargeItem")) == 2


def test_segments_without_a_resource_become_observations():
    """Decision 0007: ACC with its place, DRG, DB1, PDA with its two acts."""
    conversion = admitted(
        PID,
        PV1,
        "DB1|1|PT|D-1^^^BOARD|Y|20240101|20240301|20240302",
        "DRG|470^Major joint^MSDRG|20240310||||3",
        "ACC|20240308|AA^Auto^HL70050|Route 50||Y|N|1234^Klerk^Kim|Hit a tree||Y|1 Road^^Townsville||AX-1",
        "PDA|I21^Infarction^I10|W2^204|Y|20240310|4777^Attend^Ada|Y|20240311^20240312|5003^Help^Hal|N",
    )
    disability, group, crash, death = resources(conversion, "Observation")
    assert disability["effectivePeriod"] == {"start": "2024-01-01", "end": "2024-03-01"}
    assert {"system": "urn:id:BOARD", "value": "D-1"}.items() <= only(conversion, "Patient")["identifier"][-1].items()
    assert group["valueCodeableConcept"]["coding"][0]["code"] == "470"
    assert group["component"][0]["valueQuantity"] == {"value": 3}
    assert (crash["valueString"], crash["effectiveDateTime"]) == ("Hit a tree", "2024-03-08")
    said = {one["code"]["text"]: one["valueBoolean"] for one in crash["component"] if "valueBoolean" in one}
    assert said == {"Accident job related": True, "Accident death": False, "Police notified": True}
    assert death["valueCodeableConcept"]["coding"][0]["code"] == "I21"
    acts = resources(conversion, "Procedure")
    assert [one["code"]["coding"][0]["code"] for one in acts] == ["308646001", "29240004"]
    assert acts[1]["performedPeriod"] == {"start": "2024-03-11", "end": "2024-03-12"}
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_a_disability_of_somebody_else_is_not_the_patients():
    """DB1-2 GT: the guarantor's."""
    conversion = admitted(PID, PV1, "DB1|1|GT|D-1|Y|20240101")
    assert resources(conversion, "Observation") == []
    assert "person_other" in codes(conversion)


def test_a_restriction_of_access_is_a_consent_that_denies():
    """Decision 0007: about the person after PID, about the visit after PV1; taken back by ARV-2 D."""
    conversion = admitted(PID, "ARV|1|A|DEM|PAT|Ask first|20240101^20241231", PV1, "ARV|2|D|LOC|PHY")
    person, visit = resources(conversion, "Consent")
    assert person["provision"]["type"] == "deny"
    assert person["provision"]["securityLabel"][0]["code"] == "DEM"
    assert person["policyRule"]["text"] == "Ask first"
    assert visit["provision"]["data"][0]["reference"]["reference"].endswith(only(conversion, "Encounter")["id"])
    assert visit["status"] == "inactive"
    assert notes(conversion, visit).action is Action.DELETE
    assert validate_bundle(conversion.bundle, is_closed=True) == []


EVENTS = [f"A{n:02d}" for n in (*range(1, 19), *range(21, 33), *range(34, 56), 60, 61, 62)]


@pytest.mark.parametrize("event", EVENTS)
def test_every_adt_event_says_what_its_segments_say(event: str):
    """ADT A01 to A62: no event loses a segment, none makes an invalid bundle."""
    conversion = admitted(
        PID,
        "MRG|100002^^^GENHOSP^MR",
        PV1,
        "DG1|1||I10^H^I10C",
        PR1,
        "GT1|1||Sample^John",
        "IN1|1|GOLD|PAY1",
        event=event,
    )
    kinds = {entry["resource"]["resourceType"] for entry in conversion.bundle["entry"]}
    assert {"Patient", "Encounter", "Condition", "Procedure", "Account", "Coverage"} <= kinds
    assert "segment_unmapped" not in codes(conversion)
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_prior_places_are_a_history_of_the_visit():
    """Guide PV1[Basic-EncounterHistory] 3, 4, 51, 52."""
    history = only(admitted(PID, "PV1|1|I|W2^204" + "|" * 40 + "W1^101"), "Basic")
    assert history["code"]["coding"][0]["code"] == "EncounterHistory"
    place = history["extension"][1]["extension"][0]
    assert place["url"] == "location"


def test_a_diagnosis_joins_the_episode_of_care():
    """Guide DG1[EpisodeOfCare] 5, 8, 17."""
    conversion = admitted(PID, "PV1|1|I|W2" + "|" * 51 + "E-1", "DG1|1||I10^H^I10C|||A|||||||||2")
    (diagnosis,) = only(conversion, "EpisodeOfCare")["diagnosis"]
    assert diagnosis["condition"]["reference"].endswith(only(conversion, "Condition")["id"])
    assert (diagnosis["role"]["coding"][0]["code"], diagnosis["rank"]) == ("AD", 2)


def test_the_software_of_the_sender_is_a_device_in_the_provenance():
    """Guide SFT[Device] 4 to 10, ADT_A01 9; EVN[Provenance] 12."""
    conversion = converted(
        MSH_ADT.format(event="A01"),
        "SFT|Vendor|4.2|Chart|B7|Nightly build",
        "EVN|A01|20240310080000-0500|||||North",
        PID,
    )
    device = next(one for one in resources(conversion, "Device") if "manufacturer" in one)
    assert (device["manufacturer"], device["modelNumber"]) == ("Vendor", "B7")
    assert device["deviceName"] == [{"name": "Chart", "type": "manufacturer-name"}]
    message, event = resources(conversion, "Provenance")
    assert message["entity"][0]["what"]["reference"].endswith(device["id"])
    assert event["location"]["reference"].endswith(only(conversion, "Location")["id"])


def test_who_is_to_be_contacted_is_a_contact_of_the_patient_too():
    """Guide ADT_A01 28 to 30: NK1-7 names a contact role; a relation alone stays a RelatedPerson."""
    both = admitted(PID, "NK1|1|Sample^John|SPO||||C")
    assert only(both, "Patient")["contact"][0]["name"]["family"] == "Sample"
    assert only(both, "RelatedPerson")["name"][0]["family"] == "Sample"
    assert "contact" not in only(admitted(PID, "NK1|1|Sample^John|SPO"), "Patient")


def test_the_office_of_an_employer_is_reached_through_its_contact():
    """Guide NK1[Patient] 33 to 35."""
    nk1 = "NK1|1||EMR" + "|" * 10 + "Makers Inc" + "|" * 17 + "Desk^Dora|^WPN^PH^^1^555^5550133"
    conversion = admitted(PID, nk1)
    makers = next(one for one in resources(conversion, "Organization") if one.get("name") == "Makers Inc")
    assert makers["contact"][0]["name"]["family"] == "Desk"
