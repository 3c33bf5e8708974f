"""The tree of a message."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping import Conversion
from shared.mapping.grouping import PARENTS, ROOT, Node, group
from shared.mapping.report import mapping_report
from tests.unit.mapping.samples import MSH_ORU, PID, codes, context, converted, message, only, resulted


def names(node: Node) -> list[object]:
    """Return a tree as nested lists of names."""
    return [node.segment.name, *(names(child) for child in node.children)]


def tree(*lines: str) -> list[object]:
    """Return the tree of a message of these segments."""
    root, _ = group(message(MSH_ORU, *lines).segments)
    return names(root)


def resulted_before(*lines: str) -> Conversion:
    """Return the conversion of an ORU^R01 whose lines come before the PID."""
    return converted(MSH_ORU, *lines, PID)


def test_results_stand_under_their_order_and_notes_under_their_result():
    """The heart of ORU_R01."""
    assert tree("PID|1", "ORC|RE", "OBR|1", "NTE|1", "OBX|1", "NTE|1", "NTE|2", "OBX|2", "SPM|1", "OBX|3") == [
        "MSH",
        ["PID", ["ORC", ["OBR", ["NTE"], ["OBX", ["NTE"], ["NTE"]], ["OBX"], ["SPM", ["OBX"]]]]],
    ]


def test_an_orc_takes_one_obr():
    """A second OBR without its own ORC begins an order of its own."""
    assert tree("PID|1", "ORC|RE", "OBR|1", "OBR|2") == ["MSH", ["PID", ["ORC", ["OBR"]], ["OBR"]]]


def test_a_local_segment_closes_nothing():
    """A Z-segment between OBR and OBX must not cost the OBX its order."""
    assert tree("PID|1", "OBR|1", "ZXX|1", "OBX|1") == ["MSH", ["PID", ["OBR", ["ZXX"], ["OBX"]]]]
    assert "segment_local" in codes(resulted("OBR|1", "ZXX|1"))


def test_a_segment_without_its_parent_is_kept_with_a_finding():
    """Nothing is dropped because something before it is missing."""
    root, findings = group(message(MSH_ORU, "OBR|1", "OBX|1").segments)
    assert names(root) == ["MSH", ["OBR", ["OBX"]]]
    assert [finding.code for finding in findings] == ["segment_without_parent"]


def test_relatives_and_a_visit_that_come_before_the_only_patient_are_that_patients():
    """Some senders put NK1 before PID: the message speaks of one person, and a note below stays with its relative."""
    assert tree("NK1|1", "NTE|1", "NK1|2", "PV1|1", "PID|1", "PD1", "ORC|NW") == [
        "MSH",
        ["PID", ["NK1", ["NTE"]], ["NK1"], ["PV1"], ["PD1"], ["ORC"]],
    ]
    conversion = resulted_before("NK1|1|Sample^John|SPO")
    relative = only(conversion, "RelatedPerson")
    assert relative["patient"] == {"reference": "urn:uuid:" + only(conversion, "Patient")["id"]}
    assert codes(conversion) == ["segment_before_parent"]


def test_a_visit_before_its_patient_is_the_same_visit_as_after():
    """Without a number the admission time identifies a visit, beside whose it is (decision 0005)."""
    visit = "PV1|1|I" + "|" * 42 + "20240310070000"
    before, after = resulted_before(visit), resulted(visit)
    assert only(before, "Encounter") == only(after, "Encounter")


def test_of_several_patients_none_takes_what_comes_before_them():
    """Whose it is nobody can tell."""
    assert tree("NK1|1", "PID|1", "PID|2") == ["MSH", ["NK1"], ["PID"], ["PID"]]


def test_a_result_never_goes_to_a_patient_that_comes_after_it():
    """Its own PID may have been lost: no result is given to somebody else."""
    assert tree("OBR|1", "OBX|1", "PID|1", "OBR|2") == ["MSH", ["OBR", ["OBX"]], ["PID", ["OBR"]]]


def test_a_broken_line_is_named_by_its_number():
    """A line that lost its segment name may begin with a patient's: no finding and no report repeats it."""
    sent = message(MSH_ORU, PID, "Sam|1")
    report = mapping_report(sent, context())
    assert {fate.place for fate in report.fates if "line" in fate.place} == {"line 3-1"}
    assert "Sam" not in str(report.to_dict())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(sorted({*PARENTS, *ROOT, "ZAB", "QQQ"})), max_size=30))
def test_no_segment_is_ever_dropped(drawn: list[str]):
    """Whatever the order: the tree holds every segment once, in message order."""
    sent = message(MSH_ORU, PID, *(f"{name}|1" for name in drawn))
    root, _ = group(sent.segments)
    found: list[int] = []
    waiting = [root]
    while waiting:
        node = waiting.pop(0)
        found.append(node.segment.index)
        waiting = [*node.children, *waiting]
    assert found == list(range(len(drawn) + 2))
