"""What a bundle cannot say by itself: how its resources change what is stored.

A bundle holds what the message says. These notes say which of it may only be created, what the sender deleted (HL7
``""``), whether a list replaces the stored one, and which records a person edited together. Absent means unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ListMode(StrEnum):
    """How the repeats of one kind relate to what is stored."""

    SNAPSHOT = "snapshot"  # what is sent replaces what is stored; what is missing is gone
    ACTION = "action"  # each repeat carries its own add, update or delete; what is missing is unchanged


class Action(StrEnum):
    """What one child resource asks for (HL7 tables 0206 and 0323)."""

    PUT = "put"
    DELETE = "delete"


# Not frozen, for speed alone: a result message makes one for each result, and a frozen one takes four times as long.
@dataclass(slots=True)
class ResourceChange:
    """How one entry of the bundle changes the stored resource. It is not changed once it is made.

    Attributes:
        full_url: The entry's fullUrl.
        provisional: Create it when it is missing; never update it: this message type does not own the resource.
        unidentified: No trusted identifier: the id comes from the message, for a person to review.
        deleted: Element paths the sender emptied (``birthDate``, ``hospitalization.admitSource``). A list that several
            fields feed names its part: ``participant[ATND]``, ``telecom[work]``, ``extension[<url>]``.
        initial: Elements that count only when the resource is created, because the message does not say them: a
            status that the standard requires and the sender left out.
        control: The code as sent that moves the state of this resource: OBX-11, OBR-25, ORC-1, SCH-25; empty when the
            event of the message does.
        action: Delete, where the segment's action code says so.
    """

    full_url: str
    provisional: bool = False
    unidentified: bool = False
    deleted: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    control: str = ""
    action: Action = Action.PUT

    @property
    def says_something(self) -> bool:
        """Whether it says more than that there is an entry."""
        is_put = self.action is Action.PUT
        return bool(self.provisional or self.unidentified or self.deleted or self.initial or self.control or not is_put)


@dataclass(frozen=True, slots=True)
class ChildList:
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


@dataclass(frozen=True, slots=True)
class IdentityEdit:
    """Two records of one person or visit: ``prior`` gives way to ``survivor`` (resource ids).

    Attributes:
        kind: ``Patient`` or ``Encounter``.
        event: What the sender did: ``A40`` merges, ``A24`` links, ``A37`` unlinks.
    """

    kind: str
    event: str
    prior: str
    survivor: str


@dataclass(frozen=True, slots=True)
class ChangeNotes:
    """The notes of one bundle. JSON: ``orjson.dumps(notes)``, and back with `ChangeNotes.from_json`.

    Attributes:
        message: MSH-9.1, ``ADT``.
        event: MSH-9.2, ``A08``.
        resources: Notes of the entries that need one; an entry without a note is owned and put.
        repeats: How the repeating elements of a resource relate to the stored ones (``Patient.name``).
        children: Lists of child resources.
        identity: Merges, in message order.
    """

    message: str
    event: str
    resources: tuple[ResourceChange, ...] = ()
    repeats: ListMode = ListMode.SNAPSHOT
    children: tuple[ChildList, ...] = ()
    identity: tuple[IdentityEdit, ...] = ()

    @classmethod
    def from_json(cls, notes: dict[str, Any]) -> ChangeNotes:
        """Return the notes that a parsed JSON object holds.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        return cls(
            message=notes["message"],
            event=notes["event"],
            resources=tuple(_resource_change(one) for one in notes["resources"]),
            repeats=ListMode(notes["repeats"]),
            children=tuple(_child_list(one) for one in notes["children"]),
            identity=tuple(IdentityEdit(**one) for one in notes["identity"]),
        )


def _resource_change(one: dict[str, Any]) -> ResourceChange:
    return ResourceChange(
        full_url=one["full_url"],
        provisional=one["provisional"],
        unidentified=one["unidentified"],
        deleted=tuple(one["deleted"]),
        initial=tuple(one["initial"]),
        control=one["control"],
        action=Action(one["action"]),
    )


def _child_list(one: dict[str, Any]) -> ChildList:
    return ChildList(
        segment=one["segment"],
        resource_type=one["resource_type"],
        parent=one["parent"],
        mode=ListMode(one["mode"]),
        members=tuple(one["members"]),
    )
