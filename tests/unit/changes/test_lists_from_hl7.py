"""Lists that several fields feed: an HL7 null in one ends what that one says, and nothing else."""

from __future__ import annotations

import pytest

from shared.changes.notes import ListMode
from tests.unit.changes.feed import PID, Feed, visit

STAFF = ["MFI|STF^Staff^HL70175||UPD|||NE", "MFE|MUP|||ST1^Care^A|CWE"]


def reached(feed: Feed, kind: str) -> list[str]:
    return [one["value"] for one in feed.only(kind).get("telecom", ())]


def staff(**said: str) -> list[str]:
    fields = {1: "ST1^Care^A", 3: "Care^Ada"} | {int(name[1:]): value for name, value in said.items()}
    return [*STAFF, "STF|" + "|".join(fields.get(number, "") for number in range(1, max(fields) + 1))]


@pytest.mark.parametrize("field", ["f10", "f15"])
def test_a_null_in_a_practitioners_telephone_or_e_mail_ends_not_the_other(field: str) -> None:
    """STF-10 and STF-15 are one list in FHIR: who has moved to another ward's telephone still reads mail."""
    feed = Feed()
    feed.tell("MFN^M02", *staff(f10="^PRN^PH^^^555^1234", f15="ada@example.org"))
    before = reached(feed, "Practitioner")
    assert len(before) == 2
    feed.tell("MFN^M02", *staff(**{field: '""'}))
    assert set(reached(feed, "Practitioner")) >= {before[0] if field == "f15" else before[1]}


@pytest.mark.parametrize(("fields", "kept"), [('""|', ["5552"]), ('|""', ["5551"])])
def test_a_relatives_telephone_at_home_and_at_work_end_each_for_itself(fields: str, kept: list[str]) -> None:
    """NK1-5 is the one, NK1-6 the other: who is to be called at night must stay."""
    feed = Feed()
    nk1 = "NK1|1|Sample^Ida|MTH||{}"
    person = f"{PID}\rPV1|1|N"
    feed.tell("ADT^A08", person, nk1.format("5551|5552"))
    feed.tell("ADT^A08", person, nk1.format(fields))
    assert reached(feed, "RelatedPerson") == kept


def test_a_null_of_a_sub_id_ends_no_other_extension() -> None:
    """OBX-4 is one extension of an observation among several: OBX-19 says when it was analysed."""
    feed = Feed()
    obx = "OBX|1|NM|GLU^Glucose^L|{}|5|mmol/L|||||F|||{}"
    result = [PID, "OBR|1|P1^EHR|F1^LAB|GLU^Glucose^L|||202603011100|||||||||||||||||F"]
    feed.tell("ORU^R01", *result, obx.format('""', "202603011100|||||20260301"))
    assert feed.only("Observation")["extension"]
    feed.tell("ORU^R01", *result, obx.format('""', "202603011100"))
    assert feed.only("Observation")["extension"]


def result(**obx: str) -> list[str]:
    """Return the lines of a result; ``obx`` are fields of its OBX by number."""
    said = {2: "NM", 3: "GLU^Glucose^L", 5: "5", 11: "F"} | {int(name[1:]): value for name, value in obx.items()}
    fields = "|".join(said.get(number, "") for number in range(2, max(said) + 1))
    return [PID, "OBR|1|P1^EHR|F1^LAB|GLU^Glucose^L|||202603011100|||||||||||||||||F", f"OBX|1|{fields}"]


def referred(feed: Feed, kind: str, element: str) -> list[str]:
    """Return what kinds of resources an element refers to."""
    return sorted(one["reference"].partition("/")[0] for one in feed.only(kind).get(element, ()))


LABORATORY, OBSERVER = {"f15": "LAB^Main laboratory^L"}, {"f16": "77^Looker^Lo"}


@pytest.mark.parametrize("laboratory", [{}, {"f15": '""'}])
def test_who_looked_at_a_result_is_known_without_its_laboratory(laboratory: dict[str, str]) -> None:
    """OBX-15 and OBX-16 are one list in FHIR; a correction that names the observer alone leaves the laboratory."""
    feed = Feed()
    feed.tell("ORU^R01", *result(**LABORATORY, **OBSERVER))
    feed.tell("ORU^R01", *result(**OBSERVER, **laboratory))
    expected = ["PractitionerRole"] if laboratory else ["Organization", "PractitionerRole"]
    assert referred(feed, "Observation", "performer") == expected


def test_another_laboratory_takes_the_place_of_the_first() -> None:
    """A corrected result was made by whom the correction names."""
    feed = Feed()
    feed.tell("ORU^R01", *result(**LABORATORY, **OBSERVER))
    feed.tell("ORU^R01", *result(f15="REF^Reference laboratory^L"))
    assert referred(feed, "Observation", "performer") == ["Organization", "PractitionerRole"]
    names = [one["name"] for one in feed.all("Organization") if "name" in one]
    assert {"Main laboratory", "Reference laboratory"} <= set(names)


@pytest.mark.parametrize(
    ("fields", "kept"), [("|9^Family^Fa", ["Organization", "Practitioner"]), ('""|', ["Practitioner"])]
)
def test_a_practice_and_a_family_doctor_end_each_for_itself(fields: str, kept: list[str]) -> None:
    """PD1-3 names the practice, PD1-4 the person: letters go to whoever is left."""
    feed = Feed()
    feed.tell("ADT^A08", PID, "PD1|||Hill Practice^^99|9^Family^Fa", "PV1|1|N")
    feed.tell("ADT^A08", PID, f"PD1|||{fields}", "PV1|1|N")
    assert referred(feed, "Patient", "generalPractitioner") == kept


@pytest.mark.parametrize(("number", "left"), [(34, "TRANS"), (35, "SPRF")])
def test_the_technician_and_the_typist_of_a_report_end_each_for_itself(number: int, left: str) -> None:
    """OBR-34 and OBR-35 differ in the function alone."""
    feed = Feed()
    said = {25: "F", 34: "3&Hand&Ha", 35: "4&Type&Ty"}
    obr = "OBR|1|P1^EHR|F1^LAB|GLU^Glucose^L|" + "|".join(said.get(at, "") for at in range(5, 36))
    feed.tell("ORU^R01", PID, obr)
    assert len(feed.only("DiagnosticReport")["performer"]) == 2
    feed.tell("ORU^R01", PID, obr.replace(said[number], '""'))
    (one,) = feed.only("DiagnosticReport")["performer"]
    assert one["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == left


def test_who_is_no_longer_called_in_an_emergency_is_still_the_mother() -> None:
    """NK1-7 and NK1-3 are one list: the contact role stays until it is ended, and ends alone."""
    feed, codes = Feed(), []
    for role in ("C", "", '""'):
        feed.tell("ADT^A08", f"{PID}\rPV1|1|N", f"NK1|1|Sample^Ida|MTH|||| {role}".replace(" ", ""))
        said = feed.only("RelatedPerson")["relationship"]
        codes.append([one["coding"][0]["code"] for one in said])
    assert codes == [["MTH", "C"], ["MTH", "C"], ["MTH"]]


def test_an_address_of_a_relative_ends_and_that_of_a_contact_person_ends_nothing() -> None:
    """NK1-4 owns the list that NK1-32 adds to: nothing tells their addresses apart once they are stored."""
    feed = Feed()
    nk1 = "NK1|1|Sample^Ida|MTH|{}" + "|" * 28 + "{}"
    person = f"{PID}\rPV1|1|N"
    feed.tell("ADT^A08", person, nk1.format("1 Low Road^^Town", ""))
    feed.tell("ADT^A08", person, nk1.format("", '""'))
    assert feed.only("RelatedPerson")["address"]
    feed.tell("ADT^A08", person, nk1.format('""', ""))
    assert "address" not in feed.only("RelatedPerson")


def test_a_county_alone_takes_the_place_of_no_street() -> None:
    """PID-12 of old stands beside PID-11: a message with the county alone once left nothing else of the address."""
    feed = Feed()
    feed.tell("ADT^A08", f"{PID}|||1 High Street^^Town||", "PV1|1|N")
    feed.tell("ADT^A08", f"{PID}||||Shire", "PV1|1|N")
    assert feed.only("Patient")["address"][0]["line"] == ["1 High Street"]


@pytest.mark.parametrize(
    ("fields", "kept"), [('""|F9^LAB', ["FILL"]), ('P9^EHR|""', ["PLAC"]), ("P9^EHR|", ["PLAC", "FILL"])]
)
def test_the_order_numbers_of_an_appointment_end_each_for_itself(fields: str, kept: list[str]) -> None:
    """SCH-26 and SCH-27 number one order for two systems."""
    feed = Feed()
    sch = "SCH|1^EHR|2^LAB" + "|" * 24 + "{}"
    feed.tell("SIU^S12", sch.format("P9^EHR|F9^LAB"), PID)
    feed.tell("SIU^S14", sch.format(fields), PID)
    found = [one["identifier"]["type"]["coding"][0]["code"] for one in feed.only("Appointment")["basedOn"]]
    assert found == kept


@pytest.mark.parametrize(
    ("field", "kept"),
    [(3, ["0284"]), (5, ["0281"]), (10, ["0281", "0284"])],
)
def test_kind_category_and_reason_of_a_referral_end_each_for_itself(field: int, kept: list[str]) -> None:
    """RF1-3 and RF1-5 are categories, RF1-10 and RF1-14 reasons; each has a table of its own."""
    said = {1: "A", 3: "MED^^HL70281", 5: "A^^HL70284", 6: "R1^EHR", 10: "S^^HL70336", 14: "see letter"}
    lines = ["RF1|" + "|".join(one.get(at, "") for at in range(1, 15)) for one in (said, said | {field: '""'})]
    feed = Feed()
    for line in lines:
        feed.tell("REF^I12", line, "PRD|RP|Refer^Re", PID)
    order = feed.only("ServiceRequest")
    assert [one["coding"][0]["system"][-4:] for one in order["category"]] == kept
    assert [one.get("text", "") for one in order["reasonCode"]][-1:] == ["see letter"]


def test_a_null_in_one_resource_of_an_appointment_leaves_the_others() -> None:
    """AIP-3 does not say whose place is empty now."""
    feed = Feed()
    feed.tell("SIU^S12", "SCH|1^EHR|2^LAB", PID, "AIP|1||5^Sees^See")
    feed.tell("SIU^S14", "SCH|1^EHR|2^LAB", 'AIP|1||""')
    assert len(feed.only("Appointment")["participant"]) == 2


def test_who_is_taken_off_an_appointment_has_declined_and_takes_part_once() -> None:
    """A sender that tells only what changes (``repeats = "action"``) names one of several by AIP-2 D."""
    feed = Feed(repeats=ListMode.ACTION)
    sch = "SCH|1^EHR|2^LAB"
    feed.tell("SIU^S12", sch, PID, "AIP|1|A|5^Sees^See", "AIP|2|A|6^Helps^Hel")
    feed.tell("SIU^S20", sch, PID, "AIP|1|D|6^Helps^Hel")
    assert [one["status"] for one in feed.only("Appointment")["participant"]] == ["accepted", "accepted", "declined"]


def test_what_a_null_ends_of_an_allergy_is_its_reaction() -> None:
    """A reaction of which the severity alone is left is none: R4 wants what was seen."""
    feed = Feed()
    person = f"{PID}\rPV1|1|N"
    feed.tell("ADT^A08", person, "AL1|1|DA|PEN^Penicillin^L|SV|Rash")
    feed.tell("ADT^A08", person, 'AL1|1|DA|PEN^Penicillin^L|SV|""')
    assert "reaction" not in feed.only("AllergyIntolerance")


@pytest.mark.parametrize(
    ("event", "lines", "kind", "element"),
    [
        ("ADT^A08", [visit(f2="{}")], "Encounter", "class"),
        ("VXU^V04", ["ORC|RE||I1^LAB", "RXA|0|1|20260301|20260301|{}|0.5|mL"], "Immunization", "vaccineCode"),
        ("VXU^V04", ["ORC|RE||I1^LAB", "RXA|0|1|{}|20260301|08^HepB^CVX|0.5|mL"], "Immunization", "occurrenceDateTime"),
    ],
)
def test_what_r4_requires_outlasts_a_null(event: str, lines: list[str], kind: str, element: str) -> None:
    """Without its class no FHIR server takes the visit: the delivery would fail for good."""
    values = {"class": "I", "vaccineCode": "08^HepB^CVX", "occurrenceDateTime": "20260301"}
    feed = Feed()
    feed.tell(event, PID, *(line.format(values[element]) for line in lines))
    feed.tell(event, PID, *(line.format('""') for line in lines))
    assert element in feed.only(kind)


def test_a_birth_date_with_its_time_can_be_deleted() -> None:
    """PID-7 says two elements, one of them an extension of the other; the path of that part stopped the store."""
    feed = Feed()
    feed.tell("ADT^A28", PID.replace("19800101", "198001011530"))
    assert feed.only("Patient")["_birthDate"]
    feed.tell("ADT^A31", PID.replace("19800101", '""'))
    assert {"birthDate", "_birthDate"}.isdisjoint(feed.only("Patient"))


def test_a_result_without_its_value_can_be_stored() -> None:
    """OBX-5 may be any type of value[x]; its null once stopped the store."""
    feed = Feed()
    feed.tell("ORU^R01", *result())
    feed.tell("ORU^R01", *result(f5='""', f11="C"))
    assert "valueQuantity" not in feed.only("Observation")


def test_a_confidentiality_can_be_ended() -> None:
    """ORC-28 is in the order's ``meta``, which the hub keeps notes in."""
    feed = Feed()
    orc = "ORC|NW|P1^EHR|F1^LAB" + "|" * 25 + "{}"
    for said, count in (("R", 1), ("", 1), ('""', 0)):
        feed.tell("OML^O21", PID, orc.format(said), "OBR|1|||GLU^Glucose^L")
        (stored,) = [one for name, one in feed.store.content().items() if name.startswith("ServiceRequest/")]
        assert len(stored["meta"].get("security", ())) == count


def test_a_null_in_the_birth_order_leaves_that_it_was_a_multiple_birth() -> None:
    """PID-24 counts where PID-25 is not valued (guide PID[Patient] 40): a null is no value."""
    feed = Feed()
    said = PID + "|" * 16 + "Y|{}"
    feed.tell("ADT^A28", said.format("2"))
    assert feed.only("Patient")["multipleBirthInteger"] == 2
    feed.tell("ADT^A31", said.format('""'))
    assert feed.only("Patient")["multipleBirthBoolean"] is True


@pytest.mark.parametrize(
    ("first", "second", "value", "count"),
    [("4~5", "4", 4, 0), ("4~5", '""', None, 0), ("4", "4~5", None, 2), ("4~5", "6~7", None, 2)],
)
def test_a_corrected_result_has_one_value_or_several_and_never_both(
    first: str, second: str, value: int | None, count: int
) -> None:
    """R4 obs-7: what was wrong would stand beside what is right, and no FHIR server take it."""
    feed = Feed()
    feed.tell("ORU^R01", *result(f5=first))
    feed.tell("ORU^R01", *result(f5=second, f11="C"))
    said = feed.only("Observation")
    assert said.get("valueQuantity", {}).get("value") == value
    assert len(said.get("component", ())) == count


@pytest.mark.parametrize(("event", "status"), [("S14", "booked"), ("S15", "cancelled")])
def test_an_appointment_keeps_its_time_when_sch_11_is_null(event: str, status: str) -> None:
    """R4 app-2, app-3: what is booked has a beginning and an end; one of them alone is neither."""
    feed = Feed()
    sch = "SCH|1^EHR|2^LAB|||||||||{}" + "|" * 14 + "{}"
    feed.tell("SIU^S12", sch.format("^^^202603021000^202603021030", "Booked"), PID)
    feed.tell(f"SIU^{event}", sch.format('""', status.capitalize()), PID)
    said = feed.only("Appointment")
    assert (said["status"], "start" in said, "end" in said) == (status, True, True)
