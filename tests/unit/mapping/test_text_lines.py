"""A text that comes as one OBX for each of its lines (decision 0157)."""

from __future__ import annotations

import pytest

from shared.fhir import exact_json
from shared.fhir.validate import validate_bundle
from shared.mapping import convert
from shared.mapping.report import Outcome, mapping_report
from tests.unit.mapping.samples import MSH_ORU, OBR, PID, context, message, only, resources, resulted


def line(number: object, said: str, *, kind: str = "TX", name: str = "18782-3^Findings^LN", sub: str = "") -> str:
    """Return one line of a radiologist's report."""
    return f"OBX|{number}|{kind}|{name}|{sub}|{said}||||||F|||20240310083000-0500"


def texts(*lines: str) -> list[str]:
    """Return what each Observation of a report says, in the order of the report."""
    conversion = resulted(OBR, *lines)
    assert validate_bundle(conversion.bundle) == []
    by_url = {"urn:uuid:" + one["id"]: one for one in resources(conversion, "Observation")}
    named = [one["reference"] for one in only(conversion, "DiagnosticReport")["result"]]
    assert list(by_url) == named
    return [one.get("valueString", "") for one in by_url.values()]


@pytest.mark.parametrize("kind", ["TX", "FT"])
@pytest.mark.parametrize("numbers", [(1, 2, 3), (4, 5, 9), ("", "", "")])
@pytest.mark.parametrize("sub", ["", "1"])
def test_lines_that_name_the_same_are_one_text(kind: str, numbers: tuple[object, ...], sub: str):
    """HL7 7.4.2: an OBX is "a single observation or observation fragment"; OBX-3 and OBX-4 together say of which."""
    said = ("No acute", "", "  disease.")
    lines = [line(number, one, kind=kind, sub=sub) for number, one in zip(numbers, said, strict=True)]
    assert texts(*lines) == ["No acute\n\n  disease."]


def test_a_text_keeps_what_its_first_line_says_and_takes_the_note_behind_its_last():
    """One result has one status, one time, one note; nothing of the first line changes."""
    conversion = resulted(OBR, line(1, "No acute"), line(2, "disease."), "NTE|1||read twice")
    (alone,) = resources(resulted(OBR, line(1, "No acute")), "Observation")
    assert only(conversion, "Observation") == {
        **alone,
        "valueString": "No acute\ndisease.",
        "note": [{"text": "read twice"}],
    }


def test_a_line_may_leave_out_what_the_first_one_said():
    """Many senders say status and time once."""
    assert texts(line(1, "No acute"), "OBX|2|TX|18782-3^Findings^LN||disease.", "OBX|3|TX|18782-3^Findings^LN") == [
        "No acute\ndisease."
    ]


def test_a_first_line_that_is_empty_loses_nothing():
    """The text begins where it begins."""
    assert texts(line(1, ""), line(2, "No acute"), line(3, "disease."), line(4, "")) == ["No acute\ndisease."]


def test_lines_of_several_repetitions_stay_in_order():
    """TX may repeat as well (HL7 7.4.2.5)."""
    assert texts(line(1, "one~two"), line(2, "three~~five")) == ["one\ntwo\nthree\n\nfive"]


@pytest.mark.parametrize(
    "second",
    [
        line(2, "b", name="19005-8^Impression^LN"),
        line(2, "b", sub="2"),
        line(2, "b", kind="FT"),
        line(1, "b"),
        line("", "b"),
        line(2, "b").replace("|F|", "|C|"),
        line(2, "b").replace("0830", "0930"),
        line(2, "b") + "||4777^Read^Rita",
        "NTE|1||of the first line alone\r" + line(2, "b"),
        "ZLI|1\r" + line(2, "b"),
    ],
    ids=["name", "sub-id", "type", "set-id", "no-set-id", "status", "time", "observer", "note", "segment"],
)
def test_what_differs_in_anything_is_a_result_of_its_own(second: str):
    """Never are two results made one: what has a name, status, time, author or note of its own stands alone."""
    assert texts(line(1, "a"), *second.split("\r")) == ["a", "b"]


def test_short_values_of_one_name_are_never_made_one():
    """An ST is a value: two of them may be two results, 6.4 and 7.8 of one analyte, and no sub-id tells them apart."""
    assert texts(line(1, "6.4", kind="ST"), line(2, "7.8", kind="ST")) == ["6.4", "7.8"]


def test_a_deleted_text_is_not_the_beginning_of_another():
    """An HL7 null deletes the stored text; what follows is told beside it."""
    assert texts(line(1, '""'), line(2, "b")) == ["", "b"]


def test_each_line_is_in_the_report_as_mapped():
    """Every value of every line went somewhere; nothing of them counts as lost."""
    sent = message(MSH_ORU, PID, OBR, line(1, "No acute"), line(2, "disease.") + "||4777^Read^Rita", line(3, "End"))
    lost = [fate.place for fate in mapping_report(sent, context()).fates if fate.outcome is Outcome.LOST]
    assert lost == []
    same = message(MSH_ORU, PID, OBR, line(1, "No acute"), line(2, "disease."))
    told = mapping_report(same, context())
    fates = {fate.place: fate.target for fate in told.fates if fate.place.startswith("OBX(2)")}
    assert (fates["OBX(2)-5"], fates["OBX(2)-11"]) == ("Observation.value[x]", "Observation.status")
    assert exact_json.dumps(told.conversion.bundle) == exact_json.dumps(convert(same, context()).bundle)
