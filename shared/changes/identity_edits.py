"""What merging, linking, unlinking and moving does to Patients: ``link``, and the numbers of whom a number leaves.

The prior Patient of a merge is never rewritten: it stays as its sources left it, and the survivor says that it takes
its place. A prior Account, to which R4 has no such link, is closed as a part of the survivor. Identifiers are
redirected in the identity table, not here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.changes.notes import IdentityEdit
from shared.changes.tags import Resource

Look = Callable[[str], Resource | None]

# HL7 v2.5.1 3.3.18 to 3.3.51: events after which the prior record's identifiers mean the surviving record.
MERGES: dict[str, frozenset[str]] = {
    "Patient": frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47", "A48"}),
    "Encounter": frozenset({"A42", "A45", "A50", "A51"}),
    "Account": frozenset({"A35", "A36", "A41", "A44", "A49"}),
}
LINK, UNLINK, MOVE = "A24", "A37", "A43"
REPLACES, SEE_ALSO = "replaces", "seealso"


def linked(edit: IdentityEdit, look: Look) -> list[Resource]:
    """Return the Patients and Accounts that an edit changes, as they are after it; what is not stored stays so."""
    prior, survivor = look(f"{edit.kind}/{edit.prior}"), look(f"{edit.kind}/{edit.survivor}")
    if edit.prior == edit.survivor or prior is None or survivor is None:
        return []
    if edit.kind == "Account" and edit.event in MERGES["Account"]:
        closed = {**prior, "status": "inactive", "partOf": {"reference": f"Account/{edit.survivor}"}}
        return [] if closed == prior else [closed]
    if edit.kind != "Patient":
        return []
    if edit.event == LINK:
        pair = ((survivor, edit.prior), (prior, edit.survivor))
        return _changed([_with(one, [_link(SEE_ALSO, other)]) for one, other in pair], [survivor, prior])
    if edit.event == UNLINK:
        pair = ((survivor, edit.prior), (prior, edit.survivor))
        return _changed([_without(one, _link(SEE_ALSO, other)) for one, other in pair], [survivor, prior])
    if edit.event == MOVE:
        left = _without_numbers(prior, survivor)
        return [] if left == prior else [left]
    if edit.event not in MERGES["Patient"]:
        return []
    earlier = [link for link in prior.get("link", ()) if link["type"] == REPLACES]
    return _changed([_with(_found(survivor, prior), [_link(REPLACES, edit.prior), *earlier])], [survivor])


def replaces(patient: Resource | None, reference: str) -> bool:
    """Tell whether a Patient took the place of another one."""
    links = (patient or {}).get("link", ())
    return any(link["type"] == REPLACES and link["other"].get("reference") == reference for link in links)


def same_link(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two links of a Patient are one: the same kind, and the same record, or the same number of it."""
    others = one["other"], other["other"]
    return one["type"] == other["type"] and any(
        element in others[0] and others[0][element] == others[1].get(element) for element in ("reference", "identifier")
    )


def same_number(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two Identifiers are one: system, value, and type where both say it."""
    if (one.get("system"), one.get("value")) != (other.get("system"), other.get("value")):
        return False
    types = [identifier.get("type", {}).get("coding", [{}])[0].get("code") for identifier in (one, other)]
    return None in types or types[0] == types[1]


def _found(survivor: Resource, prior: Resource) -> Resource:
    """Return the survivor whose links by a number of the prior record lead to it: the message knows the number only."""
    numbers = prior.get("identifier", ())

    def found(link: dict[str, Any]) -> dict[str, Any]:
        other = link["other"]
        if link["type"] != REPLACES or "reference" in other:
            return link
        is_its = any(same_number(other.get("identifier", {}), one) for one in numbers)
        return {**link, "other": {"reference": f"Patient/{prior['id']}", **other}} if is_its else link

    return {**survivor, "link": [found(link) for link in survivor["link"]]} if "link" in survivor else survivor


def _without_numbers(patient: Resource, other: Resource) -> Resource:
    """Return a Patient without the numbers that are another one's now."""
    theirs = other.get("identifier", ())
    rest = [one for one in patient.get("identifier", ()) if not any(same_number(one, its) for its in theirs)]
    kept = {name: value for name, value in patient.items() if name != "identifier"}
    return {**kept, "identifier": rest} if rest else kept


def _link(kind: str, other: str) -> dict[str, Any]:
    return {"other": {"reference": f"Patient/{other}"}, "type": kind}


def _with(patient: Resource, links: list[dict[str, Any]]) -> Resource:
    before = patient.get("link", [])
    return {**patient, "link": [*before, *(link for link in links if not any(same_link(link, one) for one in before))]}


def _without(patient: Resource, link: dict[str, Any]) -> Resource:
    rest = [one for one in patient.get("link", ()) if one != link]
    kept = {name: value for name, value in patient.items() if name != "link"}
    return {**kept, "link": rest} if rest else kept


def _changed(after: list[Resource], before: list[Resource]) -> list[Resource]:
    return [new for new, old in zip(after, before, strict=True) if new.get("link", []) != old.get("link", [])]
