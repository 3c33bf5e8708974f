"""Children that a sender lists as a snapshot: which were listed before, and how one that is gone is retired.

What a source listed last is kept as a FHIR ``List`` beside the children: it is read by its id, not searched for, and
one source's list never retires what another source listed. Nothing is erased: a retired child says that it no longer
counts, in the words R4 has for its type.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from shared.changes import tags
from shared.changes.tags import Mark, Resource
from shared.message.identifiers import Sequence
from shared.ports import Stored

_LISTS = uuid.UUID("5e2c8d1a-6f0b-5b7e-9d3f-8a4c1e70b62d")


@lru_cache(8192)  # the lists of a patient come again with every message about them
def _list_reference(source: str, segment: str, parent: str) -> str:
    """Return where a list is stored."""
    return f"List/{uuid.uuid5(_LISTS, f'{source} {segment} {parent}')}"


@dataclass(frozen=True, slots=True)
class Listing:
    """The children that one source names for one parent by one kind of segment; everything by reference.

    Attributes:
        reference: Where the list itself is stored.
        text: The list as JSON, without its ``meta``.
    """

    reference: str
    parent: str
    members: tuple[str, ...]
    text: bytes

    def resource(self) -> Resource:
        """Return the list as a resource, without its ``meta``."""
        content: Resource = orjson.loads(self.text)
        return content

    def gone(self, stored: Stored | None) -> list[str]:
        """Return the members of the stored list that are no longer named."""
        if stored is None or stored.text == self.text:
            return []
        before = [entry["item"]["reference"] for entry in stored.resource.get("entry", ())]
        return [member for member in before if member not in self.members]


def list_children(source: str, segment: str, parent: str, members: tuple[str, ...]) -> Listing:
    """Return what a source lists for a parent."""
    reference = _list_reference(source, segment, parent)
    content: Resource = {
        "resourceType": "List",
        "id": reference.partition("/")[2],
        "status": "current",
        "mode": "working",
        "title": segment,
    }
    kind = parent.partition("/")[0]
    if kind in ("Patient", "Encounter"):
        content["subject" if kind == "Patient" else "encounter"] = {"reference": parent}
    if members:
        content["entry"] = [{"item": {"reference": member}} for member in dict.fromkeys(members)]
    return Listing(reference, parent, members, orjson.dumps(content))


@dataclass(frozen=True, slots=True)
class _Retirement:
    """Elements to set (None: to remove) when a child is missing, deleted, or listed again."""

    missing: dict[str, Any]
    deleted: dict[str, Any]
    listed_again: dict[str, Any] = field(default_factory=dict)


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def _clinical(clinical: str, verification: str) -> _Retirement:
    # R4 ait-2, con-5: no clinical status beside entered-in-error; ait-1: one beside anything else.
    return _Retirement(
        missing={"clinicalStatus": _coded(clinical, "inactive")},
        deleted={"clinicalStatus": None, "verificationStatus": _coded(verification, "entered-in-error")},
        listed_again={"clinicalStatus": _coded(clinical, "active"), "verificationStatus": None},
    )


_IN_ERROR = {"status": "entered-in-error"}
_ENTERED_IN_ERROR = _Retirement(missing=_IN_ERROR, deleted=_IN_ERROR)
_INACTIVE = _Retirement(missing={"status": "inactive"}, deleted=_IN_ERROR, listed_again={"status": "active"})

_RETIREMENTS: dict[str, _Retirement] = {
    "Account": _INACTIVE,
    "AllergyIntolerance": _clinical("allergyintolerance-clinical", "allergyintolerance-verification"),
    "CarePlan": _ENTERED_IN_ERROR,
    "CareTeam": _INACTIVE,
    "Condition": _clinical("condition-clinical", "condition-ver-status"),
    "Coverage": _Retirement({"status": "cancelled"}, _IN_ERROR, {"status": "active"}),
    "DocumentReference": _ENTERED_IN_ERROR,
    "Flag": _INACTIVE,
    "Goal": _Retirement({"lifecycleStatus": "cancelled"}, {"lifecycleStatus": "entered-in-error"}),
    "Immunization": _ENTERED_IN_ERROR,
    "Observation": _ENTERED_IN_ERROR,
    "Procedure": _ENTERED_IN_ERROR,
    "Location": _Retirement({"status": "inactive"}, {"status": "inactive"}, {"status": "active"}),
    "Practitioner": _Retirement({"active": False}, {"active": False}, {"active": None}),
    "PractitionerRole": _Retirement({"active": False}, {"active": False}, {"active": None}),
    "RelatedPerson": _Retirement({"active": False}, {"active": False}, {"active": None}),
    "ServiceRequest": _Retirement({"status": "revoked"}, _IN_ERROR),
}
_ONLY_MARKED = _Retirement({}, {})


def retire(stored: Resource, sequence: Sequence, *, is_deleted: bool) -> Resource | None:
    """Return a child that its sender no longer lists, or deleted; None when it is retired already."""
    meta = tags.meta_of(stored)
    if Mark.RETIRED in tags.marks(meta) or tags.is_older(meta, sequence):
        return None
    retirement = _RETIREMENTS.get(stored["resourceType"], _ONLY_MARKED)
    after = dict(stored)
    _set(after, (retirement.deleted if is_deleted else retirement.missing).items())
    after["meta"] = tags.in_sequence(tags.describe(stored, {}, (Mark.RETIRED,)), sequence)
    return after


def revive(resource: Resource) -> None:
    """Undo in place what retiring set: the child is listed again, and the message says the rest."""
    _set(resource, _RETIREMENTS.get(resource["resourceType"], _ONLY_MARKED).listed_again.items())


def _set(resource: Resource, elements: Iterable[tuple[str, Any]]) -> None:
    for name, value in elements:
        if value is None:
            resource.pop(name, None)
        else:
            resource[name] = value
