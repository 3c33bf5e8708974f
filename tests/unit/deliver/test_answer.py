"""Every row of the outcome tables, and what decides it: may the destination have taken the message?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.deliver.answer import (
    ACKNOWLEDGEMENTS,
    CONDITIONS,
    ISSUES,
    LONGEST_WAIT_SECONDS,
    SILENCES,
    STATUS_CLASSES,
    STATUSES,
    answer_to_acknowledgement,
    answer_to_http,
    answer_to_silence,
)
from shared.message.delivery import Answer, Verdict
from shared.message.silence import Silence

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ACCEPTED, TRANSIENT, PERMANENT, AMBIGUOUS = Verdict.ACCEPTED, Verdict.TRANSIENT, Verdict.PERMANENT, Verdict.AMBIGUOUS

SILENT = [
    (Silence.REFUSED, TRANSIENT, "nobody listened"),
    (Silence.NAME_UNKNOWN, TRANSIENT, "no address to send to"),
    (Silence.UNREACHABLE, TRANSIENT, "no route"),
    (Silence.TLS_FAILED, TRANSIENT, "the message is sent only after the handshake"),
    (Silence.CONNECT_TIMED_OUT, TRANSIENT, "never connected"),
    (Silence.CLOSED_BEFORE_SENT, TRANSIENT, "the end of the message never left"),
    (Silence.TIMED_OUT_BEFORE_SENT, TRANSIENT, "the end of the message never left"),
    (Silence.CLOSED_AFTER_SENT, AMBIGUOUS, "only the answer may be lost"),
    (Silence.TIMED_OUT, AMBIGUOUS, "it may be at work on it"),
    (Silence.UNREADABLE, AMBIGUOUS, "it answered something"),
    (Silence.MISMATCHED, AMBIGUOUS, "it answered to something else"),
]

HTTP = [
    (200, ACCEPTED, "taken"),
    (201, ACCEPTED, "created"),
    (202, ACCEPTED, "taken, to be worked on"),
    (204, ACCEPTED, "taken, nothing to say"),
    (301, TRANSIENT, "moved: a person corrects the address, the message is sound"),
    (307, TRANSIENT, "content never follows a redirect"),
    (400, PERMANENT, "the same bytes are refused again"),
    (401, TRANSIENT, "our credentials, not the message"),
    (403, TRANSIENT, "our rights, not the message"),
    (404, TRANSIENT, "the address, or a service being replaced"),
    (405, TRANSIENT, "the address"),
    (406, PERMANENT, "it never answers as we ask"),
    (407, TRANSIENT, "a proxy's credentials"),
    (408, TRANSIENT, "RFC 9110: it did not receive a complete request"),
    (409, TRANSIENT, "another writer, or our own first copy still at work"),
    (410, TRANSIENT, "the address"),
    (412, TRANSIENT, "somebody wrote in between"),
    (413, PERMANENT, "the message will not shrink"),
    (415, PERMANENT, "the shape is wrong"),
    (421, TRANSIENT, "the address"),
    (422, PERMANENT, "read, and refused"),
    (423, TRANSIENT, "locked for now"),
    (424, TRANSIENT, "another action failed"),
    (425, TRANSIENT, "too early"),
    (426, TRANSIENT, "the way, not the message"),
    (429, TRANSIENT, "too many for now"),
    (500, TRANSIENT, "it says itself that it failed"),
    (501, PERMANENT, "it cannot, and will not tomorrow"),
    (502, AMBIGUOUS, "a gateway passed it on and could not read the answer"),
    (503, TRANSIENT, "not now"),
    (504, AMBIGUOUS, "a gateway passed it on and heard nothing"),
    (505, PERMANENT, "it will never speak our version"),
    (507, TRANSIENT, "its disk is full for now"),
]

MSA_1 = [
    ("AA", ACCEPTED, "application accept"),
    ("CA", ACCEPTED, "the receiver has it in safe storage (enhanced mode)"),
    ("AE", PERMANENT, "application error: as a rule the content"),
    ("AR", PERMANENT, "application reject: type, version or processing id"),
    ("CE", TRANSIENT, "the receiver could not store it"),
    ("CR", PERMANENT, "commit reject: type, version or processing id"),
]

ERR_3 = [
    ("100", PERMANENT, "segment sequence error"),
    ("101", PERMANENT, "required field missing"),
    ("102", PERMANENT, "data type error"),
    ("103", PERMANENT, "table value not found"),
    ("104", PERMANENT, "value too long"),
    ("198", PERMANENT, "non-conformant cardinality"),
    ("199", PERMANENT, "other HL7 error"),
    ("200", PERMANENT, "unsupported message type"),
    ("201", PERMANENT, "unsupported event code"),
    ("202", PERMANENT, "unsupported processing id"),
    ("203", PERMANENT, "unsupported version id"),
    ("204", PERMANENT, "unknown key identifier"),
    ("205", PERMANENT, "duplicate key identifier"),
    ("206", TRANSIENT, "application record locked"),
    ("207", TRANSIENT, "application internal error"),
]

ISSUE = [
    ("invalid", PERMANENT),
    ("structure", PERMANENT),
    ("required", PERMANENT),
    ("value", PERMANENT),
    ("invariant", PERMANENT),
    ("not-supported", PERMANENT),
    ("duplicate", PERMANENT),
    ("multiple-matches", PERMANENT),
    ("deleted", PERMANENT),
    ("too-long", PERMANENT),
    ("too-costly", PERMANENT),
    ("code-invalid", PERMANENT),
    ("extension", PERMANENT),
    ("business-rule", PERMANENT),
    ("conflict", TRANSIENT),
    ("transient", TRANSIENT),
    ("lock-error", TRANSIENT),
    ("no-store", TRANSIENT),
    ("exception", TRANSIENT),
    ("timeout", TRANSIENT),
    ("incomplete", TRANSIENT),
    ("throttled", TRANSIENT),
    ("login", TRANSIENT),
    ("unknown", TRANSIENT),
    ("expired", TRANSIENT),
    ("forbidden", TRANSIENT),
    ("suppressed", TRANSIENT),
]


@pytest.mark.parametrize(("silence", "verdict", "why"), SILENT)
def test_silence_is_transient_only_if_nobody_can_have_taken_the_message(silence, verdict, why):
    """ "Never connected" and "never answered" have opposite consequences; taking one for the other loses or repeats."""
    assert answer_to_silence(silence) == Answer(verdict, silence.value), why


@pytest.mark.parametrize(("status", "verdict", "why"), HTTP)
def test_http_status_decides_by_who_is_at_fault(status, verdict, why):
    """A message in quarantine costs a person's time; one that is retried for ever costs everybody behind it."""
    assert answer_to_http(status, None, NOW) == Answer(verdict, f"HTTP {status}"), why


@pytest.mark.parametrize(("code", "verdict", "why"), MSA_1)
def test_acknowledgement_code_decides_where_no_condition_says_more(code, verdict, why):
    """Old receivers send MSA-1 and nothing else."""
    assert answer_to_acknowledgement(code, "M1", "M1") == Answer(verdict, code), why


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
@pytest.mark.parametrize(("condition", "verdict", "why"), ERR_3)
def test_condition_decides_before_the_acknowledgement_code(code, condition, verdict, why):
    """An AE for a locked record heals by itself; a CE for an unknown message type never does."""
    answer = answer_to_acknowledgement(code, "M1", "M1", [condition], ["E"])

    assert answer == Answer(verdict, f"{code} {condition}"), why


@pytest.mark.parametrize(("issue", "verdict"), ISSUE)
def test_operation_outcome_refines_the_status(issue, verdict):
    """FHIR servers answer 400 or 500 for nearly everything and say in the issue what they mean."""
    assert answer_to_http(422, None, NOW, issue) == Answer(verdict, f"HTTP 422 {issue}")


def test_every_row_of_every_table_has_its_test():
    """A row that is added without saying why is a guess."""
    assert {row[0] for row in SILENT} == set(SILENCES) == set(Silence)
    assert {row[0] for row in HTTP} >= set(STATUSES)
    assert {row[0] // 100 for row in HTTP} == set(STATUS_CLASSES)
    assert {row[0] for row in MSA_1} == set(ACKNOWLEDGEMENTS)
    assert {row[0] for row in ERR_3} == set(CONDITIONS)
    assert {row[0] for row in ISSUE} == set(ISSUES)


@pytest.mark.parametrize("status", [401, 429, 502, 503, 504])
def test_issue_does_not_overrule_a_status_that_speaks_of_the_way(status):
    """A gateway's page may carry any body; what it says about the way stands."""
    assert answer_to_http(status, None, NOW, "invalid") == answer_to_http(status, None, NOW)


def test_issue_that_is_not_in_the_standard_changes_nothing_and_is_not_repeated():
    """The code of an answer is logged: free text of a receiver must not get there."""
    assert answer_to_http(400, None, NOW, "DOE^JOHN") == Answer(PERMANENT, "HTTP 400")


def test_condition_that_is_not_in_the_standard_is_not_repeated():
    """ERR-3 of a careless receiver may quote the message."""
    assert answer_to_acknowledgement("AE", "M1", "M1", ["DOE^JOHN"]) == Answer(PERMANENT, "AE")


def test_status_outside_http_is_ambiguous():
    """It answered, but not in HTTP; it may have taken the message."""
    assert answer_to_http(999, None, NOW) == Answer(AMBIGUOUS, "answer_unreadable")


@pytest.mark.parametrize("code", ["", "AB", "aa", "OK"])
def test_acknowledgement_code_outside_table_0008_is_ambiguous(code):
    """Guessing that OK means AA would forget messages that were not taken."""
    assert answer_to_acknowledgement(code, "M1", "M1") == Answer(AMBIGUOUS, "answer_unreadable")


@pytest.mark.parametrize("code", list(ACKNOWLEDGEMENTS))
@pytest.mark.parametrize("about", ["", "M0", "m1", "M1 "])
def test_acknowledgement_of_another_message_is_ambiguous_whatever_it_says(code, about):
    """A late answer to the message before, taken for ours, acknowledges what was never read."""
    assert answer_to_acknowledgement(code, about, "M1") == Answer(AMBIGUOUS, "answer_mismatched")


def test_one_condition_that_never_heals_is_enough():
    """With a locked record and a missing field, a retry would be refused for the field."""
    answer = answer_to_acknowledgement("AE", "M1", "M1", ["207", "101", "100"])

    assert answer == Answer(PERMANENT, "AE 101")


@pytest.mark.parametrize("code", ["AE", "AR", "CR"])
def test_fatal_severity_without_a_condition_is_transient(code):
    """Table 0516, F: not processed because of an application or network failure: nothing was taken."""
    assert answer_to_acknowledgement(code, "M1", "M1", [""], ["F"]) == Answer(TRANSIENT, code)


def test_fatal_severity_does_not_excuse_a_fault_of_the_content():
    """Receivers mark missing fields as fatal too."""
    assert answer_to_acknowledgement("AE", "M1", "M1", ["101"], ["F"]) == Answer(PERMANENT, "AE 101")


def test_warnings_do_not_undo_an_acceptance():
    """An AA may carry ERR segments with warnings; it was taken."""
    assert answer_to_acknowledgement("AA", "M1", "M1", ["207"], ["W"]) == Answer(ACCEPTED, "AA")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("999999999999", LONGEST_WAIT_SECONDS),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120.0),
        ("Sun, 01 Mar 2026 12:02:00", 120.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Mon, 01 Mar 2027 12:00:00 GMT", LONGEST_WAIT_SECONDS),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
        ("1 Jan 99999999999999999999 00:00:00", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_bounded(header, seconds):
    """A receiver under load knows when it will be back; one with a broken clock must not stop us for a year."""
    assert answer_to_http(503, header, NOW).retry_after_seconds == seconds


@pytest.mark.parametrize("status", [200, 400, 504])
def test_retry_after_means_nothing_where_nothing_is_tried_again_by_itself(status):
    """Only a transient answer is parked until a time."""
    assert answer_to_http(status, "120", NOW).retry_after_seconds is None
