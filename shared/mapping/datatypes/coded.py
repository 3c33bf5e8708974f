"""CWE, CE, CNE, CF, ID and IS as CodeableConcept, Coding and code (guide: CWE[CodeableConcept] and its kin).

Order of translation: the interface's own map, then the guide's table. What neither maps keeps its original.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.mapping.codes.systems import code_system, universal
from shared.mapping.codes.tables import CodeTable, bare_table
from shared.mapping.rows import Build, Resource, Unmapped, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

ALTERNATE_CODES = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

# Components of the three codings: code, display, system, version, system's OID (CWE.1-9, 10-13, 14, 17, 20).
_CODINGS = ((0, 1, 2, 6, 13), (3, 4, 5, 7, 16), (9, 10, 11, 12, 19))
CODES = tuple(place[0] for place in _CODINGS)  # where a CWE has its codes
_CONCEPT_PARTS = {
    1: "coding.code",
    2: "coding.display",
    3: "coding.system",
    7: "coding.version",
    14: "coding.system",
    4: "coding.code",
    5: "coding.display",
    6: "coding.system",
    8: "coding.version",
    17: "coding.system",
    10: "coding.code",
    11: "coding.display",
    12: "coding.system",
    13: "coding.version",
    20: "coding.system",
    9: "text",
}
_VALUE_SETS = dict.fromkeys((15, 16, 18, 19, 21, 22), "value set of the sender: FHIR has no place for it in a coding")
_CODE_ONLY = dict.fromkeys(range(2, 23), "the code says it")
_FREE = bare_table("", "")


@cache
def concept(table: CodeTable = _FREE) -> Build:
    """Return the build function of a CodeableConcept whose first coding the table translates."""

    @parts_of(_CONCEPT_PARTS, _VALUE_SETS)
    def codeable_concept(raw: str, scope: Scope) -> Resource | None:
        parts = scope.parts(raw)
        codings = codings_of(parts, scope, table)
        text = scope.text(parts[8])
        found: Resource = {"coding": codings} if codings else {}
        if not text and codings and "code" not in codings[0]:
            text = codings[0].get("display", "")
        if text:
            found["text"] = text
        return found or None

    return codeable_concept


def codings_of(parts: list[str], scope: Scope, table: CodeTable = _FREE) -> list[Resource]:
    """Return the codings of a CWE, translated first, each once."""
    codings: list[Resource] = []
    for place in _CODINGS:
        sent = _coding_at(parts, place, scope)
        if sent is None:
            continue
        local = table if place[0] == 0 else _FREE
        for coding in (_translated(sent, scope.text(parts[place[2]]), scope, local), sent):
            if coding and coding not in codings:
                codings.append(coding)
    return codings


@cache
def coding(table: CodeTable = _FREE) -> Build:
    """Return the build function of one Coding (guide: CWE[Coding]): the translated one where there is one."""

    @parts_of(
        {1: "code", 2: "display", 3: "system", 7: "version", 14: "system"},
        dict.fromkeys((4, 5, 6, 8, 9, 10, 11, 12, 13), "one Coding holds the first code only") | _VALUE_SETS,
    )
    def one_coding(raw: str, scope: Scope) -> Resource | None:
        found = codings_of(scope.parts(raw), scope, table)
        return found[0] if found else None

    return one_coding


@cache
def code(table: CodeTable) -> Build:
    """Return the build function of a code with a required binding (guide: CWE[code], ID[code]).

    An unmapped code never enters the element: its original goes into the alternate-codes extension, with a finding.
    """

    @parts_of({1: ""}, _CODE_ONLY)
    def one_code(raw: str, scope: Scope) -> str | Unmapped | None:
        parts = scope.parts(raw)
        sent = scope.text(parts[0])
        own = scope.context.codes.translate(scope.text(parts[2]) or table.number, sent) if sent else None
        if own:
            return own[1]
        target = table.targets.get(sent) or table.targets.get(sent.upper())
        if target:
            return target.code
        before = len(scope.findings)
        original = codings_of(parts, scope, table)
        if not original:
            return None
        if len(scope.findings) == before:  # a code that the table lists, without a target
            scope.find("code_unmapped", f"HL7 table {table.number}")
        return Unmapped(alternate({"coding": original}))

    return one_code


def alternate(original: Resource) -> Resource:
    """Return the extension that keeps an original code beside an element with a required binding."""
    return {"extension": [{"url": ALTERNATE_CODES, "valueCodeableConcept": original}]}


@cache
def boolean(table: CodeTable) -> Build:
    """Return the build function of a boolean (guide: ID[boolean], YesNoIndicator)."""

    @parts_of({1: ""}, _CODE_ONLY)
    def yes_or_no(raw: str, scope: Scope) -> bool | None:
        sent = scope.text(scope.parts(raw)[0]).upper()
        target = table.targets.get(sent)
        if target is None and sent:
            scope.find("code_unmapped", f"HL7 table {table.number}")
        return target.code == "true" if target else None

    return yes_or_no


@parts_of({1: "", 2: ""}, dict.fromkeys(range(3, 23), "the text says it"))
def coded_text(raw: str, scope: Scope) -> str | None:
    """Return a CWE as a string (guide: CWE[string]): its original text, display or code."""
    parts = scope.parts(raw)
    return scope.text(parts[8]) or scope.text(parts[1]) or scope.text(parts[0]) or None


@parts_of(
    {1: "identifier.value", 2: "display", 3: "identifier.system", 9: "display"},
    dict.fromkeys((4, 5, 6, 7, 8), "a reference names one thing once"),
)
def coded_reference(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to what a code names, by its number: the thing itself is in no message."""
    parts = scope.texts(raw)
    system, shown = code_system(parts[2]), parts[8] or parts[1]
    found: Resource = {}
    if parts[0]:
        found["identifier"] = {**({"system": system} if system else {}), "value": parts[0]}
    if shown:
        found["display"] = shown
    return found or None


def text(raw: str, scope: Scope) -> str | None:
    """Return a string (ST, TX, FT, ID, IS, NM as text), whole: a stray separator stays in it."""
    return scope.text(raw) or None


@parts_of({**_CONCEPT_PARTS, 1: "text"}, _VALUE_SETS)
def text_concept(raw: str, scope: Scope) -> Resource | None:
    """Return a CodeableConcept of a text (guide: ST[CodeableConcept]); AL1-5 may hold a coded one."""
    if scope.component in raw:
        found: Resource | None = concept()(raw, scope)
        return found
    said = scope.text(raw)
    return {"text": said} if said else None


@cache
def fixed(system: str, code_value: str, display: str = "") -> Resource:
    """Return a CodeableConcept that the guide assigns; it is shared and must not be changed."""
    value = {"system": system, "code": code_value}
    if display:
        value["display"] = display
    return {"coding": [value]}


def _coding_at(parts: list[str], place: tuple[int, int, int, int, int], scope: Scope) -> Resource | None:
    value, display = scope.text(parts[place[0]]), scope.text(parts[place[1]])
    if not value and not display:
        return None
    found: Resource = {}
    system = universal(scope.text(parts[place[4]]), "ISO") or code_system(scope.text(parts[place[2]]))
    if system:
        found["system"] = system
    version = scope.text(parts[place[3]])
    if version:
        found["version"] = version
    if value:
        found["code"] = " ".join(value.split())
    if display:
        found["display"] = display
    return found


def _translated(sent: Resource, system: str, scope: Scope, table: CodeTable) -> Resource | None:
    """Return the coding that stands before what was sent, or None; completes ``sent`` with the table's own system."""
    value = sent.get("code")
    if not value:
        return None
    own = scope.context.codes.translate(system or table.number, value)
    if own:
        return {"system": own[0], "code": own[1], **({"display": own[2]} if own[2] else {})}
    if not table.number or (system and code_system(system) != table.system):
        return None
    target = table.targets.get(value)
    if target is None:
        if table.targets and value not in table.listed:
            scope.find("code_unmapped", f"HL7 table {table.number}")
        elif value in table.listed:
            sent.setdefault("system", table.system)
        return None
    sent.setdefault("system", table.system)
    if (target.system, target.code) == (sent["system"], value):
        sent.setdefault("display", target.display or value)
        return None
    return {"system": target.system, "code": target.code, "display": target.display or target.code}
