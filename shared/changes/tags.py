"""What the hub remembers in ``meta.tag``, so that it works on any FHIR server: the source's sequence, marks, moves."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from shared.message.identifiers import Sequence

Resource = dict[str, Any]

FORMER_SYSTEM = "urn:caduceus:moved-from"  # the code is the id of the Patient whom a visit or an account was moved from
SEQUENCE_SYSTEM = "urn:caduceus:sequence:"  # and the source; the code is ``<epoch>-<n>``
WAS_SYSTEM = "urn:caduceus:was"  # the code is of what a result said, and when, before a correction gave it another time
NOT_SEEN = "not-seen"  # a code of that system: the correction was the first that came
MARK_SYSTEM = "urn:caduceus:mark"

_SERVER_KEPT = frozenset({"versionId", "lastUpdated"})
_NOT_COPIED = _SERVER_KEPT | {"tag"}


class Mark(StrEnum):
    """What a person should know of a resource."""

    PROVISIONAL = "provisional"  # created by a message that does not own it; its owner has not spoken yet
    UNIDENTIFIED = "unidentified"  # no trusted identifier: for review
    RETIRED = "retired"  # no longer in its sender's list, or deleted there


def meta_of(resource: Resource | None) -> Resource:
    """Return the ``meta`` of a resource; empty when there is none."""
    meta: Resource = (resource or {}).get("meta", {})
    return meta


def is_older(meta: Resource, sequence: Sequence) -> bool:
    """Tell whether a resource with this ``meta`` already holds this message of the source, or a later one."""
    system = SEQUENCE_SYSTEM + sequence.source
    for tag in meta.get("tag", ()):
        if tag.get("system") == system:
            epoch, _, number = tag["code"].partition("-")
            return (sequence.epoch, sequence.n) <= (int(epoch), int(number))
    return False


def marks(meta: Resource) -> tuple[Mark, ...]:
    """Return the marks that a resource bears."""
    return tuple([Mark(tag["code"]) for tag in meta.get("tag", ()) if tag.get("system") == MARK_SYSTEM])


def was_moved_from(meta: Resource, patient: str) -> bool:
    """Tell whether a person moved a resource away from a Patient (its id)."""
    return _former(patient) in meta.get("tag", ())


def moved_from(meta: Resource, patient: str) -> Resource:
    """Return the ``meta`` of a resource that a person moved away from a Patient (its id)."""
    if was_moved_from(meta, patient):
        return meta
    return {**meta, "tag": [*meta.get("tag", ()), _former(patient)]}


def _former(patient: str) -> dict[str, str]:
    return {"system": FORMER_SYSTEM, "code": patient}


def said_before(meta: Resource) -> tuple[str, ...]:
    """Return the codes of what a result said before it was corrected."""
    return tuple([tag["code"] for tag in meta.get("tag", ()) if tag.get("system") == WAS_SYSTEM])


def corrected_from(meta: Resource, was: str) -> Resource:
    """Return the ``meta`` of a result with a code of what it said before."""
    tag = {"system": WAS_SYSTEM, "code": was}
    return meta if tag in meta.get("tag", ()) else {**meta, "tag": [*meta.get("tag", ()), tag]}


def moved_on(meta: Resource, sequence: Sequence) -> Resource:
    """Return the ``meta`` of a resource of which a message says nothing new."""
    return in_sequence({name: value for name, value in meta.items() if name not in _SERVER_KEPT}, sequence)


def describe(stored: Resource | None, sent: Resource, wanted: tuple[Mark, ...]) -> Resource:
    """Return the ``meta`` of a resource after a message, without the message's own sequence.

    What others tagged stays; what the server keeps (version, time) is left to the server.
    """
    before, said = meta_of(stored), meta_of(sent)
    meta = {name: value for part in (before, said) for name, value in part.items() if name not in _NOT_COPIED}
    tags = [tag for tag in before.get("tag", ()) if tag.get("system") != MARK_SYSTEM]
    tags += [tag for tag in said.get("tag", ()) if tag not in tags]
    tags += [{"system": MARK_SYSTEM, "code": mark.value} for mark in wanted]
    if tags:
        meta["tag"] = tags
    return meta


def in_sequence(meta: Resource, sequence: Sequence) -> Resource:
    """Return ``meta`` with the source's sequence moved on."""
    own = {"system": SEQUENCE_SYSTEM + sequence.source, "code": f"{sequence.epoch}-{sequence.n}"}
    others = [tag for tag in meta["tag"] if tag.get("system") != own["system"]] if "tag" in meta else []
    return {**meta, "tag": [*others, own]}


def unplaced(meta: Resource, source: str) -> Resource:
    """Return ``meta`` without the place of a source's last message."""
    system = SEQUENCE_SYSTEM + source
    return {**meta, "tag": [tag for tag in meta.get("tag", ()) if tag.get("system") != system]} if meta else meta
