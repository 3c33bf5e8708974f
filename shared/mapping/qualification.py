"""EDU, CER, LAN and AFF: what a member of the staff learned, may do, speaks and belongs to (decision 0035)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.datatypes.coded import concept
from shared.mapping.datatypes.identifier import typed_number
from shared.mapping.datatypes.person import address
from shared.mapping.datatypes.time import date_time, ordered, period
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.master_file import DECIDED
from shared.mapping.organization import complete_organization, organization
from shared.mapping.practitioner import role_of
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_ELEMENT = "R4 has no element for it"
_SET_ID = "set id: position only"


def _qualified(field: str, element: str, build: Build) -> Row:
    return one(field, f"Practitioner.qualification.{element}", build, DECIDED, placed=True)


_DEGREE = {
    "code": _qualified("EDU-2", "code", concept()),
    "period": _qualified("EDU-3", "period", period),
    "granted": _qualified("EDU-5", "period.end", date_time),
    "issuer": _qualified("EDU-6", "issuer", organization),
    "address": one("EDU-8", "Organization.address", address, DECIDED, placed=True, part=KEPT),
}
EDUCATION = Table("EDU", "Practitioner", tuple(_DEGREE.values()), {1: _SET_ID, **dict.fromkeys((4, 7, 9), _NO_ELEMENT)})

_CERTIFICATE = {
    "identifier": _qualified("CER-2", "identifier", typed_number("")),
    "issuer": _qualified("CER-4", "issuer", organization),
    "code": _qualified("CER-10", "code", concept()),
    "granted": _qualified("CER-23", "period.start", date_time),
    "begins": _qualified("CER-25", "period.start", date_time),
    "ends": _qualified("CER-27", "period.end", date_time),
}
CERTIFICATE = Table(
    "CER",
    "Practitioner",
    tuple(_CERTIFICATE.values()),
    {1: _SET_ID, **dict.fromkeys((3, *range(5, 10), *range(11, 23), 24, 26, *range(28, 32)), _NO_ELEMENT)},
)

_LANGUAGE = one("LAN-2", "Practitioner.communication", concept(), DECIDED, reuse=True, placed=True)
LANGUAGE = Table("LAN", "Practitioner", (_LANGUAGE,), {1: _SET_ID, 3: _NO_ELEMENT, 4: _NO_ELEMENT})

_SOCIETY = one("AFF-2", "PractitionerRole.organization", organization, DECIDED, reuse=True, placed=True)
_SEAT = many("AFF-3", "Organization.address", address, DECIDED, placed=True, part=KEPT)
_SINCE = one("AFF-4", "PractitionerRole.period", period, DECIDED, placed=True)
AFFILIATION = Table("AFF", "PractitionerRole", (_SOCIETY, _SEAT, _SINCE), {1: _SET_ID, 5: _NO_ELEMENT})


def education(node: Node, frame: Frame, scope: Scope) -> None:
    """EDU: a qualification by a school."""
    _add_qualification(_DEGREE, node.segment, frame, scope)


def certificate(node: Node, frame: Frame, scope: Scope) -> None:
    """CER: a qualification by an authority."""
    _add_qualification(_CERTIFICATE, node.segment, frame, scope)


def _add_qualification(rows: dict[str, Row], segment: Segment, frame: Frame, scope: Scope) -> None:
    if frame.person is None:
        return
    said = {name: first(row, segment, scope, frame.person) for name, row in rows.items()}
    if said["issuer"] and said.get("address"):
        complete_organization(said["issuer"]["reference"], {"address": [said["address"]]}, scope)
    lasted = said.get("period") or ordered(
        said.get("begins") or (said.get("granted") if "begins" in said else None),
        said.get("ends") or (said.get("granted") if "begins" not in said else None),
        scope,
    )
    found: Resource = {"identifier": [said["identifier"]]} if said.get("identifier") else {}
    found["code"] = said["code"] or {"text": "unknown"}
    if lasted:
        found["period"] = lasted
    if said["issuer"]:
        found["issuer"] = said["issuer"]
    if said["code"] or said["issuer"] or said.get("identifier"):
        frame.person.setdefault("qualification", []).append(found)


def spoken(node: Node, frame: Frame, scope: Scope) -> None:
    """LAN: a language the Practitioner speaks."""
    found = first(_LANGUAGE, node.segment, scope, {})
    if found and frame.person is not None and found not in frame.person.get("communication", ()):
        frame.person.setdefault("communication", []).append(found)


def affiliation(node: Node, frame: Frame, scope: Scope) -> None:
    """AFF: a PractitionerRole in a professional organization."""
    segment = node.segment
    society = first(_SOCIETY, segment, scope, {})
    if society is None or frame.practitioner is None:
        return
    where = values(_SEAT, segment, scope, {})
    if where:
        complete_organization(society["reference"], {"address": where}, scope)
    role_of(frame.practitioner, scope, organization=society, period=first(_SINCE, segment, scope, {}))


TABLES = (EDUCATION, CERTIFICATE, LANGUAGE, AFFILIATION)
HANDLERS: dict[str, Handler] = {"EDU": education, "CER": certificate, "LAN": spoken, "AFF": affiliation}
