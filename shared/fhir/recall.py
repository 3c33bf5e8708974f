"""A quick yes for a sound bundle, in one pass; most of what a hub makes needs no more.

Where anything is amiss, or not plainly right, the answer is no, and the bundle is judged in full, with places and
rules. What was judged before in the same words is not judged again: a hub sees the same wards, organizations and
practitioners in message after message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from shared.fhir import exact_json
from shared.fhir.coherence import ELEMENTS, RESOURCES
from shared.fhir.schema import resource_types, validator
from shared.fhir.shape import INSIDE, Shape, shape_of
from shared.fhir.survey import content_of

Json = dict[str, Any]
Aim = tuple[str, frozenset[str] | None]  # the text of a reference, and the types that it may lead to

RECURRING = frozenset({"Device", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole"})
REMEMBERED = 1024  # resources; a full memory starts anew
LARGEST_BYTES = 4096

_URNS = re.compile(r"(?:urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})*")
_sound: dict[bytes, list[Aim]] = {}  # the aims of sound resources, by their JSON


def is_plainly_sound(bundle: Json, texts: Sequence[bytes] | None) -> bool:
    """Tell whether a bundle is sure to be valid; False says nothing either way.

    Plain is a transaction as ``put_entry`` makes its entries, whose references lead to one another.

    Args:
        bundle: A Bundle.
        texts: Its resources as JSON, where the caller has them.
    """
    try:
        entries: list[Json] = bundle["entry"]
        known = _addresses(entries)
        if known is None or not validator("Bundle").is_valid(_shell(bundle, entries)):
            return False
        resources: list[Json] = [entry["resource"] for entry in entries]
        texts = texts or [exact_json.dumps(resource) for resource in resources]
    except (KeyError, TypeError):
        return False
    for resource, text in zip(resources, texts, strict=True):
        aims = _sound.get(text)
        if aims is None:
            aims = _aims_if_sound(resource, text)
            if aims is None:
                return False
        for reference, targets in aims:
            target = known.get(reference)
            if target is None or (targets is not None and target not in targets):
                return False
    return not _repeats(resources, texts)


def _addresses(entries: list[Json]) -> dict[str, str] | None:
    """Return the types of the resources by fullUrl and ``Type/id``; None where an entry is not a plain put.

    Raises:
        KeyError, TypeError: an entry is something else.
    """
    known: dict[str, str] = {}
    urls: list[str] = []
    types = resource_types()
    for entry in entries:
        resource, url = entry["resource"], entry["fullUrl"]
        name = resource["resourceType"]
        address = f"{name}/{resource['id']}"
        if len(entry) != 3 or name not in types or entry["request"] != {"method": "PUT", "url": address}:
            return None
        known[url] = known[address] = name
        urls.append(url)
    is_unique = len(known) == 2 * len(urls)
    return known if is_unique and _URNS.fullmatch("".join(urls)) else None


def _shell(bundle: Json, entries: list[Json]) -> Json:
    """Return the bundle with its first entry, without the resource: plain puts are all alike to a schema."""
    entry = {name: value for name, value in entries[0].items() if name != "resource"} if entries else {}
    return {**bundle, "entry": [entry]}


def _aims_if_sound(resource: Json, text: bytes) -> list[Aim] | None:
    """Return the references of a resource that is sound in itself; None where it is not, or holds other resources."""
    name = resource["resourceType"]
    if not validator(name).is_valid(resource):
        return None
    rule = RESOURCES.get(name)
    aims: list[Aim] = []
    if (rule is not None and not rule[1](resource)) or not _gather(
        resource, shape_of(name, b'xtension"' in text), aims
    ):
        return None
    if name in RECURRING and len(text) <= LARGEST_BYTES:
        if len(_sound) >= REMEMBERED:
            _sound.clear()
        _sound[text] = aims
    return aims


def _gather(element: Json, shape: Shape, aims: list[Aim]) -> bool:
    """Add what an element of valid form refers to; tell whether it is plain, and all its values agree."""
    children = shape.children
    for key, value in element.items():
        child = children.get(key)
        if child is None:
            continue
        for item in value if value.__class__ is list else (value,):
            if item.__class__ is dict and not _is_plain(item, child, aims):
                return False
    return True


def _is_plain(element: Json, shape: Shape, aims: list[Aim]) -> bool:
    name = shape.name
    if name == "Reference":
        if len(element) == 1 and "reference" in element:
            aims.append((element["reference"], shape.targets))
            return True
        if "type" in element:
            return False
        if "reference" in element:
            aims.append((element["reference"], shape.targets))
    elif name in INSIDE or (name in ELEMENTS and not ELEMENTS[name][1](element)):
        return False
    return shape.leads.isdisjoint(element) or _gather(element, shape, aims)


def _repeats(resources: list[Json], texts: Sequence[bytes]) -> bool:
    """Tell whether a resource says what another says. What is equal is equally long, in whatever order it is said."""
    by_length: dict[int, list[Json]] = {}
    for resource, text in zip(resources, texts, strict=True):
        by_length.setdefault(len(text) - len(resource["id"]), []).append(resource)
    return any(
        len({content_of(resource) for resource in alike}) < len(alike)
        for alike in by_length.values()
        if len(alike) > 1
    )
