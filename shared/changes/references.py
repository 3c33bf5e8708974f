"""References: from the fullUrls of a bundle to ``Type/id``, as a store knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

Resource = dict[str, Any]


_IN_JSON = b'"reference":"'  # a quote inside a text is escaped, and no such quote
_SPLIT_UP_TO_BYTES = 65_536  # three times quicker than cutting, but a copy: not for what is large

Pieces = list[bytes | memoryview]


def redirect(texts: Sequence[bytes], names: Mapping[bytes, bytes]) -> tuple[Pieces, list[list[bytes]]]:
    """Return JSON texts as lines, with every reference that has another name replaced by it; and what each refers to.

    The lines are in pieces, to be joined by the caller with all the rest: they may be large.
    """
    if sum(map(len, texts)) > _SPLIT_UP_TO_BYTES:
        return _redirect_large(texts, names)
    lines: list[bytes] = []
    targets: list[list[bytes]] = []
    for text in texts:
        found: list[bytes] = []
        first, *others = text.split(_IN_JSON)  # a regex takes five times as long
        pieces = [first]
        for other in others:
            end = other.index(b'"')
            url = other[:end]
            target = names.get(url, url)
            found.append(target)
            pieces.append(target + other[end:])
        lines.append(_IN_JSON.join(pieces) if found else text)
        targets.append(found)
    return [b"\n".join(lines)], targets


def _redirect_large(texts: Sequence[bytes], names: Mapping[bytes, bytes]) -> tuple[Pieces, list[list[bytes]]]:
    pieces: Pieces = []
    targets: list[list[bytes]] = []
    for text in texts:
        found: list[bytes] = []
        view, start, at = memoryview(text), 0, text.find(_IN_JSON)
        while at >= 0:
            begin = at + len(_IN_JSON)
            end = text.index(b'"', begin)
            url = text[begin:end]
            found.append(names.get(url, url))
            pieces += (view[start:begin], found[-1])
            start = end
            at = text.find(_IN_JSON, end)
        pieces += (view[start:], b"\n")
        targets.append(found)
    return pieces[:-1], targets


def without(resource: Resource, gone: Set[str]) -> Resource:
    """Return the resource without the top elements, or items of top lists, that refer to what is not there."""
    kept: Resource = {}
    for name, value in resource.items():
        items = [item for item in value if not refers(item, gone)] if isinstance(value, list) else value
        if items != [] and not (isinstance(items, dict) and refers(items, gone)):
            kept[name] = items
    return kept


def refers(node: Any, targets: Set[str]) -> bool:
    """Tell whether a resource refers to one of the targets."""
    if isinstance(node, dict):
        return node.get("reference") in targets or any(
            refers(value, targets) for value in node.values() if type(value) in _NESTED
        )
    return isinstance(node, list) and any(refers(item, targets) for item in node if type(item) in _NESTED)


def subject_of(resource: Resource) -> str:
    """Return whom a resource is about: its ``subject`` (of an Account the first) or ``patient``; empty without."""
    holder = resource.get("subject") or resource.get("patient") or {}
    holder = holder[0] if isinstance(holder, list) else holder
    return str(holder.get("reference", ""))


def patients_of(resource: Resource) -> list[str]:
    """Return whose a resource is: whom it is about, or the patients who take part in an appointment."""
    if resource["resourceType"] != "Appointment":
        subject = subject_of(resource)
        return [subject] if subject else []
    actors = (str(one.get("actor", {}).get("reference", "")) for one in resource.get("participant", ()))
    return [actor for actor in actors if actor.startswith("Patient/")]


_NESTED = frozenset({dict, list})
