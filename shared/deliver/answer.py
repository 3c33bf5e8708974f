"""What a destination's answer, or its silence, means: the one home of outcomes.

Three tables, one for each way a send can end: an HTTP status, an HL7 acknowledgement, no answer at all. One question
decides every row: *may the destination have taken it?* Surely yes is ``ACCEPTED``; surely no is ``TRANSIENT`` when the
same message may be taken later and ``PERMANENT`` when it never will be; all else is ``AMBIGUOUS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from shared.message.delivery import Answer, Verdict
from shared.message.errors.base import Disposition, IntegrationError
from shared.message.silence import NEVER_LEFT, Silence

ACCEPTED, TRANSIENT, PERMANENT, AMBIGUOUS = Verdict.ACCEPTED, Verdict.TRANSIENT, Verdict.PERMANENT, Verdict.AMBIGUOUS

LONGEST_WAIT_SECONDS = 3600.0  # whatever a destination asks for, it is asked again within the hour


SILENCES: dict[Silence, Verdict] = {silence: TRANSIENT if silence in NEVER_LEFT else AMBIGUOUS for silence in Silence}

# RFC 9110, 6585, 4918, 8470. A status that speaks of the way (who we are, where we knock, when) is transient: the
# message is not at fault, and a person repairs the way once instead of resending every message.
STATUSES: dict[int, Verdict] = {
    401: TRANSIENT,  # credentials expired or revoked
    403: TRANSIENT,
    404: TRANSIENT,  # the address is wrong, or the service behind it is being replaced
    405: TRANSIENT,
    407: TRANSIENT,
    408: TRANSIENT,  # "did not receive a complete request": not taken
    409: TRANSIENT,  # another writer, or the same Idempotency-Key still at work
    410: TRANSIENT,
    412: TRANSIENT,
    421: TRANSIENT,
    423: TRANSIENT,
    424: TRANSIENT,
    425: TRANSIENT,
    426: TRANSIENT,
    429: TRANSIENT,
    501: PERMANENT,
    502: AMBIGUOUS,  # a gateway passed it on and could not read what came back
    504: AMBIGUOUS,  # a gateway passed it on and heard nothing
    505: PERMANENT,
}

STATUS_CLASSES: dict[int, Verdict] = {
    2: ACCEPTED,
    3: TRANSIENT,  # it lives elsewhere now: a person changes the address; content never follows a redirect
    4: PERMANENT,  # the message is at fault
    5: TRANSIENT,
}

# http://hl7.org/fhir/R4/valueset-issue-type.html: an OperationOutcome knows more than the status it came with.
ISSUES: dict[str, Verdict] = {
    **dict.fromkeys(("invalid", "structure", "required", "value", "invariant"), PERMANENT),
    **dict.fromkeys(("not-supported", "duplicate", "multiple-matches", "deleted", "too-long", "too-costly"), PERMANENT),
    **dict.fromkeys(("code-invalid", "extension", "business-rule"), PERMANENT),
    **dict.fromkeys(("conflict", "transient", "lock-error", "no-store", "exception", "timeout"), TRANSIENT),
    **dict.fromkeys(("incomplete", "throttled"), TRANSIENT),
    **dict.fromkeys(("login", "unknown", "expired", "forbidden", "suppressed"), TRANSIENT),
}
REFINED_BY_ISSUES = frozenset({400, 404, 409, 410, 412, 422, 500})

# HL7 table 0008 without a condition that says more. CE is a receiver that could not store (chapter 2.9.2).
ACKNOWLEDGEMENTS: dict[str, Verdict] = {
    "AA": ACCEPTED,
    "CA": ACCEPTED,
    "AE": PERMANENT,
    "AR": PERMANENT,
    "CE": TRANSIENT,
    "CR": PERMANENT,
}

# HL7 table 0357, in ERR-3 of an acknowledgement that is not AA or CA.
CONDITIONS: dict[str, Verdict] = {
    **dict.fromkeys(("100", "101", "102", "103", "104", "198", "199"), PERMANENT),  # the content
    **dict.fromkeys(("200", "201", "202", "203", "204", "205"), PERMANENT),  # type, event, MSH-11, version, keys
    "206": TRANSIENT,  # application record locked
    "207": TRANSIENT,  # application internal error
}
FATAL = "F"  # ERR-4, table 0516: "not processed due to application or network failure condition"


def answer_to_silence(silence: Silence) -> Answer:
    """Return what a send without a readable answer means."""
    return Answer(SILENCES[silence], silence.value)


def answer_to_http(status: int, retry_after: str | None, now: datetime, issue: str = "") -> Answer:
    """Return what an HTTP response means.

    Args:
        retry_after: The header as sent: seconds or a date (RFC 9110, 10.2.3).
        now: For a date in ``retry_after``.
        issue: ``OperationOutcome.issue[0].code`` of the body; empty when there is none.
    """
    verdict = STATUSES.get(status) or STATUS_CLASSES.get(status // 100)
    if verdict is None:
        return answer_to_silence(Silence.UNREADABLE)
    code = f"HTTP {status}"
    if issue in ISSUES and status in REFINED_BY_ISSUES:
        verdict, code = ISSUES[issue], f"{code} {issue}"
    wait = _wait_seconds(retry_after, now) if verdict is TRANSIENT and retry_after else None
    return Answer(verdict, code, wait)


def answer_to_acknowledgement(
    code: str, about: str, sent: str, conditions: Sequence[str] = (), severities: Sequence[str] = ()
) -> Answer:
    """Return what an HL7 acknowledgement means.

    Args:
        code: MSA-1.
        about: MSA-2; must equal ``sent``, or the answer is to something else.
        sent: MSH-10 of the message sent.
        conditions: ERR-3.1 of every ERR, in order.
        severities: ERR-4 of every ERR, in order.
    """
    if code not in ACKNOWLEDGEMENTS:
        return answer_to_silence(Silence.UNREADABLE)
    if about != sent:
        return answer_to_silence(Silence.MISMATCHED)
    verdict = ACKNOWLEDGEMENTS[code]
    known = [condition for condition in conditions if condition in CONDITIONS]
    if verdict is ACCEPTED:
        return Answer(verdict, code)
    if known:
        # One condition that never heals is enough: the same message would be refused again.
        worst = next((condition for condition in known if CONDITIONS[condition] is PERMANENT), known[0])
        return Answer(CONDITIONS[worst], f"{code} {worst}")
    return Answer(TRANSIENT if FATAL in severities else verdict, code)


def answer_to_store_error(error: IntegrationError) -> Answer:
    """Return what an error of the canonical store means: a dependency that fails may come back, a conflict stays."""
    return Answer(TRANSIENT if error.disposition is Disposition.RETRY else PERMANENT, error.code)


def _wait_seconds(retry_after: str, now: datetime) -> float | None:
    """Return the wait a Retry-After asks for, between 0 and the longest; None when it cannot be read."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT_SECONDS)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # what no calendar has, and what no integer holds
        return None
    # A date without a zone is UTC (RFC 9110, 5.6.7).
    until = until if until.tzinfo else until.replace(tzinfo=now.tzinfo)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT_SECONDS)
