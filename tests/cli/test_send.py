"""`caduceus send`: files in, acknowledgements out."""

from __future__ import annotations

import pytest

from shared.ingest.outcome import refused, taken
from shared.message.errors.fhir import FhirInvalid
from shared.message.finding import Finding
from shared.message.identifiers import MessageId

from .conftest import ACK, MESSAGE, acknowledge


def test_each_message_is_sent_in_order_and_its_acknowledgement_is_shown(run, receiver, folder):
    """A newcomer sees what the hub said to every message."""
    files = folder(b__2=MESSAGE % b"C3", a__1=MESSAGE % b"C1", a__2=MESSAGE % b"C2")
    ran = run("send", files, "--to", receiver.url)
    assert ran.code == 0
    assert [frame.split(b"|")[9] for frame in receiver.got] == [b"C1", b"C2", b"C3"]
    assert [line.split()[:3] for line in ran.out.splitlines()[1:4]] == [
        ["AA", "C1", "ADT^A01"],
        ["AA", "C2", "ADT^A01"],
        ["AA", "C3", "ADT^A01"],
    ]
    assert ran.out.splitlines()[-1].startswith(f"3 sent to {receiver.url}: 3 AA in ")


def test_json_is_one_document_with_every_acknowledgement(run, receiver, folder):
    """A script reads it; nothing else may be on standard output."""
    file = folder(one=MESSAGE % b"C1") / "one.hl7"
    ran = run("send", file, "--to", receiver.url, "--json")
    [answer] = ran.json["messages"]
    assert ran.json["codes"] == {"AA": 1}
    assert (answer["file"], answer["code"], answer["control_id"], answer["type"]) == (str(file), "AA", "C1", "ADT^A01")
    assert answer["milliseconds"] > 0
    assert ran.err == ""


@pytest.mark.parametrize("code", [b"AE", b"AR", b"CE"])
def test_a_refused_message_does_not_stop_the_others_and_ends_in_exit_code_1(run, receiver, folder, code):
    """A pipeline that sends must notice; the good messages arrive all the same."""
    receiver.reply = lambda frame: acknowledge(frame, code if b"|C1|" in frame else b"AA")
    ran = run("send", folder(a=MESSAGE % b"C1", b=MESSAGE % b"C2"), "--to", receiver.url, "--json")
    assert (ran.code, ran.json["codes"]) == (1, {code.decode(): 1, "AA": 1})


def test_the_error_of_an_acknowledgement_is_shown(run, receiver, folder):
    """AE alone sends people to the logs; ERR says what is wrong."""
    receiver.reply = lambda frame: acknowledge(frame, b"AE") + b"ERR||PID^1^3|101^Required field missing|E|HL7-100\r"
    ran = run("send", folder(a=MESSAGE % b"C1"), "--to", receiver.url)
    assert "101 HL7-100 PID" in ran.out


def test_what_happened_is_told_before_what_is_next(run, receiver, folder):
    """As the hub answers: MSA-3 says what, ERR-8 what next, and both name the code."""
    err = b"ERR||MSH|202|E|INGEST-003|||correct MSH-11 at the sender\r"
    receiver.reply = lambda frame: acknowledge(frame, b"AR").rstrip(b"\r") + b"|INGEST-003: not this one\r" + err
    ran = run("send", folder(a=MESSAGE % b"C1"), "--to", receiver.url)
    assert "202 INGEST-003: not this one; correct MSH-11 at the sender\n" in ran.out


def test_an_answer_to_another_message_is_not_an_acceptance(run, receiver, folder):
    """Off by one on a line loses a message: MSA-2 must be the MSH-10 that was sent."""
    receiver.reply = lambda _: ACK % (b"AA", b"OTHER")
    ran = run("send", folder(a=MESSAGE % b"C1"), "--to", receiver.url, "--json")
    assert (ran.code, ran.json["codes"]) == (1, {"unreadable": 1})


def test_a_closed_connection_is_told_and_the_next_message_gets_a_new_one(run, receiver, folder):
    """That is how a hub answers what is not HL7; the rest of the folder must still go."""
    receiver.reply = lambda frame: acknowledge(frame) if frame.startswith(b"MSH") else None
    ran = run("send", folder(a=b"hello", b=MESSAGE % b"C2"), "--to", receiver.url, "--json")
    assert (ran.code, ran.json["codes"]) == (1, {"closed": 1, "AA": 1})


def test_nobody_listening_is_one_sentence_and_exit_code_2(run, folder):
    """The commonest mistake: the hub was not started."""
    ran = run("send", folder(a=MESSAGE % b"C1"), "--to", "mllp://127.0.0.1:1")
    assert ran.code == 2
    assert ran.err == (
        "caduceus: mllp://127.0.0.1:1: connection refused; is the receiver running? `caduceus up` starts a hub\n"
    )
    assert ran.out.strip() == ""  # no table of nothing


def test_a_receiver_that_does_not_answer_is_exit_code_2_and_may_have_taken_it(run, receiver, folder):
    """Sent and not answered is not the same as not sent."""
    receiver.reply = lambda _: b""
    ran = run("send", folder(a=MESSAGE % b"C1", b=MESSAGE % b"C2"), "--to", receiver.url, "--timeout", 0.2)
    assert (ran.code, len(receiver.got)) == (2, 1)
    assert "no answer within 0.2 s to a.hl7, message 1: it may have been taken" in ran.err


def test_a_batch_is_split_into_its_messages(run, receiver, folder):
    """A file of a nightly export holds thousands; each has its own acknowledgement."""
    batch = b"FHS|^~\\&|W\rBHS|^~\\&|W\r" + MESSAGE % b"C1" + MESSAGE % b"C2" + b"BTS|2\rFTS|1\r"
    ran = run("send", folder(night=batch), "--to", receiver.url, "--json")
    assert [(one["number"], one["control_id"]) for one in ran.json["messages"]] == [(1, "C1"), (2, "C2")]
    assert receiver.got == [MESSAGE % b"C1", MESSAGE % b"C2"]


@pytest.mark.parametrize("option", [[], ["--as-is"]])
def test_a_recorded_line_is_sent_without_the_marks_of_its_frames(run, receiver, folder, option):
    """A capture has VT and FS CR around each message; sent once more, the frame ends early and the rest is noise."""
    recorded = b"\x0b" + MESSAGE % b"C1" + b"\x1c\r\x0b" + MESSAGE % b"C2" + b"\x1c\r"
    ran = run("send", folder(line=recorded), "--to", receiver.url, "--json", *option)
    assert (ran.code, ran.json["codes"]) == (0, {"AA": 2})
    assert receiver.got == [MESSAGE % b"C1", MESSAGE % b"C2"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_become_carriage_returns_unless_asked_otherwise(run, receiver, folder, line_end):
    """Editors write LF; a receiver that keeps to the standard takes CR only."""
    written = (MESSAGE % b"C1").replace(b"\r", line_end)
    files = folder(a=written)
    run("send", files, "--to", receiver.url)
    run("send", files, "--to", receiver.url, "--as-is")
    assert [frame.rstrip() for frame in receiver.got] == [(MESSAGE % b"C1").rstrip(), written.rstrip()]


def test_several_connections_send_every_message_once(run, receiver, folder):
    """Load needs more than one line; none may send a file twice or leave one out."""
    names = {f"m{number:03}": MESSAGE % b"C%d" % number for number in range(60)}
    ran = run("send", folder(**names), "--to", receiver.url, "--connections", 4, "--json")
    assert ran.json["codes"] == {"AA": 60}
    assert len({frame.split(b"|")[9] for frame in receiver.got}) == len(receiver.got) == 60


def test_a_hub_takes_messages_over_http_too(run, hub, folder):
    """The same command for both doors of a hub."""
    hub.answer("/ingest/ward", ACK % (b"AA", b"C1"))
    ran = run("send", folder(a=MESSAGE % b"C1"), "--to", f"{hub.url}/ingest/ward", "--json")
    assert (ran.code, ran.json["codes"]) == (0, {"AA": 1})
    assert hub.asked == [("POST", "/ingest/ward", MESSAGE % b"C1")]


def test_a_refusal_over_http_is_read_from_the_acknowledgement(run, hub, folder):
    """HTTP 422 carries the same AE or AR as MLLP."""
    hub.answer("/ingest", ACK % (b"AR", b"C1"), status=422)
    ran = run("send", folder(a=MESSAGE % b"C1"), "--to", hub.url, "--json")
    assert (ran.code, ran.json["codes"]) == (1, {"AR": 1})


@pytest.mark.parametrize("to", ["localhost:2575", "mllp://host", "ftp://host/x", "mllp://host:port"])
def test_a_target_that_is_none_is_explained(run, folder, to):
    """The sentence shows how it is written."""
    ran = run("send", folder(a=MESSAGE % b"C1"), "--to", to)
    assert ran.code == 2
    assert ran.err == f"caduceus: --to {to}: that is no target; write mllp://host:port or http://host:port/ingest/ID\n"


def test_a_path_that_does_not_exist_and_an_empty_folder_are_explained(run, tmp_path):
    """A typing error must not look like success with nothing sent."""
    assert "nowhere does not exist" in run("send", tmp_path / "nowhere").err
    assert "there is no file with .hl7" in run("send", tmp_path).err
    assert run("send", tmp_path).code == 2


def test_a_file_in_fhir_goes_over_http_as_it_is_and_says_what_the_hub_said(run, hub, tmp_path):
    """One command for both forms; the bytes are the sender's, or a copy would not be known as one."""
    file = tmp_path / "p.json"
    file.write_bytes(b'{\n  "resourceType": "Patient"\n}\n')
    hub.answer("/ingest/app", taken(MessageId("0-01")).body, 202)
    ran = run("send", file, "--to", f"{hub.url}/ingest/app", "--json")
    assert (ran.code, ran.json["codes"]) == (0, {"taken": 1})
    assert ran.json["messages"][0]["detail"] == "taken as message 0-01"
    assert ran.json["messages"][0]["type"] == "FHIR^Patient"
    assert hub.asked == [("POST", "/ingest/app", file.read_bytes())]


def test_what_the_hub_refuses_of_fhir_is_shown_with_its_places(run, hub, tmp_path):
    """An OperationOutcome that nobody reads is a support call."""
    file = tmp_path / "p.json"
    file.write_bytes(b'{"resourceType": "Patient", "gender": "x"}')
    error = FhirInvalid.of(Finding("fhir_code", "Patient.gender", "required value set administrative-gender"))
    hub.answer("/ingest/app", refused(error).body, 422)
    ran = run("send", file, "--to", f"{hub.url}/ingest/app", "--json")
    assert (ran.code, ran.json["codes"]) == (1, {"refused": 1})
    assert "FHIR-005" in ran.json["messages"][0]["detail"]
    assert "at Patient.gender" in ran.json["messages"][0]["detail"]


def test_fhir_does_not_go_over_mllp(run, receiver, tmp_path):
    """The default target is MLLP; whoever forgets --to hears why, and nothing is sent."""
    file = tmp_path / "p.json"
    file.write_bytes(b'{"resourceType": "Patient"}')
    ran = run("send", file, "--to", receiver.url)
    assert ran.code == 2
    assert "/ingest/ID" in ran.err
    assert receiver.got == []


def test_a_file_that_cannot_be_read_is_not_blamed_on_the_receiver(run, receiver, folder, unreadable):
    """Whoever reads "is the receiver running?" looks in the wrong place."""
    files = folder(a=MESSAGE % b"C1", b=MESSAGE % b"C2")
    unreadable("b.hl7")
    ran = run("send", files, "--to", receiver.url)
    assert ran.code == 2
    assert ran.err == f"caduceus: {files / 'b.hl7'} cannot be read (Permission denied); check its rights\n"
