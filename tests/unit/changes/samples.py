"""Canonical records about nobody in particular."""

from __future__ import annotations

from typing import Any

from shared.changes.apply import Applied, apply_changes, needed, needed_after
from shared.changes.change_set import changes_of
from shared.changes.notes import ChangeNotes, ResourceChange
from shared.changes.record import CanonicalRecord, encode_record
from shared.fhir import exact_json
from shared.message.identifiers import Sequence
from shared.ports import Stored

Resource = dict[str, Any]


def url(name: str) -> str:
    return f"urn:uuid:{name}"


def bundle_of(*resources: Resource) -> Resource:
    """Return a bundle whose entries are found by their ids."""
    entries = [
        {
            "fullUrl": url(one["id"]),
            "resource": one,
            "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
        }
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def change(name: str, **notes: Any) -> ResourceChange:
    """Return a note on the entry with this id."""
    return ResourceChange(url(name), **notes)


def record(
    *resources: Resource, n: int, message: str = "ADT", event: str = "A08", source: str = "ehr", **notes: Any
) -> CanonicalRecord:
    """Return the n-th message of a source."""
    return CanonicalRecord(bundle_of(*resources), ChangeNotes(message, event, **notes), Sequence(source, 1, n))


def patient(**elements: Any) -> Resource:
    return {"resourceType": "Patient", "id": "p", **elements}


def visit(status: str = "in-progress", **elements: Any) -> Resource:
    person = {"reference": url("p")}
    return {
        "resourceType": "Encounter",
        "id": "v",
        "status": status,
        "class": {"code": "IMP"},
        "subject": person,
    } | elements


class Store:
    """A store in memory that takes records one after the other, as the destination does."""

    def __init__(self) -> None:
        self.held: dict[str, Stored] = {}

    def take(self, one: CanonicalRecord, *, is_replay: bool = False) -> Applied:
        changes = changes_of(encode_record(one))
        wanted = needed(changes)
        stored = {name: self.held[name] for name in wanted if name in self.held}
        more = {name: self.held[name] for name in needed_after(changes, stored) if name in self.held}
        applied = apply_changes(changes, stored | more, is_replay=is_replay)
        for write in applied.writes:
            before = self.held.get(write.reference)
            assert write.if_match == (None if before is None else before.version)
            version = 1 if before is None else int(before.version) + 1
            content = {name: value for name, value in write.resource.items() if name != "meta"}
            self.held[write.reference] = Stored(write.resource, str(version), exact_json.dumps(content))
        return applied

    def said(self, reference: str) -> Resource:
        """Return a resource without the hub's own notes on it."""
        return {name: value for name, value in self.held[reference].resource.items() if name != "meta"}

    def marks(self, reference: str) -> list[str]:
        """Return what a person should know of a resource."""
        tags = self.held[reference].resource["meta"].get("tag", [])
        return [tag["code"] for tag in tags if tag["system"] == "urn:caduceus:mark"]

    def content(self) -> dict[str, Resource]:
        """Return everything but versions."""
        return {name: one.resource for name, one in self.held.items()}
