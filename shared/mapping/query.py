"""QPD, RCP, QAK, QRD, QRF and DSC: what a query asks and how it was answered, as Parameters (decision 0022).

The guide has no map of queries. Parameters hold what was asked, by the names of the query profile; they travel with the
message and are never stored. What an answer carries (PID, RXA) is mapped like any other message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.codes.systems import identifier_system
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import concept
from shared.mapping.datatypes.identifier import cx
from shared.mapping.datatypes.number import integer, quantity
from shared.mapping.datatypes.person import address, contact_point, one_name
from shared.mapping.datatypes.time import date, date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Build, Resource, Row, Table, many, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DECIDED = "decision 0022"
# What they carry is what the sender holds, told to whoever asked.
ANSWERS = frozenset({"RSP", "RTB", "VXR", "VXX"})
_SEX = table("AdministrativeSex")


@parts_of(dict.fromkeys(range(1, 24), ""))
def written(raw: str, scope: Scope) -> str | None:
    """Return a parameter as text, its components joined as they were sent."""
    said = [scope.text(part) for part in raw.split(scope.component)]
    return "^".join(said).rstrip("^") or None


@parts_of({1: "name", 2: "value[x]"})
def criterion(raw: str, scope: Scope) -> Resource | None:
    """Return one field and value of a query by example (QIP: ``@PID.5.1.1^MOO*``)."""
    name, value = (scope.text(part) for part in scope.parts(raw)[:2])
    return {"name": name.lstrip("@"), "valueString": value} if name and value else None


@parts_of({4: "system"}, {1: "a domain has no number"})
def domain(raw: str, scope: Scope) -> Resource | None:
    """Return the assigning authority whose numbers are asked for (PIX, QPD-4)."""
    namespace, universal_id, kind, *_ = scope.subparts(scope.parts(raw)[3])
    system = identifier_system(namespace, universal_id, kind)
    return {"system": system} if system else None


# Type of a parameter -> the element of Parameters.parameter, what makes it.
_KINDS: dict[str, tuple[str, Build]] = {
    "id": ("valueIdentifier", cx()),
    "domain": ("valueIdentifier", domain),
    "name": ("valueHumanName", one_name),
    "date": ("valueDate", date),
    "time": ("valueDateTime", date_time),
    "code": ("valueCodeableConcept", concept()),
    "sex": ("valueCodeableConcept", concept(_SEX)),
    "address": ("valueAddress", address),
    "telecom": ("valueContactPoint", contact_point()),
    "number": ("valueInteger", integer),
    "amount": ("valueQuantity", quantity),
    "text": ("valueString", written),
    "example": ("part", criterion),
    "yes": ("valueCodeableConcept", concept(bare_table("0136", ""))),
}
_PATIENT = {
    3: ("PatientList", "id"), 4: ("PatientName", "name"), 5: ("PatientMotherMaidenName", "name"),
    6: ("PatientDateOfBirth", "date"), 7: ("PatientSex", "sex"), 8: ("PatientAddress", "address"),
    9: ("PatientHomePhone", "telecom"), 10: ("PatientMultipleBirthIndicator", "yes"),
    11: ("PatientBirthOrder", "number"), 12: ("ClientLastUpdatedDate", "time"),
    13: ("ClientLastUpdateFacility", "text"),
}  # fmt: skip
_EXAMPLE = {3: ("QueryByExample", "example"), **{number: (f"Parameter{number}", "text") for number in range(4, 14)}}
_CROSS = {3: ("PersonIdentifier", "id"), 4: ("WhatDomainsReturned", "domain")}
_OTHER = {number: (f"Parameter{number}", "text") for number in range(3, 14)}
_NAMED = {1: ("MessageQueryName", "code"), 2: ("QueryTag", "text")}


def _rows(segment: str, fields: Mapping[int, tuple[str, str]]) -> dict[int, tuple[str, str, Row]]:
    """Return field number -> name of the parameter, its element, its row."""
    return {
        number: (
            name,
            _KINDS[kind][0],
            many(f"{segment}-{number}", "Parameters.parameter", _KINDS[kind][1], _DECIDED, placed=True),
        )
        for number, (name, kind) in fields.items()
    }


# What a query is named -> its parameters: CDC's Z34 and Z44, PDQ, PIX (IHE), and any other.
_PROFILES = {
    "Z34": _rows("QPD", _NAMED | _PATIENT),
    "Z44": _rows("QPD", _NAMED | _PATIENT),
    "Q22": _rows("QPD", _NAMED | _EXAMPLE),
    "QRY_PDQ": _rows("QPD", _NAMED | _EXAMPLE),
    "IHEPDQQUERY": _rows("QPD", _NAMED | _EXAMPLE),
    "IHE PDQ QUERY": _rows("QPD", _NAMED | _EXAMPLE),
    "Q23": _rows("QPD", _NAMED | _CROSS),
    "IHEPIXQUERY": _rows("QPD", _NAMED | _CROSS),
    "IHE PIX QUERY": _rows("QPD", _NAMED | _CROSS),
}
_ANY = _rows("QPD", _NAMED | _OTHER)
_SEGMENTS: dict[str, dict[int, tuple[str, str, Row]]] = {
    "RCP": _rows(
        "RCP",
        {1: ("QueryPriority", "text"), 2: ("QuantityLimitedRequest", "amount"), 3: ("ResponseModality", "code")}
        | {4: ("ExecutionAndDeliveryTime", "time"), 5: ("ModifyIndicator", "text"), 6: ("SortByField", "text")}
        | {7: ("SegmentGroupInclusion", "text")},
    ),
    "QAK": _rows(
        "QAK",
        {1: ("QueryTag", "text"), 2: ("QueryResponseStatus", "text"), 3: ("MessageQueryName", "code")}
        | {4: ("HitCountTotal", "number"), 5: ("ThisPayload", "number"), 6: ("HitsRemaining", "number")},
    ),
    "QRD": _rows(
        "QRD",
        {1: ("QueryDateTime", "time"), 2: ("QueryFormatCode", "text"), 3: ("QueryPriority", "text")}
        | {4: ("QueryID", "text"), 5: ("DeferredResponseType", "text"), 6: ("DeferredResponseDateTime", "time")}
        | {7: ("QuantityLimitedRequest", "amount"), 8: ("WhoSubjectFilter", "text"), 9: ("WhatSubjectFilter", "code")}
        | {10: ("WhatDepartmentDataCode", "code"), 11: ("WhatDataCodeValueQualifier", "text")}
        | {12: ("QueryResultsLevel", "text")},
    ),
    "QRF": _rows(
        "QRF",
        {1: ("WhereSubjectFilter", "text"), 2: ("WhenDataStart", "time"), 3: ("WhenDataEnd", "time")}
        | {4: ("WhatUserQualifier", "text"), 5: ("OtherQuerySubjectFilter", "text")}
        | {6: ("WhichDateTimeQualifier", "text"), 7: ("WhichDateTimeStatusQualifier", "text")}
        | {8: ("DateTimeSelectionQualifier", "text"), 9: ("WhenQuantityTiming", "text")},
    ),
    "DSC": _rows("DSC", {1: ("ContinuationPointer", "text"), 2: ("ContinuationStyle", "text")}),
}


def name_source(resource: Resource, scope: Scope) -> None:
    """Say of a resource of an answer whose data it is: the sender's, not that of whoever asked."""
    if scope.code not in ANSWERS:
        return
    header = scope.message.segments[0].fields
    names = ([scope.text(part) for part in scope.parts(header[number])[:3]] for number in (4, 3))
    source = next((uri for name in names if (uri := identifier_system(*name))), "")
    if source:
        resource["meta"] = {**resource.get("meta", {}), "source": source}


def asked(node: Node, frame: Frame, scope: Scope) -> None:
    """QPD, RCP, QAK, QRD, QRF, DSC: parameters of the query that the message is about."""
    segment = node.segment
    rows = _profile(segment, scope) if segment.name == "QPD" else _SEGMENTS[segment.name]
    found = [
        parameter
        for name, element, row in rows.values()
        for value in values(row, segment, scope, {})
        for parameter in (_parameter(name, element, value),)
    ]
    if found:
        _parameters(frame, scope)["parameter"].append({"name": segment.name, "part": found})


def _profile(segment: Segment, scope: Scope) -> dict[int, tuple[str, str, Row]]:
    parts = scope.parts(segment.fields[1]) if len(segment.fields) > 1 else [""] * 2
    names = (scope.text(part).upper() for part in parts[:2])
    return next((_PROFILES[name] for name in names if name in _PROFILES), _ANY)


def _parameter(name: str, element: str, value: Any) -> Resource:
    if element == "part":
        return {"name": name, "part": [value]}
    return {"name": name, element: value}


def _parameters(frame: Frame, scope: Scope) -> Resource:
    """Return the Parameters of the message, which its MessageHeader refers to."""
    key = ("Parameters", frame.header["id"])
    found: Resource | None = scope.known.get(key)
    if found is None:
        found = scope.known[key] = {"resourceType": "Parameters", "id": scope.mint(*key), "parameter": []}
        frame.header.setdefault("focus", []).append({"reference": scope.add(found)})
    return found


def _documented() -> tuple[Table, ...]:
    """Return the tables of the segments; the parameters of QPD are those of the profiles and any other's."""
    by_segment = {"QPD": [row for rows in (*_unique(), _ANY) for *_, row in rows.values()]}
    by_segment |= {name: [row for *_, row in rows.values()] for name, rows in _SEGMENTS.items()}
    return tuple(Table(name, "Parameters", tuple(rows)) for name, rows in by_segment.items())


def _unique() -> list[dict[int, tuple[str, str, Row]]]:
    return [_PROFILES[name] for name in ("Z34", "Q22", "Q23")]


TABLES = _documented()
HANDLERS: dict[str, Handler] = dict.fromkeys(("QPD", *_SEGMENTS), asked)
