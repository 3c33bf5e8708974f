"""`caduceus explain`: each value of a message beside the FHIR element it became."""

from __future__ import annotations

from .conftest import MESSAGE


def test_each_value_is_lined_up_with_its_element_and_the_guides_row(run, folder):
    """An analyst sees at a glance where PID-5 went, and by which row."""
    ran = run("explain", folder(one=MESSAGE % b"C1"))
    assert ran.code == 0
    row = next(line for line in ran.out.splitlines() if line.startswith("PID-5.1"))
    assert row.split() == ["PID-5.1", "Smith", "mapped", "Patient.name.family", "PID[Patient]", "7"]


def test_only_lost_shows_what_reaches_no_element(run, folder):
    """What counts against the budget of an interface."""
    message = MESSAGE % b"C1" + b"ZXX|local\r"
    ran = run("explain", folder(one=message), "--only", "lost", "--json")
    (found,) = ran.json["messages"]
    assert (found["values"][-1]["place"], found["values"][-1]["value"]) == ("ZXX-1", "local")
    assert {one["outcome"] for one in found["values"]} == {"lost"}
    assert found["counts"]["lost"] == len(found["values"])
    assert found["interface"] == "hl7_default"


def test_a_line_that_is_no_segment_has_its_place_too(run, folder):
    """A malformed line is where the question usually is."""
    ran = run("explain", folder(one=MESSAGE % b"C1" + b"PIDX|oops\r"), "--json")
    assert ran.code == 0
    assert any(one["outcome"] == "lost" for one in ran.json["messages"][0]["values"])


def test_what_cannot_be_read_is_said_and_the_others_are_explained(run, folder):
    """One bad file does not hide the others."""
    ran = run("explain", folder(bad=b"hello", good=MESSAGE % b"C1"), "--json")
    assert ran.code == 1
    assert [one.get("error", {}).get("code") for one in ran.json["messages"]] == ["HL7-101", None]


def test_a_word_that_is_no_outcome_is_refused(run, folder):
    """An empty table would say that nothing is lost."""
    assert run("explain", folder(one=MESSAGE % b"C1"), "--only", "losst").code == 2


def test_a_long_value_is_shown_by_its_beginning_and_is_whole_in_json(run, folder):
    """A PDF of 10 MB in OBX-5 was half a minute of lines on the screen."""
    document = "J" * 100_000
    files = folder(one=MESSAGE % b"C1" + b"OBX|1|ST|PDF^Report^L||" + document.encode() + b"||||||F\r")
    (row,) = [line for line in run("explain", files).out.splitlines() if line.startswith("OBX-5")]
    assert row.split()[1:5] == ["J" * 200, "...", "100,000", "characters"]
    values = run("explain", files, "--json").json["messages"][0]["values"]
    assert document in [one["value"] for one in values]


def test_interfaces_that_cannot_be_used_are_one_sentence(run, folder, tmp_path):
    """Not one for each message of the folder."""
    files = folder(a=MESSAGE % b"C1", b=MESSAGE % b"C2")
    for command in (["explain", files], ["convert", files, "--out", tmp_path / "out"]):
        ran = run(*command, "--interfaces", tmp_path / "nowhere")
        assert ran.code == 1
        assert (ran.out, ran.err.count("REGISTRY-001")) == ("", 1)
