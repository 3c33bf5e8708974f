"""Repeated segments as a snapshot and by action code, from HL7 through the mapping to the store (HL7 v2.5.1 2.10.4)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.changes.notes import ListMode
from tests.unit.changes.feed import PID, Feed, visit
from tests.unit.changes.samples import Resource

BY_ACTION = ListMode.ACTION
PV1 = visit(place="W1^101^A")

# Segment -> type of its resource, and three of them; each with the field of its action code, where it has one.
SEGMENTS: dict[str, tuple[str, list[str], int]] = {
    "AL1": ("AllergyIntolerance", [f"AL1|1|DA|{code}^{code} dust^L" for code in ("nut", "egg", "fox")], 0),
    "IAM": ("AllergyIntolerance", [f"IAM|1|DA|{code}^{code} dust^L|||A" for code in ("nut", "egg", "fox")], 6),
    "DG1": ("Condition", [f"DG1|1||{code}^Ache^I10" for code in ("R51", "R52", "R53")], 21),
    "IN1": ("Coverage", [f"IN1|1|{plan}|C{plan}|Insurer {plan}" for plan in ("P1", "P2", "P3")], 55),
    "NK1": ("RelatedPerson", [f"NK1|1|{name}^Kin|MTH" for name in ("Ida", "Ivo", "Iva")], 0),
    "PR1": ("Procedure", [f"PR1|1||{code}^Repair^L||202602010800+0000" for code in ("A1", "A2", "A3")], 20),
    "GT1": ("RelatedPerson", [f"GT1|1||{name}^Payer" for name in ("Gus", "Gil", "Gia")], 0),
}
SNAPSHOT = {name: said for name, said in SEGMENTS.items() if name != "IAM"}
CODED = {name: said for name, said in SEGMENTS.items() if said[2]}
ACCOUNT = PID + "|" * 10 + "K1^^^GENHOSP^AN"


def retired(feed: Feed, kind: str) -> list[bool]:
    """Return of each resource, in the order they were first stored, whether it no longer counts."""
    return ["retired" in feed.store.marks(name) for name in feed.store.held if name.startswith(kind + "/")]


def with_action(segment: str, number: int, action: str) -> str:
    fields = segment.split("|")
    fields += [""] * (number + 1 - len(fields))
    fields[number] = action
    return "|".join(fields)


@pytest.mark.parametrize("name", SNAPSHOT)
def test_in_a_snapshot_what_is_missing_no_longer_counts(name: str) -> None:
    """The sender lists all there are, every time; another one that is listed again counts again."""
    kind, (first, second, third), _ = SEGMENTS[name]
    feed = Feed(lists={name: ListMode.SNAPSHOT})
    feed.tell("ADT^A01", ACCOUNT, PV1, first, second)
    feed.tell("ADT^A08", ACCOUNT, PV1, second, third)
    assert retired(feed, kind) == [True, False, False]

    feed.tell("ADT^A08", ACCOUNT, PV1, first)

    assert retired(feed, kind) == [False, True, True]


@pytest.mark.parametrize("name", SEGMENTS)
def test_what_no_segment_lists_stays(name: str) -> None:
    """A message without any of them says nothing about them: absent is unchanged."""
    kind, (first, second, _), _ = SEGMENTS[name]
    feed = Feed()
    feed.tell("ADT^A01", ACCOUNT, PV1, first, second)
    feed.tell("ADT^A08", ACCOUNT, PV1)

    assert retired(feed, kind) == [False, False]


@pytest.mark.parametrize("name", SEGMENTS)
def test_by_action_code_what_is_missing_stays(name: str) -> None:
    """The sender names what changes."""
    kind, (first, second, third), _ = SEGMENTS[name]
    feed = Feed(lists={name: BY_ACTION})
    feed.tell("ADT^A01", ACCOUNT, PV1, first, second)
    feed.tell("ADT^A08", ACCOUNT, PV1, third)

    assert retired(feed, kind) == [False, False, False]


@pytest.mark.parametrize("mode", ListMode)
@pytest.mark.parametrize("name", CODED)
def test_what_is_deleted_by_its_code_no_longer_counts(name: str, mode: ListMode) -> None:
    """HL7 tables 0206 and 0323: D, whatever the mode of the others."""
    kind, (first, second, _), number = SEGMENTS[name]
    feed = Feed(lists={name: mode})
    feed.tell("ADT^A01", ACCOUNT, PV1, first, second)
    feed.tell("ADT^A08", ACCOUNT, PV1, with_action(first, number, "D"), second)

    assert retired(feed, kind) == [True, False]


def test_allergies_with_action_codes_are_no_snapshot_unless_the_interface_says_so() -> None:
    """3.4.7: IAM has an action code for each allergy; one that is added must not take the others away."""
    _, (first, second, _), _ = SEGMENTS["IAM"]
    feed = Feed()
    feed.tell("ADT^A60", PID, first)
    feed.tell("ADT^A60", PID, second)
    assert retired(feed, "AllergyIntolerance") == [False, False]

    snapshot = Feed(lists={"IAM": ListMode.SNAPSHOT})
    snapshot.tell("ADT^A60", PID, first)
    snapshot.tell("ADT^A60", PID, second)
    assert retired(snapshot, "AllergyIntolerance") == [True, False]


@pytest.mark.parametrize("name", ["DG1", "PR1"])
def test_an_update_of_diagnoses_and_procedures_names_what_changes(name: str) -> None:
    """BAR^P12 exists to update by identifier and action code (HL7 chapter 6)."""
    kind, (first, second, _), _ = SEGMENTS[name]
    feed = Feed()
    feed.tell("BAR^P01", ACCOUNT, PV1, first)
    feed.tell("BAR^P12", PID, PV1, second)

    assert retired(feed, kind) == [False, False]


def test_the_diagnoses_of_a_visit_follow_their_own_mode() -> None:
    """By action code a visit keeps the diagnoses that a message does not name, and loses the deleted one."""
    _, (first, second, third), number = SEGMENTS["DG1"]
    feed = Feed(lists={"DG1": BY_ACTION})
    feed.tell("ADT^A01", PID, PV1, first, second)
    one, two = (each["condition"] for each in feed.only("Encounter")["diagnosis"])
    feed.tell("ADT^A08", PID, PV1, third)
    assert [each["condition"] for each in feed.only("Encounter")["diagnosis"]][:2] == [one, two]
    feed.tell("ADT^A08", PID, PV1, with_action(first, number, "D"))

    assert one not in [each["condition"] for each in feed.only("Encounter")["diagnosis"]]
    assert len(feed.only("Encounter")["diagnosis"]) == 2


class TestResults:
    """OBX below an OBR: by their status, or as a snapshot of the report."""

    OBR = "OBR|1|P1^EHR|F1^LAB|24323-8^Panel^LN|||202603011000+0000" + "|" * 18 + "{}"

    def obx(self, code: str, value: str, status: str = "F") -> str:
        return f"OBX|1|NM|{code}^Sodium^LN||{value}|mmol/L|||||{status}"

    def tell(self, feed: Feed, report: str, *lines: str) -> Any:
        return feed.tell("ORU^R01", PID, self.OBR.format(report), *lines)

    def listed(self, feed: Feed) -> list[Resource]:
        return [feed.store.said(one["reference"]) for one in feed.only("DiagnosticReport")["result"]]

    def test_a_correction_of_one_result_leaves_the_others_in_the_report(self) -> None:
        """Laboratories send what changed; a report that loses nine of ten results misleads."""
        feed = Feed()
        self.tell(feed, "F", self.obx("2951-2", "138"), self.obx("2823-3", "4"))
        self.tell(feed, "C", self.obx("2823-3", "5", "C"))

        assert [(one["valueQuantity"]["value"], one["status"]) for one in self.listed(feed)] == [
            (138, "final"), (5, "corrected"),
        ]  # fmt: skip

    def test_a_late_result_joins_its_report(self) -> None:
        """P with one, F with the other."""
        feed = Feed()
        self.tell(feed, "P", self.obx("2951-2", "138", "P"))
        self.tell(feed, "F", self.obx("2823-3", "4"))

        assert [one["status"] for one in self.listed(feed)] == ["preliminary", "final"]

    def test_as_a_snapshot_a_result_that_is_missing_was_an_error(self) -> None:
        """Where the interface says so: the report is sent whole each time."""
        feed = Feed(lists={"OBX": ListMode.SNAPSHOT})
        self.tell(feed, "F", self.obx("2951-2", "138"), self.obx("2823-3", "4"))
        self.tell(feed, "C", self.obx("2951-2", "139", "C"))

        assert [one["valueQuantity"]["value"] for one in self.listed(feed)] == [139]
        assert {one["status"] for one in feed.all("Observation")} == {"corrected", "entered-in-error"}

    @pytest.mark.parametrize(
        ("status", "after", "value"),
        [
            ("U", "final", 4), ("D", "entered-in-error", 4), ("W", "entered-in-error", 4),
            ("C", "corrected", 5), ("X", "cancelled", 5), ("F", "final", 5),
        ],
    )  # fmt: skip
    def test_what_follows_a_preliminary_result(self, status: str, after: str, value: int) -> None:
        """HL7 table 0085: U, D and W change the status alone."""
        feed = Feed()
        self.tell(feed, "P", self.obx("2823-3", "4", "P"))
        self.tell(feed, "P", self.obx("2823-3", "5", status))

        [found] = feed.all("Observation")
        assert (found["status"], found["valueQuantity"]["value"]) == (after, value)

    def test_results_are_told_apart_by_what_they_are_and_never_by_their_place(self) -> None:
        """OBX-1 is a position. OBX-3 (its name, where it has no code), OBX-4 and the occurrence tell results apart."""
        feed = Feed()
        group = [
            "OBX|1|NM|2823-3^Potassium^LN||4|mmol/L|||||F",
            "OBX|2|NM|2823-3^Potassium^LN|2|5|mmol/L|||||F",
            "OBX|3|NM|^Colour||6||||||F",
            "OBX|4|NM|^Smell||7||||||F",
            "OBX|5|NM|2823-3^Potassium^LN||8|mmol/L|||||F",  # the second without OBX-4
        ]
        self.tell(feed, "F", *group)
        before = {one["id"]: one["valueQuantity"]["value"] for one in feed.all("Observation")}
        assert sorted(before.values()) == [4, 5, 6, 7, 8]
        shuffled = [group[3], group[1], group[0], group[4], group[2]]
        self.tell(feed, "C", *(line.removesuffix("F") + "C" for line in shuffled))

        assert {one["id"]: one["valueQuantity"]["value"] for one in feed.all("Observation")} == before


OTHERS = {
    "ORU^R01": TestResults.OBR.format("F"),
    "ORM^O01": "ORC|NW|P1^EHR",
    "OML^O21": "ORC|NW|P1^EHR",
    "MDM^T02": "TXA|1|DS|TX|202603011000+0000||||||||D1",
    "DFT^P03": "FT1|1|||202603011000+0000||CG|T1^Visit^L",
}


@pytest.mark.parametrize("event", OTHERS)
def test_who_does_not_own_a_person_creates_them_and_never_changes_them(event: str) -> None:
    """Demographics and visits are ADT's; a laboratory knows a thin copy (design section 6)."""
    thin = ("PID|1||100001^^^GENHOSP^MR||Sampel^J", visit(f2="O", f7="1^Attendd^A"))
    feed = Feed()
    feed.tell(event, *thin, OTHERS[event])
    for kind in ("Patient", "Encounter", "Practitioner"):
        assert [feed.store.marks(name) for name in feed.store.held if name.startswith(kind + "/")] == [["provisional"]]

    feed.tell("ADT^A08", PID, visit(place="W1^101^A", f7="1^Attend^Ada", f44="202603010800+0000"))
    owned = {name: one.resource for name, one in feed.store.held.items()}
    feed.tell(event, *thin, OTHERS[event])

    for name, resource in owned.items():
        if name.startswith(("Patient/", "Encounter/", "Practitioner/")):
            assert feed.store.held[name].resource == resource
            assert feed.store.marks(name) == []
    assert feed.only("Patient")["name"][0]["family"] == "Sample"
    assert feed.only("Practitioner")["name"][0]["family"] == "Attend"


def test_an_appointment_creates_a_provisional_patient_too() -> None:
    """SIU: who books does not know who somebody is."""
    feed = Feed()
    feed.tell("SIU^S12", "SCH|A1|A1|||||Checkup|NORMAL|30|min|^^30^202603021000+0000^202603021030+0000", PID)
    assert feed.store.marks(f"Patient/{feed.only('Patient')['id']}") == ["provisional"]
    feed.tell("ADT^A28", PID + "|||1 Main St^^Linz")
    before = feed.only("Patient")
    feed.tell("SIU^S14", "SCH|A1|A1|||||Checkup|NORMAL|30|min|^^30^202603021000+0000^202603021030+0000", PID)

    assert feed.only("Patient") == before


def test_an_interface_may_say_otherwise_who_owns_what() -> None:
    """`[mapping] owns`: a practice whose only feed is its scheduler."""
    feed = Feed(owned={"SIU": frozenset({"Patient"})})
    appointment = "SCH|A1|A1|||||Checkup|NORMAL|30|min|^^30^202603021000+0000^202603021030+0000"
    feed.tell("SIU^S12", appointment, PID)
    feed.tell("SIU^S14", appointment, PID.replace("Sample", "Married"))

    assert feed.only("Patient")["name"][0]["family"] == "Married"
