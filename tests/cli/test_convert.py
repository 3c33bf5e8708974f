"""`caduceus convert`: files in, FHIR out, no hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.naming import output_names

from .conftest import MESSAGE

SAMPLES = Path(__file__).parents[2] / "interfaces"


def test_each_message_gives_a_bundle_and_a_report(run, folder, tmp_path):
    """An analyst tries a message before anybody runs a hub."""
    out = tmp_path / "out"
    ran = run("convert", folder(one=MESSAGE % b"C1"), "--out", out, "--workers", 1)
    bundle = json.loads((out / "one.json").read_bytes())
    report = json.loads((out / "one.report.json").read_bytes())
    patient = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
    assert ran.code == 0
    assert patient["name"][0]["family"] == "Smith"
    assert (report["message"], report["event"], report["interface"]) == ("ADT", "A01", "hl7_default")
    assert next(value["outcome"] for value in report["values"] if value["place"] == "PID-5.1") == "mapped"
    assert "1 of 1 message converted" in ran.out


def test_the_result_is_the_same_with_one_process_and_with_several(run, tmp_path):
    """A result that depends on who read what cannot be compared with the last release's."""
    for workers in (1, 2):
        assert run("convert", SAMPLES, "--out", tmp_path / str(workers), "--workers", workers, "--json").code == 0
    one, two = ({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("1", "2"))
    assert len(one) == 2 * len([*SAMPLES.rglob("*.hl7"), *SAMPLES.rglob("*.fhir.json")])
    assert one == two


def test_what_cannot_be_read_is_reported_by_code_and_the_others_are_converted(run, folder, tmp_path):
    """One bad file of ten thousand is a line in the summary, not the end."""
    out = tmp_path / "out"
    files = folder(bad=b"hello", good=MESSAGE % b"C1")
    out.mkdir()
    (out / "bad.json").write_text("from an earlier run")
    ran = run("convert", files, "--out", out, "--json")
    assert ran.code == 1
    assert (ran.json["messages"], ran.json["converted"]) == (2, 1)
    assert [(one["name"], one["code"]) for one in ran.json["failed"]] == [("bad", "HL7-101")]
    assert json.loads((out / "bad.report.json").read_bytes())["error"]["code"] == "HL7-101"
    assert not (out / "bad.json").exists()


def test_the_messages_of_a_batch_are_numbered(run, folder, tmp_path):
    """Each message has its own bundle."""
    out = tmp_path / "out"
    run("convert", folder(night=MESSAGE % b"C1" + MESSAGE % b"C2"), "--out", out)
    assert sorted(file.name for file in out.glob("night*")) == [
        "night.0001.json",
        "night.0001.report.json",
        "night.0002.json",
        "night.0002.report.json",
    ]


def test_equal_names_in_different_folders_do_not_overwrite_each_other():
    """Silence here would lose a result."""
    files = [Path(name) for name in ("in/a/x.hl7", "in/b/x.hl7", "in/b/x.txt", "in/b/y.hl7", "in/b/X.msg")]
    names = output_names(files)
    assert len({name.casefold() for name in names.values()}) == len(files)
    assert (names[files[0]], names[files[3]]) == ("a-x", "y")


def test_an_output_folder_that_cannot_be_made_is_explained(run, folder):
    """The path names a file that is there already."""
    files = folder(one=MESSAGE % b"C1")
    ran = run("convert", files, "--out", files / "one.hl7")
    assert (ran.code, "cannot be made" in ran.err) == (2, True)


def test_a_file_in_fhir_is_converted_as_its_interface_says(run, tmp_path):
    """Whoever writes an interface for an R5 app tries its samples before anybody runs a hub."""
    sample = SAMPLES / "vitals_app" / "samples" / "02-corrected-reading.fhir.json"
    ran = run("convert", sample, "--out", tmp_path)
    bundle = json.loads((tmp_path / "02-corrected-reading.json").read_bytes())
    report = json.loads((tmp_path / "02-corrected-reading.report.json").read_bytes())
    assert ran.code == 0
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["Patient", "Observation"]
    assert report["counts"]["lost"] == 2  # Observation.triggeredBy came with R5
    outcomes = {value["place"]: value for value in report["values"]}
    assert outcomes["Observation.valueQuantity.code"]["target"] == "Observation.valueQuantity.code"
    assert outcomes["Observation.id"]["outcome"] == "ignored"


def test_a_file_in_fhir_may_be_anybodys_and_is_never_overwritten(run, tmp_path):
    """Its name is no reason to take it for the interface of its folder, and its bundle has the same one."""
    file = tmp_path / "p.json"
    file.write_text('{"resourceType": "Patient", "active": true}')
    assert run("convert", file, "--out", tmp_path).code == 2
    assert file.read_text() == '{"resourceType": "Patient", "active": true}'
    assert run("convert", file, "--out", tmp_path / "out", "--interface", "vitals_app").code == 0
    assert run("convert", file, "--out", tmp_path / "out", "--interface", "hospital_adt").code == 2


def test_invalid_fhir_is_reported_with_its_place(run, tmp_path):
    """The sender's developer fixes what the report names."""
    file = tmp_path / "o.fhir.json"
    file.write_text('{"resourceType": "Observation", "status": "final"}')
    ran = run("convert", tmp_path, "--out", tmp_path / "out", "--json")
    assert ran.code == 1
    assert [one["code"] for one in ran.json["failed"]] == ["FHIR-005"]
    assert "fhir_missing Observation code is required" in ran.json["failed"][0]["error"]


def test_a_file_that_cannot_be_read_is_a_line_in_the_summary(run, folder, tmp_path, unreadable):
    """One file of somebody else's among ten thousand is not the end."""
    out = tmp_path / "out"
    folder(a=MESSAGE % b"C1", b=MESSAGE % b"C2", c=MESSAGE % b"C3")
    unreadable("b.hl7")
    ran = run("convert", tmp_path, "--out", out, "--workers", 1, "--json")
    assert (ran.code, ran.json["converted"], [one["name"] for one in ran.json["failed"]]) == (1, 2, ["b"])
    assert "b.hl7 cannot be read (Permission denied)" in ran.json["failed"][0]["error"]


def test_a_result_that_cannot_be_written_is_one_sentence(run, folder, tmp_path):
    """The folder is somebody else's, or the disk is full: a traceback names neither."""
    out = tmp_path / "out"
    (out / "one.json").mkdir(parents=True)
    ran = run("convert", folder(one=MESSAGE % b"C1"), "--out", out, "--workers", 1)
    assert ran.code == 2
    assert f"{out / 'one.json'} cannot be written (Is a directory); name another --out" in ran.err


@pytest.mark.parametrize(
    ("before", "line_end", "after", "told"),
    [
        (b"", b"\r", b"", []),
        (b"", b"\n", b"", [("line_end_not_cr", "MSH", "")]),
        (b"", b"\r\n", b"", [("line_end_not_cr", "MSH", "")]),
        (b"\xef\xbb\xbf", b"\r", b"", [("byte_order_mark", "MSH", "")]),
        (b"\xef\xbb\xbf\n", b"\n", b"\n", [("byte_order_mark",), ("blank_before_header",), ("line_end_not_cr",)]),
        (b"\x0b", b"\r", b"\x1c\r", []),  # a recorded frame: its marks are of the line
    ],
)
def test_what_a_sender_does_against_the_standard_is_in_the_report_and_nothing_else_differs(
    run, folder, tmp_path, before, line_end, after, told
):
    """An analyst hears from the first file what the sender should repair, as from the hub."""
    sent = MESSAGE % b"C1"
    run("convert", folder(one=before + sent.replace(b"\r", line_end) + after), "--out", tmp_path / "out")
    run("convert", folder(one=sent), "--out", tmp_path / "usual")
    (found, report), (usual, usual_report) = (
        [(tmp_path / out / name).read_bytes() for name in ("one.json", "one.report.json")] for out in ("out", "usual")
    )
    findings, usual_findings = json.loads(report)["findings"], json.loads(usual_report)["findings"]

    assert found == usual
    assert findings[len(told) :] == usual_findings
    said = [tuple(one.values())[: len(expected)] for one, expected in zip(findings, told, strict=False)]
    assert said == told
    assert {**json.loads(report), "findings": usual_findings} == json.loads(usual_report)
