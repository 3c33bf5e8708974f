"""RF1, AUT, PRD and CTD: who refers whom to whom, and who pays for it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.fhir.validate import validate_bundle
from shared.mapping import Conversion
from tests.unit.mapping.samples import PID, converted, notes, only, resources

MSH = "MSH|^~\\&|PRAC|GENHOSP|HUB|HUB|20240310080000-0500||REF^{event}|M9|P|2.5.1"
RF1 = (
    "RF1|{status}|R^Routine^HL70280|Med^Medical^HL70281|WR^Report^HL70282|O^Outpatient^HL70284|R100^EHR|20240311|"
    "20240611|20240310|S^Second opinion^HL70336|X9^OTHER"
)
PRD = (
    "PRD|{role}|Family^Fay^^^Dr|2 Clinic Rd^^Townsville|W9^1|^WPN^PH^^1^555^5550155||{number}|20240101|20241231|"
    "Town Clinic^^^^^^XX^^^TC1|3 Office St^^Townsville||^WPN^PH^^1^555^5550166"
)
AUT = "AUT|PPO^Plan^L|HC02|Good Health|20240310|20240610|A77^PAYER|175&USD|3|2|20240309||||A^Approved||||"


def referred(*lines: str, event: str = "I12", status: str = "A") -> Conversion:
    """Return the conversion of a REF; it is always valid."""
    conversion = converted(MSH.format(event=event), RF1.format(status=status), *lines, PID)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def resource_of(conversion: Conversion, reference: dict[str, Any]) -> Any:
    """Return what a reference leads to."""
    entries = conversion.bundle["entry"]
    return next(one["resource"] for one in entries if one["fullUrl"] == reference["reference"])


def test_a_referral_is_a_request_about_the_patient_that_comes_after_it():
    """Decision 0034: RF1-1 to 11; tables 0283 and 0280."""
    conversion = referred()
    found = only(conversion, "ServiceRequest")
    assert (found["status"], found["intent"], found["priority"]) == ("active", "order", "routine")
    assert [one["value"] for one in found["identifier"]] == ["R100", "X9"]
    assert found["subject"]["reference"].endswith(only(conversion, "Patient")["id"])
    assert [one["coding"][0]["code"] for one in found["category"]] == ["Med", "O"]
    assert found["code"]["coding"][0]["code"] == "3457005"
    assert found["occurrencePeriod"] == {"start": "2024-03-11", "end": "2024-06-11"}
    assert (found["authoredOn"], found["reasonCode"][0]["coding"][0]["code"]) == ("2024-03-10", "S")


@pytest.mark.parametrize(
    ("event", "status", "sent", "control"),
    [
        ("I12", "active", "A", "SC"),
        ("I13", "revoked", "R", "SC"),
        ("I14", "revoked", "A", "CR"),
        ("I15", "active", "P", "SS"),
    ],
)  # fmt: skip
def test_events_move_a_referral_as_order_codes_do(event, status, sent, control):
    """HL7 11.5: I14 cancels, I15 asks and changes nothing."""
    conversion = referred(event=event, status=sent)
    found = only(conversion, "ServiceRequest")
    assert (found["status"], notes(conversion, found).control) == (status, control)


def test_referring_and_referred_to_provider_ask_and_perform():
    """Table 0286: RP and RT; a consulting provider (CP) is of the CareTeam."""
    conversion = referred(
        PRD.format(role="RP", number="11^NPI"),
        PRD.format(role="RT", number="12^NPI"),
        PRD.format(role="CP", number="13^NPI"),
    )
    request = only(conversion, "ServiceRequest")
    asks = resource_of(conversion, request["requester"])
    person = resource_of(conversion, asks["practitioner"])
    assert person["identifier"][0]["value"] == "11"
    assert (person["name"][0]["family"], person["address"][0]["city"]) == ("Family", "Townsville")
    assert asks["period"] == {"start": "2024-01-01", "end": "2024-12-31"}
    performs = resource_of(conversion, request["performer"][0])
    assert resource_of(conversion, performs["practitioner"])["identifier"][0]["value"] == "12"
    office = resource_of(conversion, asks["organization"])
    assert (office["name"], office["address"][0]["line"]) == ("Town Clinic", ["3 Office St"])
    assert office["telecom"][0]["value"] == "+1 555 5550166"
    assert len(only(conversion, "CareTeam")["participant"]) == 1


def test_a_contact_below_a_provider_is_its_organizations():
    """CTD after PRD."""
    conversion = referred(PRD.format(role="RT", number="12"), "CTD|PR|Desk^Dora|||^WPN^PH^^1^555^5550177")
    clinic = next(one for one in resources(conversion, "Organization") if one.get("name") == "Town Clinic")
    assert clinic["contact"][0]["name"]["family"] == "Desk"


def test_an_authorization_is_the_insurance_of_the_referral():
    """Decision 0034: AUT-1 to 10, 14; a preauthorization is a ClaimResponse."""
    conversion = referred(AUT)
    found, request = only(conversion, "ClaimResponse"), only(conversion, "ServiceRequest")
    assert request["insurance"] == [{"reference": "urn:uuid:" + found["id"]}]
    assert request["quantityQuantity"] == {"value": 2}
    assert (found["use"], found["preAuthRef"], found["created"]) == ("preauthorization", "A77", "2024-03-09")
    assert found["preAuthPeriod"] == {"start": "2024-03-10", "end": "2024-06-10"}
    assert found["total"][0]["amount"] == {"value": 175, "currency": "USD"}
    assert found["disposition"] == "Approved"
    insurer = resource_of(conversion, found["insurer"])
    assert (insurer["identifier"][0]["value"], insurer["name"]) == ("HC02", "Good Health")
