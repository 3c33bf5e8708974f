"""IN1, IN2, IN3, GT1 and PV1-20: who pays."""

from __future__ import annotations

from shared.changes.notes import Action, ListMode
from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import PID, PV1, admitted, codes, converted, notes, only, resources

IN1 = (
    "IN1|1|GOLD^Gold Plan|PAY1^^^HEALTHCO^NIIP|HealthCo Insurance|1 Payer Way^^Townsville^NY^12345|Agent^Abe|"
    "^WPN^PH^^1^555^5550199|GRP7|Makers Guild|EMP9^^^MAKERS^EI|Makers Inc|20240101|20241231||HMO|"
    "Sample^John|SPO|19790202|1 Main St^^Townsville^NY^12345|||1||||||||||||||POL-1|250&USD||||||M|"
    "2 Works Rd^^Townsville"
)
IN2 = "IN2|EE77^^^MAKERS^EI|999-00-2222||||MC-1" + "|" * 55 + "MB-1^^^HEALTHCO^MB||^PRN^PH^^1^555^5550177"
ACCOUNTED = PID + "|" * 10 + "ACC1^^^GENHOSP^AN"


def test_a_plan_is_a_coverage_with_its_payor_and_its_subscriber():
    """Guide IN1[Coverage] 4, 6, 7, 15 to 17, 19, 20, 22."""
    conversion = admitted(PID, PV1, IN1)
    coverage, patient = only(conversion, "Coverage"), only(conversion, "Patient")
    assert coverage["beneficiary"]["reference"].endswith(patient["id"])
    assert coverage["period"] == {"start": "2024-01-01", "end": "2024-12-31"}
    assert coverage["type"]["coding"][0]["code"] == "HMO"
    assert coverage["relationship"]["coding"][0]["code"] == "SPS"
    assert {"value": "GOLD"} in coverage["identifier"]
    by_id = {one["id"]: one for one in resources(conversion, "Organization")}
    payor = by_id[coverage["payor"][0]["reference"].removeprefix("urn:uuid:")]
    assert payor["name"] == "HealthCo Insurance"
    assert payor["identifier"][0]["value"] == "PAY1"
    assert payor["address"][0]["city"] == "Townsville"
    assert by_id[coverage["policyHolder"]["reference"].removeprefix("urn:uuid:")]["name"] == "Makers Inc"
    insured = only(conversion, "RelatedPerson")
    assert coverage["subscriber"]["reference"].endswith(insured["id"])
    assert insured["name"] == [{"family": "Sample", "given": ["John"]}]
    assert (insured["birthDate"], insured["gender"]) == ("1979-02-02", "male")
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_what_the_guide_leaves_open_has_its_r4_element():
    """Decision 0007: plan and group are classes, IN1-22 the order, IN1-36 the policy, IN1-37 the deductible."""
    coverage = only(admitted(PID, PV1, IN1), "Coverage")
    kinds = [(one["type"]["coding"][0]["code"], one["value"], one["name"]) for one in coverage["class"]]
    assert kinds == [("plan", "GOLD", "Gold Plan"), ("group", "GRP7", "Makers Guild")]
    assert coverage["order"] == 1
    assert {"type": {"text": "Policy number"}, "value": "POL-1"} in coverage["identifier"]
    assert coverage["costToBeneficiary"][0]["valueMoney"] == {"value": 250, "currency": "USD"}


def test_in2_completes_the_plan_and_the_insured_of_its_own_in1():
    """Two plans, each with its IN2: nothing of one reaches the other."""
    other = "IN1|2|SILVER|PAY2|OtherCo||||||||||||Other^Olga|MTH"
    conversion = admitted(PID, PV1, IN1, IN2, other, "IN2|" + "|" * 61 + "|^PRN^PH^^1^555^5550166")
    first, second = resources(conversion, "Coverage")
    assert [one["value"] for one in first["identifier"]][-2:] == ["MC-1", "MB-1"]
    assert [one["value"] for one in second["identifier"]] == ["SILVER"]
    john, olga = resources(conversion, "RelatedPerson")
    assert [one["value"] for one in john["identifier"]] == ["EE77", "999-00-2222"]
    assert "5550166" in olga["telecom"][0]["value"]
    assert "5550177" in john["telecom"][0]["value"]


def test_an_insured_patient_is_the_patient_and_nobody_else():
    """Guide IN1[Coverage] 21; IN2-72 01 says the same where IN1-17 says nothing."""
    told = admitted(PID, PV1, "IN1|1|GOLD|PAY1|HealthCo||||||||||||Sample^Jane|SEL")
    assert only(told, "Coverage")["subscriber"]["reference"].endswith(only(told, "Patient")["id"])
    assert resources(told, "RelatedPerson") == []
    later = admitted(PID, PV1, "IN1|1|GOLD|PAY1|HealthCo", "IN2" + "|" * 72 + "01")
    assert only(later, "Coverage")["subscriber"]["reference"].endswith(only(later, "Patient")["id"])


def test_an_unnamed_payor_is_said_to_be_unknown():
    """R4 requires a payor; an IN1 without IN1-3 and IN1-4 names none."""
    conversion = admitted(PID, PV1, "IN1|1|GOLD")
    assert only(conversion, "Coverage")["payor"][0]["extension"][0]["valueCode"] == "unknown"
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_the_number_of_the_subscriber_is_an_extension_and_r4s_own_element():
    """Guide IN1[Coverage] 12, 13, 54, 55."""
    coverage = only(admitted(PID, PV1, "IN1|1|GOLD|PAY1" + "|" * 46 + "S-1^^^HEALTHCO^SN"), "Coverage")
    assert coverage["subscriberId"] == "S-1"
    (extension,) = coverage["extension"]
    assert extension["url"] == "http://hl7.org/fhir/5.0/StructureDefinition/extension-subscriberId"
    assert extension["valueIdentifier"]["value"] == "S-1"


def test_plans_are_a_snapshot_unless_the_interface_follows_their_action():
    """IN1 without action codes replaces what is stored; IN1-55 D takes one plan away."""
    conversion = admitted(PID, PV1, IN1, "IN1|2|SILVER|PAY2|OtherCo")
    (plans,) = [one for one in conversion.changes.children if one.segment == "IN1"]
    assert (plans.mode, len(plans.members)) == (ListMode.SNAPSHOT, 2)
    by_action = admitted(PID, PV1, "IN1|1|GOLD|PAY1|HealthCo" + "|" * 51 + "D", lists={"IN1": ListMode.ACTION})
    (plans,) = [one for one in by_action.changes.children if one.segment == "IN1"]
    assert plans.mode is ListMode.ACTION
    assert notes(by_action, only(by_action, "Coverage")).action is Action.DELETE


def test_the_financial_class_is_the_type_of_the_plan_or_a_coverage_of_its_own():
    """Guide PV1[Coverage] 22, ADT_A01 37: IN1-15 counts before PV1-20."""
    pv1 = "PV1|1|I" + "|" * 18 + "MEDICARE^20240101"
    alone = admitted(PID, pv1)
    assert only(alone, "Coverage")["type"]["coding"][0]["code"] == "MEDICARE"
    assert only(admitted(PID, pv1, "IN1|1|GOLD|PAY1"), "Coverage")["type"]["coding"][0]["code"] == "MEDICARE"
    assert only(admitted(PID, pv1, IN1), "Coverage")["type"]["coding"][0]["code"] == "HMO"
    assert validate_bundle(alone.bundle, is_closed=True) == []


def test_the_case_manager_joins_the_care_team():
    """Guide IN3[CareTeam] 23 to 25."""
    team = only(admitted(PID, PV1, "IN1|1|GOLD|PAY1", "IN3|1" + "|" * 20 + "Casey Manager"), "CareTeam")
    (member,) = team["participant"]
    assert member["role"][0]["coding"][0]["code"] == "768832004"
    assert member["member"] == {"display": "Casey Manager"}


def test_a_guarantor_answers_for_the_account_of_the_patient():
    """Decision 0007: GT1 is Account.guarantor, its person a RelatedPerson."""
    gt1 = "GT1|1|G1^^^GENHOSP|Sample^John||1 Main St^^Townsville||||M||SPO|999-00-2222|20240101|20241231"
    conversion = admitted(ACCOUNTED, PV1, gt1)
    account, person = only(conversion, "Account"), only(conversion, "RelatedPerson")
    (guarantor,) = account["guarantor"]
    assert guarantor["party"]["reference"].endswith(person["id"])
    assert guarantor["period"] == {"start": "2024-01-01", "end": "2024-12-31"}
    assert person["name"] == [{"family": "Sample", "given": ["John"]}]
    assert person["relationship"][0]["coding"][0]["code"] == "SPS"


def test_a_guarantor_can_be_the_patient_or_an_organization_and_needs_no_account_number():
    """SEL is the Patient; GT1-21 without a name is an Organization; the account is then the person's own."""
    own = admitted(PID, PV1, "GT1|1||Sample^Jane||||||||SEL")
    assert only(own, "Account")["guarantor"][0]["party"]["reference"].endswith(only(own, "Patient")["id"])
    company = admitted(PID, PV1, "GT1|1" + "|" * 20 + "Makers Inc")
    party = only(company, "Account")["guarantor"][0]["party"]["reference"]
    makers = next(one for one in resources(company, "Organization") if one.get("name") == "Makers Inc")
    assert party.endswith(makers["id"])
    assert "guarantor_unnamed" in codes(admitted(PID, PV1, "GT1|1||||1 Main St"))


def test_one_person_who_is_insured_and_guarantor_alike_is_one_resource():
    """The same statement twice is one resource, and both references lead to it."""
    conversion = admitted(
        PID, PV1, "IN1|1|GOLD|PAY1|HealthCo||||||||||||Sample^John|SPO", "GT1|1||Sample^John||||||||SPO"
    )
    person = only(conversion, "RelatedPerson")
    assert only(conversion, "Coverage")["subscriber"]["reference"].endswith(person["id"])
    assert only(conversion, "Account")["guarantor"][0]["party"]["reference"].endswith(person["id"])
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_the_end_of_an_account_is_an_event_of_its_own():
    """BAR^P06 ends it; an ADT that only mentions it never moves its status."""
    msh = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||BAR^{}|M4|P|2.5.1"
    ended = converted(msh.format("P06"), ACCOUNTED)
    assert only(ended, "Account")["status"] == "inactive"
    assert all(
        not note.initial for note in ended.changes.resources if note.full_url.endswith(only(ended, "Account")["id"])
    )
    mentioned = admitted(ACCOUNTED, PV1)
    assert notes(mentioned, only(mentioned, "Account")).initial == ("status",)


def test_a_merge_names_the_prior_account_with_an_unknown_status():
    """Guide MRG[Account] 3, 6."""
    conversion = admitted(ACCOUNTED, "MRG|100002^^^GENHOSP^MR||OLD1^^^GENHOSP^AN", event="A40")
    new, old = resources(conversion, "Account")
    assert (new["status"], old["status"]) == ("active", "unknown")
    assert old["identifier"][0]["value"] == "OLD1"
