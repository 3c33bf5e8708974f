"""Elements that list the children of their resource: they follow the children's mode, not that of other repeats.

By action code a message names some children: the others remain listed, and what is deleted goes. As a snapshot it names
all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.changes.notes import Action, ChangeNotes, ListMode, ResourceChange
from shared.changes.tags import Resource

# Resource -> element, the segment of the children, and how an item refers to its child (empty: it is the reference).
_MEMBERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Account": (("coverage", "IN1", "coverage"), ("guarantor", "GT1", "party")),
    "DiagnosticReport": (("result", "OBX", ""),),
    "Encounter": (("diagnosis", "DG1", "condition"),),
}
# A segment without a list in the notes is a snapshot, but for results: each has its own status, and is deleted by it.
_USUAL = {"OBX": ListMode.ACTION}


def follow_children(
    sent: Resource, stored: Resource, notes: ChangeNotes, changes: Mapping[str, ResourceChange]
) -> Resource:
    """Return what a message says of a resource, with the children that remain listed beside those it names.

    Args:
        changes: How the message's entries change what is stored, by reference: a child that is deleted is not listed.
    """
    after = sent
    for element, segment, name in _MEMBERS.get(sent["resourceType"], ()):
        mode = next((one.mode for one in notes.children if one.segment == segment), _USUAL.get(segment))
        if mode is ListMode.ACTION and element in stored:
            items = {_reference(item, name): item for item in (*stored[element], *sent.get(element, ()))}
            after = {
                **after,
                element: [item for reference, item in items.items() if not _is_deleted(changes.get(reference))],
            }
            if not after[element]:
                del after[element]
    return after


def _is_deleted(change: ResourceChange | None) -> bool:
    return change is not None and change.action is Action.DELETE


def _reference(item: dict[str, Any], name: str) -> str:
    return str((item.get(name, {}) if name else item).get("reference", ""))
