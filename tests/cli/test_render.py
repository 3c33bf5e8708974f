"""`caduceus render`: FHIR in, HL7 v2 out, no hub."""

from __future__ import annotations

import json

from .conftest import MESSAGE

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "urn:id:HERE", "value": "77"}],
    "name": [{"family": "Smith", "given": ["Ann"]}],
    "photo": [{"url": "https://x.example/1.png"}],
}


def test_a_bundle_that_was_converted_comes_back_as_the_message(run, folder, tmp_path):
    """What one command makes of a message, the other reads."""
    out = tmp_path / "out"
    run("convert", folder(one=MESSAGE % b"C1"), "--out", out)
    ran = run("render", out / "one.json")
    assert ran.code == 0
    assert "PID|1||77^^^HERE^MR||Smith^Ann\n" in ran.out
    assert "ADT^A01^ADT_A01|C1|P|2.5.1" in ran.out


def test_json_has_the_message_as_it_is_sent_and_every_finding(run, tmp_path):
    """A script tells a partner what the message cannot say."""
    (tmp_path / "p.json").write_text(json.dumps(PATIENT))
    ran = run("render", tmp_path / "p.json", "--type", "ADT^A04", "--json")
    (found,) = ran.json["messages"]
    assert found["type"] == "ADT^A04"
    assert "\rPID|1||77^^^HERE||Smith^Ann\r" in found["message"]
    assert {"code": "element_not_carried", "place": "Patient.photo.url", "detail": ""} in found["findings"]


def test_out_writes_a_file_for_each_bundle(run, tmp_path):
    """Byte by byte what goes over the wire."""
    (tmp_path / "p.json").write_text(json.dumps(PATIENT))
    ran = run("render", tmp_path / "p.json", "--out", tmp_path / "out")
    assert ran.code == 0
    assert (tmp_path / "out" / "p.hl7").read_bytes().endswith(b"\rPV1|1|N\r")
    assert "Patient.photo.url" in ran.err


def test_what_has_no_message_is_one_sentence_and_exit_code_1(run, tmp_path):
    """The others of a hundred files are written all the same."""
    (tmp_path / "p.json").write_text(json.dumps(PATIENT))
    ran = run("render", tmp_path / "p.json", "--type", "BAR^P01")
    assert ran.code == 1
    assert "RENDER-001" in ran.err


def test_what_has_not_the_form_of_r4_is_refused_by_its_place(run, tmp_path):
    """A bundle of another version, or somebody's own JSON, would become a message full of holes."""
    (tmp_path / "p.json").write_text(json.dumps({**PATIENT, "name": "Ann Smith"}))
    ran = run("render", tmp_path / "p.json", "--type", "ADT^A04")
    assert ran.code == 1
    assert "RENDER-004" in ran.err
    assert "name" in ran.err
    assert "Ann" not in ran.err


def test_what_is_no_fhir_is_not_done(run, tmp_path):
    """A report file beside the bundles is no bundle."""
    (tmp_path / "x.json").write_text("[]")
    assert run("render", tmp_path / "x.json").code == 2
    assert run("render", tmp_path / "nothing.json").code == 2


def test_a_folder_that_cannot_be_made_is_one_sentence(run, tmp_path):
    """A traceback names no folder."""
    (tmp_path / "file.json").write_text("{}")
    ran = run("render", tmp_path / "file.json", "--out", tmp_path / "file.json" / "out")
    assert ran.code == 2
    assert "cannot be made (Not a directory); name another folder" in ran.err
