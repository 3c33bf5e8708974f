"""VXU: RXA, ORC, RXR and the OBX of a vaccine."""

from __future__ import annotations

from typing import Any

import pytest

from shared.changes.notes import ListMode
from shared.fhir.validate import validate_bundle
from shared.mapping import Conversion
from shared.mapping.report import Outcome, mapping_report
from tests.unit.mapping.medication_samples import FACTS, FORECAST, MSH, ORC_VACCINE, RXA, RXR_VACCINE
from tests.unit.mapping.samples import PID, PV1, codes, context, converted, message, notes, only, resources

VXU = MSH.format(event="VXU^V04")
PLAIN = "RXA|0|1|20240310||08^Hep B^CVX|0.5|mL^mL^UCUM"


def vaccinated(*lines: str) -> Conversion:
    """Return the conversion of a VXU about the sample patient; it is always valid."""
    conversion = converted(VXU, PID, *lines)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def dose(*lines: str) -> dict[str, Any]:
    """Return the one Immunization of a VXU."""
    return only(vaccinated(*lines), "Immunization")


def rxa(**fields: str) -> str:
    """Return an RXA with some fields set: ``f20="RE"``."""
    parts = PLAIN.split("|") + [""] * 25
    for name, value in fields.items():
        parts[int(name[1:])] = value
    return "|".join(parts).rstrip("|")


def test_a_vaccination_by_the_guide():
    """Guide RXA[Immunization] 5 to 33, ORC[Immunization] 4 to 37, RXR[Immunization] 3, 4."""
    conversion = vaccinated(PV1, ORC_VACCINE, RXA, RXR_VACCINE)
    found = only(conversion, "Immunization")
    assert found["status"] == "completed"
    assert found["vaccineCode"]["coding"][0] == {
        "system": "http://hl7.org/fhir/sid/cvx", "code": "08", "display": "Hep B, adolescent or pediatric",
    }  # fmt: skip
    assert found["occurrenceDateTime"] == "2024-03-10T10:00:00-05:00"
    assert found["recorded"] == "2024-03-10T10:05:00-05:00"
    kinds = [(one["type"]["coding"][0]["code"], one["value"]) for one in found["identifier"]]
    assert kinds == [("PLAC", "P200"), ("FILL", "F200"), ("PGN", "G2"), ("PLAC", "PA2")]
    assert (found["lotNumber"], found["expirationDate"]) == ("L1", "2025-06-30")
    unit = {"unit": "milliliter", "system": "http://unitsofmeasure.org", "code": "mL"}
    assert found["doseQuantity"] == {"value": 0.5, **unit}
    assert found["route"]["coding"][0]["code"] == "IM"
    assert found["site"]["coding"][0]["code"] == "DELT"
    assert [one["function"]["coding"][0]["code"] for one in found["performer"]] == ["AP", "OP"]
    assert found["reasonCode"][0]["coding"][0]["code"] == "Z23"
    assert found["meta"]["security"][0]["code"] == "R"
    maker = next(one for one in resources(conversion, "Organization") if one.get("name") == "Merck")
    assert found["manufacturer"]["reference"].endswith(maker["id"])
    place = next(one for one in resources(conversion, "Location") if "address" in one)
    assert found["location"]["reference"].endswith(place["id"])
    assert found["encounter"]["reference"].endswith(only(conversion, "Encounter")["id"])
    assert notes(conversion, found).control == "A"


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"f20": "CP"}, "completed", None),
        ({}, "completed", None),
        ({"f20": "PA"}, "completed", None),
        ({"f20": "NA"}, "not-done", None),
        ({"f20": "RE", "f18": "00^Parental decision^NIP002"}, "not-done", "00"),
        ({"f20": "RE"}, "not-done", "PATOBJ"),
        ({"f18": "03^Patient decision^NIP002"}, "not-done", "03"),
        ({"f20": "CP", "f21": "D"}, "entered-in-error", None),
    ],
)
def test_status_and_reason(fields: dict[str, str], status: str, reason: str | None):
    """Guide RXA[Immunization] 22, 24 to 26. A refusal without RXA-20 is one: decision 0021."""
    found = dose(rxa(**fields))
    assert found["status"] == status
    assert (found["statusReason"]["coding"][0]["code"] if "statusReason" in found else None) == reason


def test_a_completion_status_that_nobody_knows_is_not_guessed():
    """R4 has no status unknown: the original stays beside the element, and the value is absent."""
    conversion = vaccinated(rxa(f20="ZZ"))
    found = only(conversion, "Immunization")
    assert "status" not in found
    assert found["_status"]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "ZZ"
    assert "code_unmapped" in codes(conversion)


def test_a_dose_given_in_part_is_subpotent():
    """HL7 table 0322 PA, completed by the guide: the record says that it may not count."""
    found = dose(rxa(f20="PA"))
    assert found["isSubpotent"] is True
    assert found["subpotentReason"][0]["coding"][0]["code"] == "partialdose"


@pytest.mark.parametrize(
    ("source", "primary"), [("00^New^NIP001", True), ("01^Historical^NIP001", False), ("07^School^NIP001", False)]
)
def test_where_the_record_comes_from(source: str, primary: bool):
    """CDC, NIP001: 00 is who gave it; the guide names RXA-9 the origin in the US (row 11)."""
    found = dose(rxa(f9=source))
    assert found["primarySource"] is primary
    assert found["reportOrigin"]["coding"][0]["code"] == source[:2]


def test_any_other_note_stays_a_note():
    """RXA-9 repeats; text without a code of NIP001 is what somebody wrote."""
    found = dose(rxa(f9="00^New^NIP001~^Cried a little"))
    assert found["note"] == [{"text": "Cried a little"}]
    assert found["primarySource"] is True


def test_999_is_no_amount():
    """CDC: RXA-6 999 says that the amount is not known. 999 of anything would be a false dose."""
    found = dose(rxa(f6="999", f7=""))
    assert "value" not in found["doseQuantity"]
    assert found["doseQuantity"]["extension"][0]["valueCode"] == "unknown"


def test_where_it_was_given_in_older_versions():
    """RXA-11 (LA2): its levels as those of a PL, its address from component 9 on (decision 0021)."""
    conversion = vaccinated(rxa(f11="CL1^R2^^Town Clinic^^^^^4 Rd^^Town^NY^12345"))
    place = next(one for one in resources(conversion, "Location") if "address" in one)
    assert place["address"]["city"] == "Town"
    assert only(conversion, "Immunization")["location"]["reference"].endswith(place["id"])


def test_the_fillers_number_says_which_vaccination_it_is():
    """CDC: ORC-3 is the registry's key. A corrected vaccine or date is the same vaccination, without it another one."""
    before, after = dose("ORC|RE||F1^EHR", rxa()), dose("ORC|RE||F1^EHR", rxa(f5="45^Hep B NOS^CVX", f3="20240311"))
    assert before["id"] == after["id"]
    assert dose(rxa())["id"] != dose(rxa(f3="20240311"))["id"]


def test_9999_is_no_number():
    """CDC: ORC-3 9999 where there is no order; two such vaccinations are two."""
    first, second = resources(
        vaccinated("ORC|RE||9999^EHR", rxa(), "ORC|RE||9999^EHR", rxa(f5="20^DTaP^CVX")), "Immunization"
    )
    assert first["id"] != second["id"]
    assert "identifier" not in first


def test_each_vaccination_keeps_its_own_segments():
    """Grouping: several ORC groups; route and funding of one never reach another."""
    funding = "OBX|1|CE|30963-3^Funding^LN|1|{}^X^CDCPHINVS||||||F"
    lines = (
        "ORC|RE||F1^EHR", rxa(), "RXR|IM^Intramuscular^HL70162", funding.format("PHC70"), "NTE|1||first",
        "ORC|RE||F2^EHR", rxa(f5="20^DTaP^CVX"), "RXR|SC^Subcutaneous^HL70162", funding.format("VXC2"),
    )  # fmt: skip
    first, second = resources(vaccinated(*lines), "Immunization")
    assert [one["route"]["coding"][0]["code"] for one in (first, second)] == ["IM", "SQ"]
    assert [one["fundingSource"]["coding"][0]["code"] for one in (first, second)] == ["PHC70", "VXC2"]
    assert first["note"] == [{"text": "first"}]


def test_an_order_that_was_cancelled_was_not_given():
    """ORC-1 OC without RXA-20."""
    assert dose("ORC|OC||F1^EHR", rxa())["status"] == "not-done"


def test_an_order_with_a_timing_is_told_beside_its_vaccination():
    """Guide VXU_V04 41: the ServiceRequest for those who want to know; TQ1 says more of the order than its numbers."""
    conversion = vaccinated("ORC|RE|P1^EHR|F1^EHR", "TQ1|1||QD|||||||||", rxa())
    assert notes(conversion, only(conversion, "ServiceRequest")).provisional is True
    assert resources(vaccinated("ORC|RE|P1^EHR|F1^EHR", rxa()), "ServiceRequest") == []


def test_every_field_of_the_order_of_a_vaccination_is_accounted_for():
    """ORC[Immunization] maps nine fields; of the others the report says why nothing is carried, and none is lost."""
    numbers = {2: "P200^EHR", 3: "F200^EHR", 4: "G2^EHR", 9: "20240310", 12: "4777^Attend", 28: "R", 33: "A2^^^EHR"}
    fields = [numbers.get(number, "1") for number in range(2, 38)]
    sent = message(VXU, PID, "|".join(("ORC", "RE", *fields, "FG1^RX")), RXA)
    report = mapping_report(sent, context())
    fates = [fate for fate in report.fates if fate.place.startswith("ORC")]
    assert [fate.place for fate in fates if fate.outcome is Outcome.LOST] == []
    kinds = [one["type"]["coding"][0]["code"] for one in only(report.conversion, "Immunization")["identifier"]]
    assert kinds == ["PLAC", "FILL", "PGN", "PLAC", "FGN"]


def test_a_participation_of_the_order_performs_the_vaccination():
    """Guide VXU_V04 42 to 47: PRT after ORC, OP or AP."""
    found = dose("ORC|RE||F1^EHR", "PRT|1|AD||AP^^HL70443|5003^Help^Hal", rxa())
    assert found["performer"][0]["function"]["coding"][0]["code"] == "AP"


def test_elements_that_come_as_observations_are_elements():
    """Decision 0021, CDC's LOINC codes: funding, eligibility, leaflet, dose of a series, note."""
    conversion = vaccinated(ORC_VACCINE, RXA, *FACTS)
    found = only(conversion, "Immunization")
    assert found["programEligibility"][0]["coding"][0]["code"] == "V01"
    assert found["fundingSource"]["coding"][0]["code"] == "PHC70"
    assert found["education"] == [{
        "documentType": "253088698300005911070207", "publicationDate": "2023-05-12", "presentationDate": "2024-03-10",
    }]  # fmt: skip
    (applied,) = found["protocolApplied"]
    assert (applied["doseNumberPositiveInt"], applied["seriesDosesPositiveInt"]) == (2, 3)
    assert applied["series"] == "Hep B 3-dose"
    assert applied["targetDisease"][0]["coding"][0]["code"] == "45"
    assert {"text": "Left arm was sore"} in found["note"]


def test_a_reaction_is_an_observation_that_the_vaccination_points_at():
    """R4 Immunization.reaction.detail; its date is the observation's."""
    conversion = vaccinated(ORC_VACCINE, RXA, *FACTS)
    found = only(conversion, "Immunization")
    seen = {one["code"]["coding"][0]["code"]: one for one in resources(conversion, "Observation")}
    assert seen.keys() == {"31044-1", "30945-0"}
    assert found["reaction"] == [
        {"date": "2024-03-10T10:40:00-05:00", "detail": {"reference": "urn:uuid:" + seen["31044-1"]["id"]}}
    ]
    assert seen["30945-0"]["partOf"] == [{"reference": "urn:uuid:" + found["id"]}]


def test_a_reaction_belongs_to_the_list_of_its_vaccination_where_results_are_snapshots():
    """A reaction stands in no report; an interface that sends snapshots of OBX must not lose the whole message."""
    by_snapshot = converted(VXU, PID, PV1, ORC_VACCINE, RXA, *FACTS, lists={"OBX": ListMode.SNAPSHOT})
    vaccination = only(by_snapshot, "Immunization")
    (reaction,) = (one["detail"]["reference"] for one in vaccination["reaction"])
    lists = {one.parent: one.members for one in by_snapshot.changes.children if one.segment == "OBX"}
    assert reaction in lists["urn:uuid:" + vaccination["id"]]


def test_leaflets_of_one_vaccination_stay_apart():
    """OBX-4 groups them; where one code comes again a new group begins."""
    lines = [
        f"OBX|{n}|CE|{code}^X^LN|{group}|{value}||||||F"
        for n, (code, group, value) in enumerate(
            [
                ("69764-9", "1", "DOC1"),
                ("29769-7", "1", "20240310"),
                ("69764-9", "1", "DOC2"),
                ("29769-7", "1", "20240311"),
            ],
            1,
        )
    ]
    assert dose(RXA, *lines)["education"] == [
        {"documentType": "DOC1", "presentationDate": "2024-03-10"},
        {"documentType": "DOC2", "presentationDate": "2024-03-11"},
    ]


def test_a_wrong_or_withdrawn_fact_is_no_element():
    """OBX-11 D: what was posted in error must not come back as an element."""
    conversion = vaccinated(RXA, "OBX|1|CE|64994-7^Eligibility^LN|1|V01^Not eligible^HL70064||||||D")
    assert "programEligibility" not in only(conversion, "Immunization")
    assert only(conversion, "Observation")["status"] == "entered-in-error"


def test_where_no_vaccine_was_given_there_is_no_vaccination():
    """CVX 998: only what stands below counts: a forecast, or evidence of immunity."""
    conversion = vaccinated(*FORECAST, "OBX|9|CE|59784-9^Immune^LN|2|66071002^Hepatitis B^SCT||||||F")
    assert resources(conversion, "Immunization") == []
    advice = only(conversion, "ImmunizationRecommendation")
    (one,) = advice["recommendation"]
    assert one["vaccineCode"][0]["coding"][0]["code"] == "45"
    assert one["forecastStatus"]["coding"][0]["code"] == "LA13422-3"
    dates = {each["code"]["coding"][0]["code"]: each["value"] for each in one["dateCriterion"]}
    assert dates == {"30980-7": "2024-09-10", "30981-5": "2024-08-10"}
    assert one["doseNumberPositiveInt"] == 3
    assert advice["date"] == "2024-03-10T08:00:00-05:00"
    assert only(conversion, "Observation")["code"]["coding"][0]["code"] == "59784-9"


def test_998_of_another_table_is_a_vaccine():
    """CVX says that 998 is none; a local code may be anything."""
    found = dose("RXA|0|1|20240310||998^Own^99LOCAL|1")
    assert found["vaccineCode"]["coding"][0]["code"] == "998"


def test_a_forecast_of_nobody_stays_an_observation():
    """Without a PID nobody is advised, and nothing is lost."""
    conversion = converted(VXU, *FORECAST)
    assert resources(conversion, "ImmunizationRecommendation") == []
    assert len(resources(conversion, "Observation")) == 7
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_a_new_forecast_of_a_sender_replaces_its_older_one():
    """A forecast is a snapshot: the id is the person's and the sender's."""
    one, other = (only(vaccinated(*lines), "ImmunizationRecommendation") for lines in (FORECAST, FORECAST[:6]))
    assert one["id"] == other["id"]


def test_a_vaccine_given_in_another_message_is_a_vaccination_too():
    """RAS with a CVX code: R4 keeps vaccines apart from other drugs."""
    conversion = converted(MSH.format(event="RAS^O17"), PID, "ORC|RE|P1^EHR|F1^EHR", rxa())
    assert only(conversion, "Immunization")["vaccineCode"]["coding"][0]["code"] == "08"
    assert resources(conversion, "MedicationAdministration") == []


def test_a_vaccination_without_vaccine_and_time_is_valid():
    """Required elements that were not sent are absent with a reason, never invented."""
    found = dose("RXA|0|1||||0.5")
    assert found["vaccineCode"]["extension"][0]["valueCode"] == "unknown"
    assert "_occurrenceDateTime" in found
