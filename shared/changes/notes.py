"""What a bundle cannot say by itself: how its resources change what is stored.

A bundle holds what the message says. These notes say which of it may only be created, what the sender deleted (HL7
``""``), whether a list replaces the stored one, and which records a person edited together. Absent means unchanged.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple


class ListMode(StrEnum):
    """How the repeats of one kind relate to what is stored."""

    SNAPSHOT = "snapshot"  # what is sent replaces what is stored; what is missing is gone
    ACTION = "action"  # each repeat carries its own add, update or delete; what is missing is unchanged


class Action(StrEnum):
    """What one child resource asks for (HL7 tables 0206 and 0323)."""

    PUT = "put"
    DELETE = "delete"


class ResourceChange(NamedTuple):
    """How one entry of the bundle changes the stored resource.

    Attributes:
        full_url: The entry's fullUrl.
        provisional: Create it when it is missing; never update it: this message type does not own the resource.
        unidentified: No trusted identifier: the id comes from the message, for a person to review.
        deleted: Element paths the sender emptied (``birthDate``, ``hospitalization.admitSource``). A list that several
            fields feed names its part: ``participant[ATND]``, ``telecom[work]``, ``extension[<url>]``.
        initial: Elements that count only when the resource is created, because the message does not say them: a
            status that the standard requires and the sender left out.
        control: The code in capitals that moves the state of this resource: OBX-11, OBR-25, ORC-1, SCH-25; empty if the
            event of the message does.
        action: Delete, where the segment's action code says so.
        whole: The resource is its source's alone and is sent whole: what it does not say is gone.
        timed: It says its time itself (OBX-14), and does not have it of its report.
    """

    full_url: str
    provisional: bool = False
    unidentified: bool = False
    deleted: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    control: str = ""
    action: Action = Action.PUT
    whole: bool = False
    timed: bool = False


class ChildList(NamedTuple):
    """The children of one parent that one kind of segment named, in message order.

    Attributes:
        segment: ``AL1``, ``DG1``, ``NK1``, ``IN1``.
        resource_type: Type of the members.
        parent: fullUrl of the resource that they belong to.
        mode: Snapshot: members of an earlier list that are missing here are retired.
        members: Their fullUrls; none when the sender said that there are none.
    """

    segment: str
    resource_type: str
    parent: str
    mode: ListMode
    members: tuple[str, ...]


class IdentityEdit(NamedTuple):
    """Two records of one person, visit or account: ``prior`` gives way to ``survivor`` (resource ids).

    Attributes:
        kind: ``Patient``, ``Encounter`` or ``Account``.
        event: What the sender did: ``A40`` merges, ``A24`` links, ``A37`` unlinks, ``A43`` moves a number.
        place: The claim whose numbers move (``MRG(1)``), where some do.
    """

    kind: str
    event: str
    prior: str
    survivor: str
    place: str = ""


class ChangeNotes(NamedTuple):
    """The notes of one bundle.

    Attributes:
        message: MSH-9.1, ``ADT``.
        event: MSH-9.2, ``A08``.
        resources: Notes of the entries that need one; an entry without a note is owned and put.
        repeats: How the repeating elements of a resource relate to the stored ones (``Patient.name``).
        children: Lists of child resources.
        identity: Merges, in message order.
        former: Whom a number of the message meant before somebody merged or moved it: whom it means now, and whom then
            (ids of Patients).
    """

    message: str
    event: str
    resources: tuple[ResourceChange, ...] = ()
    repeats: ListMode = ListMode.SNAPSHOT
    children: tuple[ChildList, ...] = ()
    identity: tuple[IdentityEdit, ...] = ()
    former: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the notes as a JSON object: of each resource what is not as usual, and nothing of usual ones."""
        return {
            "message": self.message,
            "event": self.event,
            "resources": [(one.full_url, said) for one in self.resources if (said := _unusual(one))],
            "repeats": self.repeats,
            "children": [tuple(one) for one in self.children],
            "identity": [tuple(one) for one in self.identity],
            **({"former": self.former} if self.former else {}),
        }

    @classmethod
    def from_json(cls, notes: dict[str, Any]) -> ChangeNotes:
        """Return the notes of a JSON object.

        Raises:
            KeyError, TypeError, ValueError: it does not hold any.
        """
        return cls(
            message=notes["message"],
            event=notes["event"],
            resources=tuple([_resource_change(*one) for one in notes["resources"]]),
            repeats=ListMode(notes["repeats"]),
            children=tuple([_child_list(*one) for one in notes["children"]]),
            identity=tuple([IdentityEdit(*one) for one in notes["identity"]]),
            former=tuple([(now, before) for now, before in notes.get("former", ())]),
        )


_NAMES = ResourceChange._fields[1:]
_USUAL = ResourceChange("")[1:]


def _unusual(change: ResourceChange) -> dict[str, Any]:
    said = change[1:]
    if said == _USUAL:
        return {}
    return {_NAMES[place]: value for place, value in enumerate(said) if value != _USUAL[place]}


def _resource_change(full_url: str, said: dict[str, Any]) -> ResourceChange:
    if said == _PROVISIONAL:  # nearly all of them
        return ResourceChange(full_url, provisional=True)
    lists: dict[str, Any] = {name: tuple(said[name]) for name in ("deleted", "initial") if name in said}
    return ResourceChange(full_url, **{**said, **lists, "action": Action(said.get("action", Action.PUT))})


_PROVISIONAL = {"provisional": True}


def _child_list(segment: str, resource_type: str, parent: str, mode: str, members: list[str]) -> ChildList:
    return ChildList(segment, resource_type, parent, ListMode(mode), tuple(members))
