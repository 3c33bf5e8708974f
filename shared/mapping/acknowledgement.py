"""MSA and ERR: the answer to a message, and what was wrong with it (guide: MSA[MessageHeader]; decision 0036)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import code, concept, text
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import KEPT, Resource, Table, Unmapped, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0036"
_EXCHANGE = "controls the exchange, not the content"
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_RESPONSE = decided(
    "0008", "http://hl7.org/fhir/response-code",
    AA="ok", CA="ok", AE="fatal-error", CE="fatal-error", AR="fatal-error", CR="fatal-error",
)  # fmt: skip
_SEVERITY = decided("0516", "http://hl7.org/fhir/issue-severity", E="error", W="warning", I="information", F="fatal")
# HL7 table 0357 by its definitions.
_ISSUES = {
    "0": "informational", "100": "structure", "101": "required", "102": "value", "103": "code-invalid",
    "104": "too-long", "198": "structure", **dict.fromkeys(("200", "201", "202", "203"), "not-supported"),
    "204": "not-found", "205": "duplicate", "206": "lock-error", "207": "exception",
}  # fmt: skip
# What may go well the next time: a record that was locked, an error inside the receiver.
_TRANSIENT = frozenset({"lock-error", "exception"})
_ERRORS = concept(bare_table("0357", "MessageErrorCondition"))

_CODE = one("MSA-1", "MessageHeader.response.code", code(_RESPONSE), "MSA[MessageHeader] 3", placed=True, part=KEPT)
_ANSWERED = one("MSA-2", "MessageHeader.response.identifier", text, "MSA[MessageHeader] 4", placed=True, part=KEPT)
_TEXT = one("MSA-3", "OperationOutcome.issue.diagnostics", text, DECIDED, placed=True, part=KEPT)
_CONDITION = one("MSA-6", "OperationOutcome.issue.details", _ERRORS, DECIDED, placed=True, part=KEPT)

ANSWER = Table("MSA", "MessageHeader", (_CODE, _ANSWERED, _TEXT, _CONDITION), dict.fromkeys((4, 5, 7, 8), _EXCHANGE))


def _place(parts: list[str]) -> str | None:
    """Return where an error is: ``PID(2)-3[1].4.1``."""
    segment, number, field, repetition, component, subcomponent = parts[:6]
    if not segment:
        return None
    found = segment + (f"({number})" if number else "")
    if field:
        found += f"-{field}" + (f"[{repetition}]" if repetition else "")
    return found + "".join(f".{part}" for part in (component, subcomponent) if part)


@parts_of(dict.fromkeys(range(1, 7), ""))
def location(raw: str, scope: Scope) -> str | None:
    """Return the place of an ERL as text."""
    return _place(scope.texts(raw))


@parts_of({1: "location", 2: "location", 3: "location", 4: "details"})
def older_error(raw: str, scope: Scope) -> Resource | None:
    """Return the issue of an ELD (before 2.5): segment, its number, field, and the error as subcomponents."""
    parts = scope.parts(raw)
    where = _place([*(scope.text(part) for part in parts[:3]), "", "", ""])
    what = _ERRORS(scope.component.join(parts[3].split(scope.subcomponent)), scope) if parts[3] else None
    found: Resource = {}
    if what:
        found["details"] = what
    if where:
        found["location"] = [where]
    return found or None


_OLDER = many("ERR-1", "OperationOutcome.issue", older_error, DECIDED, placed=True)
_WHERE = many("ERR-2", "OperationOutcome.issue.location", location, DECIDED, placed=True)
_WHAT = one("ERR-3", "OperationOutcome.issue.details", _ERRORS, DECIDED, placed=True)
_HOW_BAD = one("ERR-4", "OperationOutcome.issue.severity", code(_SEVERITY), DECIDED, placed=True)
_OWN_CODE = one("ERR-5", "OperationOutcome.issue.details", concept(), DECIDED, placed=True)
_DIAGNOSTICS = tuple(
    many(f"ERR-{number}", "OperationOutcome.issue.diagnostics", text, DECIDED, placed=True) for number in (7, 6)
)
_FOR_PEOPLE = one("ERR-8", "OperationOutcome.issue.details.text", text, DECIDED, placed=True)

ERROR = Table(
    "ERR",
    "OperationOutcome",
    (_OLDER, _WHERE, _WHAT, _HOW_BAD, _OWN_CODE, *_DIAGNOSTICS, _FOR_PEOPLE),
    dict.fromkeys((9, 10, 11, 12), "whom to tell and how to override: the receiver's own business"),
)


def answer(node: Node, frame: Frame, scope: Scope) -> None:
    """MSA: which message is answered, and how; a text without an ERR is an issue of its own."""
    segment, header = node.segment, frame.header
    said = first(_CODE, segment, scope, header)
    response: Resource = {}
    number = first(_ANSWERED, segment, scope, header)
    if number and _ID.fullmatch(number):
        response["identifier"] = number
    else:  # R4 has an id there, which MSA-2 need not be
        kept = {"url": EXTENSION + "originalText", "valueString": number or "unknown"}
        response["_identifier"] = {"extension": [kept]}
    if isinstance(said, Unmapped):
        response["_code"] = said.extension
    response["code"] = said if isinstance(said, str) else "fatal-error"
    header["response"] = response
    told, condition = first(_TEXT, segment, scope, header), first(_CONDITION, segment, scope, header)
    if told or condition:
        severity = "information" if response["code"] == "ok" else "error"
        found = _issue(condition, severity)
        if told:
            found["diagnostics"] = told
        _add_issue(found, frame, scope)


def error(node: Node, frame: Frame, scope: Scope) -> None:
    """ERR: an issue of the OperationOutcome that the answer refers to."""
    segment = node.segment
    for older in values(_OLDER, segment, scope, frame.header):
        _add_issue({**_issue(older.get("details"), "error"), **older}, frame, scope)
    if any(segment.fields[2:]):
        _add_issue(_told(segment, frame, scope), frame, scope)


def _told(segment: Segment, frame: Frame, scope: Scope) -> Resource:
    header = frame.header
    severity = first(_HOW_BAD, segment, scope, header)
    what, own = first(_WHAT, segment, scope, header), first(_OWN_CODE, segment, scope, header)
    details: Resource = {**(what or {})}
    if own and "coding" in own:
        details["coding"] = [*details.get("coding", ()), *own["coding"]]
    found = _issue(what, severity if isinstance(severity, str) else "error")
    for_people = first(_FOR_PEOPLE, segment, scope, header) or (own or {}).get("text")
    if for_people:
        details["text"] = for_people
    if details:
        found["details"] = details
    diagnostics = [said for row in _DIAGNOSTICS for said in values(row, segment, scope, header)]
    if diagnostics:
        found["diagnostics"] = "\n".join(diagnostics)
    where = values(_WHERE, segment, scope, header)
    if where:
        found["location"] = where
    return found


def _issue(condition: Resource | None, severity: str) -> Resource:
    codes = [coding.get("code", "") for coding in (condition or {}).get("coding", ())]
    kind = next((_ISSUES[one_] for one_ in codes if one_ in _ISSUES), "processing")
    return {"severity": severity, "code": kind, **({"details": condition} if condition else {})}


def _add_issue(issue: Resource, frame: Frame, scope: Scope) -> None:
    outcome_id = scope.mint("OperationOutcome", frame.header["id"])
    url = "urn:uuid:" + outcome_id
    if url not in scope.entries:
        scope.add({"resourceType": "OperationOutcome", "id": outcome_id, "issue": []})
    issues = scope.entries[url]["resource"]["issue"]
    if issue not in issues:
        issues.append(issue)
    response = frame.header.get("response")
    if response is not None:
        response["details"] = {"reference": url}
        if issue["code"] in _TRANSIENT and response["code"] == "fatal-error":
            response["code"] = "transient-error"


TABLES = (ANSWER, ERROR)
HANDLERS: dict[str, Handler] = {"MSA": answer, "ERR": error}
