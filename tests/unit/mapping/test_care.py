"""PRB, GOL, PTH and VAR: problems, goals and pathways, which belong together, and what is done to them."""

from __future__ import annotations

from typing import Any

import pytest

from shared.changes.notes import Action
from shared.fhir.validate import validate_bundle
from shared.mapping import Conversion
from tests.unit.mapping.samples import PID, PV1, codes, converted, notes, only, resources

MSH = "MSH|^~\\&|CARE|GENHOSP|HUB|HUB|20240310080000-0500||{event}|M8|P|2.5.1"
PRB = (
    "PRB|{action}|20240309080000-0500|44054006^Diabetes^SCT|PR{n}^CARE|E1|1|20240301|20240601||chronic^Chronic^L|||"
    "confirmed|active||20230501|after holidays"
)
GOL = (
    "GOL|{action}|20240309080000-0500|GL1^Walk daily^L|G{n}^CARE||1|20240301|20240901|nursing^Nursing^L|DIET^Diet^L|"
    "||||^^^^|improving^Improving^L|Slow but steady|active|20240305"
)
PTH = "PTH|{action}|DM^Diabetes pathway^L|W{n}^CARE|20240301|active|20240305080000-0500"


def cared(event: str, *lines: str) -> Conversion:
    """Return the conversion of a message about the sample visit; it is always valid."""
    sent = [line.format(action="AD", n=1) if "{action}" in line else line for line in lines]
    conversion = converted(MSH.format(event=event), PID, PV1, *sent)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def reference(resource: dict[str, Any]) -> dict[str, str]:
    """Return a reference to a resource of the bundle."""
    return {"reference": "urn:uuid:" + resource["id"]}


def test_a_problem_is_an_item_of_the_problem_list():
    """Decision 0033: PRB-3, 4, 7, 10, 13, 14, 16, 17."""
    found = only(cared("PPR^PC1", PRB), "Condition")
    assert found["identifier"] == [{"system": "urn:id:CARE", "value": "PR1"}]
    assert found["code"]["coding"][0] == {"system": "http://snomed.info/sct", "code": "44054006", "display": "Diabetes"}
    assert [one["coding"][0]["code"] for one in found["category"]] == ["problem-list-item", "chronic"]
    assert found["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert found["clinicalStatus"]["coding"][0]["code"] == "active"
    assert (found["recordedDate"], found["onsetDateTime"]) == ("2024-03-01", "2023-05-01")
    assert found["note"] == [{"text": "after holidays"}]


def test_a_goal_has_description_dates_and_state():
    """Decision 0033: GOL-3, 4, 6 to 10, 16 to 19."""
    found = only(cared("PGL^PC6", GOL), "Goal")
    assert found["description"]["coding"][0]["display"] == "Walk daily"
    assert found["target"] == [{"dueDate": "2024-09-01"}]
    assert (found["startDate"], found["statusDate"]) == ("2024-03-01", "2024-03-05")
    assert [one["coding"][0]["code"] for one in found["category"]] == ["nursing", "DIET"]
    assert found["achievementStatus"]["coding"][0]["code"] == "improving"
    assert (found["lifecycleStatus"], found["priority"]) == ("active", {"text": "1"})
    assert found["note"] == [{"text": "Slow but steady"}]


def test_problem_goal_and_pathway_of_a_message_belong_together():
    """HL7 12.3: in a PPR the goal stands below its problem, and so does the pathway."""
    second = PRB.replace("44054006^Diabetes", "38341003^Hypertension").format(action="AD", n=2)
    conversion = cared("PPR^PC1", PRB, PTH, GOL, second)
    diabetes, hypertension = resources(conversion, "Condition")
    goal, plan = only(conversion, "Goal"), only(conversion, "CarePlan")
    assert goal["addresses"] == [reference(diabetes)]
    assert plan["addresses"] == [reference(diabetes)]
    assert hypertension["id"] != diabetes["id"]


def test_in_a_pathway_message_problems_and_goals_stand_below_the_pathway():
    """HL7 12.3: PPP is pathway, problem, goal."""
    conversion = cared("PPP^PCB", PTH, PRB, GOL)
    plan = only(conversion, "CarePlan")
    assert plan["addresses"] == [reference(only(conversion, "Condition"))]
    assert plan["goal"] == [reference(only(conversion, "Goal"))]
    assert (plan["status"], plan["title"], plan["created"]) == ("active", "Diabetes pathway", "2024-03-01")


def test_in_a_goal_message_the_problem_below_is_what_the_goal_addresses():
    """HL7 12.3: PGL is goal, problem."""
    conversion = cared("PGL^PC6", GOL, PRB)
    assert only(conversion, "Goal")["addresses"] == [reference(only(conversion, "Condition"))]


def test_an_unlinked_goal_is_not_linked():
    """Table 0287 UN: they no longer belong together."""
    conversion = cared("PPR^PC2", PRB, GOL.format(action="UN", n=1))
    assert "addresses" not in only(conversion, "Goal")


def test_what_was_observed_is_evidence_of_the_problem_and_outcome_of_the_goal():
    """Decision 0033: OBX below PRB and GOL."""
    conversion = cared(
        "PPR^PC1", PRB, "OBX|1|NM|4548-4^HbA1c^LN||7.1|%|||||F", GOL, "OBX|1|NM|41950-7^Steps^LN||900||||||F"
    )
    sugar, steps = resources(conversion, "Observation")
    assert only(conversion, "Condition")["evidence"] == [{"detail": [reference(sugar)]}]
    assert only(conversion, "Goal")["outcomeReference"] == [reference(steps)]


def test_an_order_below_is_for_the_problem_and_the_goal():
    """HL7 12.3: orders stand below the problem or goal that they are for."""
    conversion = cared("PPR^PC1", PRB, GOL, "ORC|NW|P1^EHR", "OBR|1|P1^EHR||4548-4^HbA1c^LN")
    order = only(conversion, "ServiceRequest")
    assert order["reasonReference"] == [reference(only(conversion, "Condition"))]
    (link,) = [one for one in order["extension"] if one["url"].endswith("resource-pertainsToGoal")]
    assert link["valueReference"] == reference(only(conversion, "Goal"))


def test_roles_notes_and_variances_join_what_they_follow():
    """ROL: recorder by EP of table 0443, else asserter; NTE and VAR are notes."""
    conversion = cared(
        "PPR^PC1",
        PRB,
        "NTE|1||Seen at home",
        "VAR|V1|20240309090000-0500||4777^Attend^Ada|delay^Delay^L|Came late~Missed breakfast",
        "ROL|1|AD|EP^Entering^HL70443|1234^Klerk^Kim",
        "ROL|2|AD|AT^Attending^HL70443|4777^Attend^Ada",
    )
    found = only(conversion, "Condition")
    assert [one["text"] for one in found["note"]] == [
        "after holidays", "Seen at home", "Delay\nCame late\nMissed breakfast",
    ]  # fmt: skip
    assert found["note"][2]["time"] == "2024-03-09T09:00:00-05:00"
    assert {"recorder", "asserter"} <= found.keys()


@pytest.mark.parametrize(
    ("event", "line", "kind"),
    [("PPR^PC3", PRB, "Condition"), ("PGL^PC8", GOL, "Goal"), ("PPP^PCD", PTH, "CarePlan")],
)
@pytest.mark.parametrize("action", ["DE", ""])
def test_a_deletion_is_an_action_of_the_store_and_says_entered_in_error(event, line, kind, action):
    """Table 0287 DE; the delete events say it where the segment does not."""
    conversion = cared(event, line.format(action=action, n=1))
    found = only(conversion, kind)
    assert notes(conversion, found).action is Action.DELETE
    state = found.get("verificationStatus", {}).get("coding", [{}])[0].get("code")
    assert "entered-in-error" in (state, found.get("lifecycleStatus"), found.get("status"))


def test_a_problem_is_known_by_its_number_whatever_is_done_to_it():
    """An update must reach what was added."""
    added, updated = cared("PPR^PC1", PRB), cared("PPR^PC2", PRB.format(action="UP", n=1).replace("Diabetes", "DM"))
    assert only(added, "Condition")["id"] == only(updated, "Condition")["id"]


def test_an_action_has_its_time_and_its_sender():
    """PRB-2: when it was done."""
    found = next(one for one in resources(cared("PPR^PC1", PRB), "Provenance") if "code" in str(one.get("activity")))
    assert found["recorded"] == "2024-03-09T08:00:00-05:00"
    assert found["activity"]["coding"][0]["code"] == "CREATE"


def test_a_problem_with_an_end_is_resolved():
    """R4 con-4: what ended is inactive, resolved or in remission."""
    line = PRB.replace("|20240601||chronic", "|20240601|20240308|chronic")
    conversion = cared("PPR^PC2", line)
    assert only(conversion, "Condition")["clinicalStatus"]["coding"][0]["code"] == "resolved"
    assert "statement_differs" in codes(conversion)


def test_status_words_of_the_senders_own_stay_beside_the_element():
    """An unmapped code never enters a required binding, and is never lost."""
    conversion = cared(
        "PPR^PC1", PRB.replace("|confirmed|active|", "|maybe|brewing|"), GOL.replace("|active|", "|paused|"),
        PTH.replace("|active|", "|paused|"),
    )  # fmt: skip
    problem, goal, plan = (only(conversion, kind) for kind in ("Condition", "Goal", "CarePlan"))
    kept = [one for holder in (problem, goal["_lifecycleStatus"], plan["_status"]) for one in holder["extension"]]
    words = [one["valueCodeableConcept"]["coding"][0]["code"] for one in kept]
    assert words == ["maybe", "brewing", "paused", "paused"]
    assert "verificationStatus" not in problem
    assert codes(conversion).count("code_unmapped") == 4
