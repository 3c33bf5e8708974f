"""References: from the fullUrls of a bundle to ``Type/id``, as a store knows them."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

Resource = dict[str, Any]


_IN_JSON = b'"reference":"'  # a quote inside a text is escaped, and no such quote
_SPLIT_UP_TO_BYTES = 65_536  # quicker than cutting, but a copy: not for what is large


def redirect(text: bytes, names: Mapping[bytes, bytes]) -> tuple[list[bytes | memoryview], list[bytes]]:
    """Return JSON with every reference that has another name replaced by it, and what it refers to now.

    The JSON is in pieces, to be joined by the caller with all the rest: it may be large.
    """
    if len(text) > _SPLIT_UP_TO_BYTES:
        return _redirect_large(text, names)
    first, *others = text.split(_IN_JSON)  # a regex takes five times as long over a record
    pieces, targets = [first], []
    for other in others:
        end = other.index(b'"')
        url = other[:end]
        target = names.get(url, url)
        targets.append(target)
        pieces.append(target + other[end:])
    return [_IN_JSON.join(pieces)], targets


def _redirect_large(text: bytes, names: Mapping[bytes, bytes]) -> tuple[list[bytes | memoryview], list[bytes]]:
    at = text.find(_IN_JSON)
    pieces: list[bytes | memoryview] = []
    targets: list[bytes] = []
    view, start = memoryview(text), 0
    while at >= 0:
        begin = at + len(_IN_JSON)
        end = text.index(b'"', begin)
        url = text[begin:end]
        target = names.get(url, url)
        targets.append(target)
        pieces += (view[start:begin], target)
        start = end
        at = text.find(_IN_JSON, end)
    pieces.append(view[start:])
    return pieces, targets


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
            refers(value, targets) for value in node.values() if value.__class__ in _NESTED
        )
    return isinstance(node, list) and any(refers(item, targets) for item in node if item.__class__ in _NESTED)


def subject_of(resource: Resource) -> str:
    """Return whom a resource is about: its ``subject`` or ``patient``; empty when it does not say."""
    holder = resource.get("subject") or resource.get("patient") or {}
    return str(holder.get("reference", ""))


_NESTED = frozenset({dict, list})
