"""MFN M02 and M05: staff and places, and what the action of a record makes of them."""

from __future__ import annotations

import pytest

from shared.changes.notes import Action
from shared.fhir.validate import validate_bundle
from shared.mapping import ClaimDefaults, Conversion
from tests.unit.mapping.samples import PID, admitted, converted, notes, only, resources

HERE = ClaimDefaults(assigner="GENHOSP")
MSH = "MSH|^~\\&|HR|GENHOSP|HUB|HUB|20240310080000-0500||MFN^{event}|M10|P|2.5.1"
STAFF = (
    "STF|4777|4777^^^GENHOSP^EI~99^^^NPI^NPI|Attend^Ada^^^Dr|MD^Physician^HL70182|F|19700101|A|CARD^Cardiology^L|"
    "CAR^Cardiac^HL70069|^WPN^PH^^1^555^5550100|1 Main^^Town^ST^1^US^O|20010101^X|20301231^X||ada@example.org|||Senior",
    "PRA|4777|G1^Heart Group^L|CS^Specialist^L||Cardiology^Board of Cardiology^C^20050101|1112^DEA|||H1^Hospital|",
)
MORE = (
    "ORG|1|U1^Ward^L|D^Dept^HL70406||555^^^GENHOSP^XX|PH^Physician^L|||20200101^20250101",
    "AFF|1|Heart Society^^^^^^XX^^^HS|2 Main^^Town|20100101^20200101",
    "LAN|1|es^Spanish^ISO639-1",
    "EDU|1|MD^Doctor^HL70360|19900101^19960101|||Uni^^^^^^XX^^^U1||3 Main^^Town",
    "CER|1|LIC9||State Board^^^^^^XX^^^SB||||||MEDLIC^License^L" + "|" * 13 + "20000101||||20301231",
)
PLACE = (
    "LOC|W2^204^1^GENHOSP|Single room|R^Room^L|GENHOSP^^^^^^XX^^^G1|1 Main^^Town|^WPN^PH^^1^555^5550101|L1^License^L",
    "LRL||A||PAR^Parent||W2^^^GENHOSP",
    "LRL||A||ALI^Alias||Blue room",
    "LDP||CARD^Cardiology^L|CAR|HEART^Heart^L||A||||MON^WED^0900^1700|^WPN^PH^^1^555^5550102",
    "LCH||||SMK^Smoking^HL70324|Y",
    "LCC|||PRI^Private",
)


def filed(event: str, action: str, *lines: str) -> Conversion:
    """Return the conversion of one record of a master file, in an interface with an assigner; it is always valid."""
    entry = f"MFE|{action}|1||4777^Attend|CE|20240301080000-0500|1234^Klerk^Kim"
    conversion = converted(MSH.format(event=event), "MFI|X^X^HL70175||UPD|||AL", entry, *lines, identity=HERE)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def member(conversion: Conversion) -> dict:
    """Return the Practitioner of the record, not the one who entered it."""
    return next(one for one in resources(conversion, "Practitioner") if "birthDate" in one)


def test_a_member_of_staff_has_numbers_names_ways_and_qualifications():
    """Decision 0035: STF, PRA-5, EDU, CER, LAN."""
    found = member(filed("M02", "MUP", *STAFF, *MORE))
    assert [one["value"] for one in found["identifier"]] == ["4777", "99"]
    assert (found["gender"], found["active"]) == ("female", True)
    assert [one["value"] for one in found["telecom"]] == ["+1 555 5550100", "ada@example.org"]
    assert [one["code"].get("text", "coded") for one in found["qualification"]] == ["Cardiology", "coded", "coded"]
    assert found["qualification"][1]["period"] == {"start": "1990-01-01", "end": "1996-01-01"}
    assert found["qualification"][2]["period"] == {"start": "2000-01-01", "end": "2030-12-31"}
    assert found["communication"][0]["coding"][0]["code"] == "es"


def test_places_and_departments_have_characteristics():
    """Decision 0145: LCH of a place is what R5 calls so; below an LDP, and LCC-3, they are the department's."""
    place, smoking, department = PLACE[0], PLACE[4], PLACE[3]
    conversion = filed("M05", "MAD", place, smoking, "LCH||||GEN^Gender|F", department, smoking, PLACE[5])
    characteristics = [
        one["valueCodeableConcept"]
        for located in resources(conversion, "Location")
        for one in located.get("extension", ())
    ]
    assert [one["coding"][0]["code"] for one in characteristics] == ["SMK", "GEN"]
    assert characteristics[1]["text"] == "Gender: F"
    offered = only(conversion, "HealthcareService")["characteristic"]
    assert [one["coding"][0]["code"] for one in offered] == ["SMK", "PRI"]


def test_a_characteristic_that_a_place_has_not_is_left_out():
    """LCH-5 N."""
    conversion = filed("M05", "MAD", PLACE[0], "LCH||||SMK^Smoking|N")
    assert all("extension" not in one for one in resources(conversion, "Location"))


def test_the_number_of_a_member_of_staff_was_a_code_until_2_3():
    """STF-2 is a CE in 2.2 and 2.3: its second component is a name, and no check digit."""
    header = "MSH|^~\\&|HR|GENHOSP|HUB|HUB|20240310080000-0500||MFN^M02|M1|P|2.3"
    entry = "MFE|MAD|M1|20240310|4777^Attend^L"
    conversion = converted(header, entry, "STF|4777|4777^Attend^L|Attend^Ada|||19700101")
    assert member(conversion)["identifier"] == [{"system": "urn:id:L", "value": "4777"}]


def test_a_position_and_each_unit_are_roles():
    """Decision 0035: STF-4, 8, 9, 12, 13, 18; PRA-2 to 10; ORG and AFF."""
    position, unit, society = resources(filed("M02", "MAD", *STAFF, *MORE), "PractitionerRole")
    assert [one.get("text") or one["coding"][0]["code"] for one in position["code"]] == ["MD", "Senior", "CS"]
    assert position["period"] == {"start": "2001-01-01", "end": "2030-12-31"}
    assert position["specialty"][1] == {"text": "Cardiology"}
    assert unit["period"] == {"start": "2020-01-01", "end": "2025-01-01"}
    assert society["period"] == {"start": "2010-01-01", "end": "2020-01-01"}


def test_a_member_of_staff_is_whom_a_visit_names():
    """An XCN with the same number and assigner leads to the record of the master file."""
    visit = admitted(PID, "PV1|1|I|W2||||4777^Attend^Ada^^^^^^GENHOSP")
    attending = next(one for one in resources(visit, "Practitioner") if one["name"][0]["family"] == "Attend")
    assert attending["id"] == member(filed("M02", "MAD", *STAFF))["id"]


@pytest.mark.parametrize(("action", "active"), [("MDC", False), ("MAC", True), ("MDL", False), ("MUP", True)])
def test_the_action_of_a_record_says_whether_somebody_is_active(action, active):
    """HL7 table 0180: deactivate, reactivate, delete; an update says what STF-7 says."""
    conversion = filed("M02", action, *STAFF)
    found = member(conversion)
    assert found["active"] is active
    is_deleted = any(
        one.full_url.endswith(found["id"]) and one.action is Action.DELETE for one in conversion.changes.resources
    )
    assert is_deleted is (action == "MDL")


def test_master_files_own_their_people_and_places():
    """Another message may only create them; a master file must be able to change them."""
    conversion = filed("M02", "MUP", *STAFF)
    devices = {"urn:uuid:" + one["id"] for one in resources(conversion, "Device")}
    assert [one for one in conversion.changes.resources if one.provisional and one.full_url not in devices] == []


def test_a_place_has_description_owner_part_and_alias():
    """Decision 0035: LOC, LRL; the Location is the one a PL leads to."""
    conversion = filed("M05", "MAD", *PLACE)
    bed = next(one for one in resources(conversion, "Location") if "description" in one)
    ward = next(one for one in resources(conversion, "Location") if one["name"] == "W2")
    assert (bed["description"], bed["alias"], bed["address"]["city"]) == ("Single room", ["Blue room"], "Town")
    assert bed["identifier"][-1]["value"] == "L1"
    assert bed["partOf"]["reference"].endswith(ward["id"])
    visit = admitted(PID, "PV1|1|I|W2^204^1^GENHOSP|||||||||||||||V1", identity=HERE)
    assert bed["id"] in {one["id"] for one in resources(visit, "Location")}


def test_a_department_is_a_service_at_the_place_with_its_hours():
    """Decision 0035: LDP; days by HL7 table 0267."""
    found = only(filed("M05", "MAD", *PLACE), "HealthcareService")
    assert (found["name"], found["active"]) == ("Cardiology", True)
    assert found["availableTime"] == [
        {"daysOfWeek": ["mon", "tue", "wed"], "availableStartTime": "09:00:00", "availableEndTime": "17:00:00"}
    ]


@pytest.mark.parametrize(("action", "status"), [("MDC", "inactive"), ("MAC", "active"), ("MDL", "inactive")])
def test_the_action_of_a_record_says_whether_a_place_is_used(action, status):
    """HL7 table 0180."""
    conversion = filed("M05", action, *PLACE)
    bed = next(one for one in resources(conversion, "Location") if "description" in one)
    assert bed["status"] == status
    if action == "MDL":
        assert notes(conversion, bed).action is Action.DELETE


def test_who_entered_a_record_and_when_is_a_provenance():
    """MFE-6 and 7."""
    conversion = filed("M02", "MAD", *STAFF)
    found = [
        one
        for one in resources(conversion, "Provenance")
        if one["target"][0]["reference"].endswith(member(conversion)["id"])
    ]
    assert [one["recorded"] for one in found] == ["2024-03-01T08:00:00-05:00"]
