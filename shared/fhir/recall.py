"""A quick yes for a sound bundle, in one pass; most of what a hub makes needs no more.

Where anything is amiss, or not plainly right, the answer is no, and the bundle is judged in full, with places and
rules. What was judged before in the same words is not judged again: a hub sees the same wards, organizations and
practitioners in message after message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from shared.fhir import exact_json
from shared.fhir.coherence import ELEMENTS, RESOURCES
from shared.fhir.schema import are_valid, resource_types
from shared.fhir.shape import INSIDE, Shape, shape_of
from shared.fhir.survey import content_of

Json = dict[str, Any]
Aim = tuple[str, frozenset[str] | None]  # the text of a reference, and the types that it may lead to
Fresh = tuple[str, Json, bytes, bytes]  # a resource that is not recalled: its type, itself, its JSON, what it says

RECURRING = frozenset(
    {"Device", "Location", "Medication", "MessageHeader", "Organization", "Practitioner", "PractitionerRole"}
)
REMEMBERED = 1024  # resources; a full memory starts anew
LARGEST_BYTES = 4096

# What compares its values; what holds a resource is not plain.
_RULES: dict[str, Callable[[Json], bool]] = {name: rule for name, (_, rule) in ELEMENTS.items()}
_RULES |= dict.fromkeys(INSIDE, lambda _: False)
_sound: dict[bytes, list[Aim]] = {}  # the aims of sound resources, by what they say


def is_plainly_sound(bundle: Json, texts: Sequence[bytes] | None) -> bool:
    """Tell whether a bundle is sure to be valid; False says nothing either way.

    Plain is a transaction as ``put_entry`` makes its entries, whose references lead to one another.

    Args:
        bundle: A Bundle.
        texts: Its resources as JSON, where the caller has them.
    """
    try:
        plain = _Plain(bundle["entry"], texts)
    except (KeyError, TypeError):  # an entry is something else
        return False
    return (
        plain.are_puts()
        and are_valid(plain.by_type(bundle), plain.known)
        and plain.are_coherent()
        and plain.lead_to_one_another()
        and plain.are_different()
    )


class _Plain:
    """The entries of a bundle that may be plain.

    Raises:
        KeyError, TypeError: they are not.
    """

    __slots__ = ("aims", "alike", "entries", "fresh", "has_others", "known")

    def __init__(self, entries: list[Json], texts: Sequence[bytes] | None) -> None:
        self.entries = entries
        self.known: dict[str, str] = {}  # the types of the resources by fullUrl
        self.alike: dict[int, list[Json]] = {}  # by length: what is equal is equally long, in whatever order it is said
        self.aims: list[Aim] = []
        self.fresh: list[Fresh] = []
        self.has_others = False
        types = resource_types()
        for entry, text in zip(entries, texts or _texts(entries), strict=True):
            resource = entry["resource"]
            name, resource_id = resource["resourceType"], resource["id"]
            put = {"method": "PUT", "url": f"{name}/{resource_id}"}
            if len(entry) != 3 or name not in types or entry["request"] != put:
                self.has_others = True
                return
            self.known[entry["fullUrl"]] = name
            self.alike.setdefault(len(text) - len(resource_id), []).append(resource)
            said = _said(name, resource_id, entry["fullUrl"], text) if name in RECURRING else b""
            recalled = _sound.get(said)
            if recalled is None:
                self.fresh.append((name, resource, text, said))
            else:
                self.aims += recalled

    def are_puts(self) -> bool:
        """Tell whether all entries are puts as ``put_entry`` makes them, and no two have one address."""
        return not self.has_others and len(self.known) == len(self.entries) > 0

    def by_type(self, bundle: Json) -> dict[str, list[Json]]:
        """Return what is to be judged, by resource type.

        To the schema of a bundle all puts are alike: the first stands for all, without the resource.
        """
        put = {name: value for name, value in self.entries[0].items() if name != "resource"}
        listed: dict[str, list[Json]] = {"Bundle": [{**bundle, "entry": [put]}]}
        for name, resource, _, _ in self.fresh:
            if name in listed:
                listed[name].append(resource)
            else:
                listed[name] = [resource]
        return listed

    def are_coherent(self) -> bool:
        """Tell whether resources of valid form hold no others, and agree with themselves; take what they refer to."""
        for name, resource, text, said in self.fresh:
            if name in RESOURCES and not RESOURCES[name][1](resource):
                return False
            known = len(self.aims)
            if not _gather(resource, shape_of(name, b'xtension":' in text), self.aims):
                return False
            if said and len(said) <= LARGEST_BYTES:
                _remember(said, self.aims[known:])
        return True

    def lead_to_one_another(self) -> bool:
        """Tell whether all references are to resources of the bundle, of a type that may stand there."""
        known = self.known
        for reference, targets in self.aims:
            target = known.get(reference)
            if target is None or (targets is not None and target not in targets):
                return False
        return True

    def are_different(self) -> bool:
        """Tell whether no resource says what another says."""
        return all(
            len({content_of(resource) for resource in alike}) == len(alike)
            for alike in self.alike.values()
            if len(alike) > 1
        )


def _texts(entries: list[Json]) -> list[bytes]:
    return [exact_json.dumps(entry["resource"]) for entry in entries]


def _said(name: str, resource_id: str, url: str, text: bytes) -> bytes:
    """Return the JSON of a resource without an id that is sure to be sound: it is part of an address that is checked.

    So the header of every message from one sender to one receiver says the same.
    """
    begin = f'{{"resourceType":"{name}","id":"{resource_id}",'.encode()
    is_checked = url == "urn:uuid:" + resource_id and text.startswith(begin)
    return name.encode() + text[len(begin) :] if is_checked else text


def _remember(said: bytes, aims: list[Aim]) -> None:
    if len(_sound) >= REMEMBERED:
        _sound.clear()
    _sound[said] = aims


def _gather(element: Json, shape: Shape, aims: list[Aim]) -> bool:
    """Add what an element of valid form refers to; False where it is not plain, or its values do not agree."""
    children = shape.children
    for key, value in element.items():
        if key not in children:
            continue
        child = children[key]
        name, leads = child.name, child.leads
        rule = _RULES.get(name)
        for item in value if value.__class__ is list else (value,):
            if name == "Reference":
                if "reference" in item:
                    aims.append((item["reference"], child.targets))
                if len(item) == 1:
                    continue
                if "type" in item:
                    return False
            elif rule is not None and not rule(item):
                return False
            if item is not None and not leads.isdisjoint(item) and not _gather(item, child, aims):
                return False
    return True
