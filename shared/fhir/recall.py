"""A quick yes for a sound bundle, in one pass; most of what a hub makes needs no more.

Where anything is amiss, or not plainly right, the answer is no, and the bundle is judged in full, with places and
rules. What was judged before in the same words is not judged again: a hub sees the same wards, organizations and
practitioners in message after message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from shared.fhir.bundle import Leads, SharedEntry, write_entries
from shared.fhir.coherence import ELEMENTS, RESOURCES
from shared.fhir.schema import are_valid, resource_types
from shared.fhir.shape import INSIDE, Way, shape_of
from shared.fhir.survey import content_of, write_decimal

Json = dict[str, Any]
Fresh = tuple[str, Json, bytes, bytes]  # an entry that is not recalled, its type, its JSON, what it says

RECURRING = frozenset({"Device", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole"})
HEADER = "MessageHeader"  # recurs too, each time under another id
REMEMBERED = 1024  # resources; a full memory starts anew
LARGEST_BYTES = 4096

# What compares its values; what holds a resource is not plain.
_RULES: dict[str, Callable[[Json], bool]] = {name: rule for name, (_, rule) in ELEMENTS.items()}
_RULES |= dict.fromkeys(INSIDE, lambda _: False)
_sound: dict[bytes, Leads] = {}  # where sound resources lead, by what they say


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
        and are_valid(plain.by_type(bundle), plain.urls)
        and plain.are_plain()
        and plain.lead_to_one_another()
        and plain.are_different()
    )


class _Plain:
    """The entries of a bundle that may be plain.

    Raises:
        KeyError, TypeError: they are not.
    """

    __slots__ = ("entries", "fresh", "has_others", "known", "leads", "lengths", "urls")

    def __init__(self, entries: list[Json], texts: Sequence[bytes] | None) -> None:
        self.entries = entries
        self.known: dict[str, str] = {}  # the types of the resources by fullUrl
        self.urls: list[str] = []  # the fullUrls that were not judged before, with their entry
        self.lengths: list[int] = []  # what is equal is equally long, in whatever order it is said
        self.leads: Leads = {}  # of what is recalled
        self.fresh: list[Fresh] = []
        self.has_others = False
        known, lengths, types = self.known, self.lengths, resource_types()
        for entry, text in zip(entries, texts or write_entries(entries).texts, strict=True):
            if type(entry) is SharedEntry and entry.sound is not None:
                url, known[url], length, leads = entry.sound
                lengths.append(length)
                if leads:
                    self.leads.update(leads)
                continue
            resource = entry["resource"]
            name, resource_id = resource["resourceType"], resource["id"]
            if len(entry) != 3 or name not in types or entry["request"] != _put(name, resource_id):
                self.has_others = True
                return
            url = entry["fullUrl"]
            known[url] = name
            self.urls.append(url)
            lengths.append(len(text) - len(resource_id))
            said = b""
            if name in RECURRING:
                said = text
            elif name == HEADER:
                said = _said(resource_id, url, text)
            recalled = _sound.get(said) if said else None
            if recalled is None:
                self.fresh.append((name, entry, text, said))
            else:
                self.leads.update(recalled)

    def are_puts(self) -> bool:
        """Tell whether all entries are puts as ``put_entry`` makes them, and no two have one address."""
        return not self.has_others and len(self.known) == len(self.entries) > 0

    def by_type(self, bundle: Json) -> dict[str, list[Json]]:
        """Return what is to be judged, by resource type.

        To the schema of a bundle all puts are alike: the first stands for all, without the resource.
        """
        put = {name: value for name, value in self.entries[0].items() if name != "resource"}
        listed: dict[str, list[Json]] = {"Bundle": [{**bundle, "entry": [put]}]}
        for name, entry, _, _ in self.fresh:
            if name in listed:
                listed[name].append(entry["resource"])
            else:
                listed[name] = [entry["resource"]]
        return listed

    def are_plain(self) -> bool:
        """Tell whether resources of valid form hold no others, agree with themselves, and refer to one another.

        What recurs is remembered, with where it leads.
        """
        known = self.known
        for name, entry, text, said in self.fresh:
            resource = entry["resource"]
            if name in RESOURCES and not RESOURCES[name][1](resource):
                return False
            leads: Leads | None = {} if said or type(entry) is SharedEntry else None
            if not _is_plain(resource, shape_of(name, b'xtension":' in text).ways[tuple(resource)], known, leads):
                return False
            if leads is None:
                continue
            if isinstance(entry, SharedEntry):
                entry.sound = entry["fullUrl"], name, len(text) - len(resource["id"]), leads
            elif len(said) <= LARGEST_BYTES:
                _remember(said, leads)
        return True

    def lead_to_one_another(self) -> bool:
        """Tell whether what is recalled leads to resources of the bundle, of the types it led to before."""
        return self.leads.items() <= self.known.items()

    def are_different(self) -> bool:
        """Tell whether no resource says what another says."""
        first: dict[int, Json] = {}
        alike: dict[int, list[Json]] = {}
        for length, entry in zip(self.lengths, self.entries, strict=True):
            other = first.setdefault(length, entry)
            if other is not entry:
                alike.setdefault(length, [other["resource"]]).append(entry["resource"])
        return all(map(_are_different, alike.values()))


def _are_different(alike: list[Json]) -> bool:
    """Tell whether equally long resources are different. What they are about tells most of them apart, for a third."""
    by_subject: dict[object, list[Json]] = {}
    for resource in alike:
        by_subject.setdefault(_subject(resource), []).append(resource)
    return all(len(same) == 1 or len({*map(content_of, same)}) == len(same) for same in by_subject.values())


def _subject(resource: Json) -> object:
    """Return part of what a resource of valid form says: the first code of what it is about, where it has one."""
    code = resource.get("code")
    if type(code) is dict and "coding" in code:
        return code["coding"][0].get("code")
    about = code or resource.get("identifier") or resource.get("name")
    return orjson.dumps(about, write_decimal, orjson.OPT_SORT_KEYS)


def _put(name: str, resource_id: str) -> Json:
    return {"method": "PUT", "url": f"{name}/{resource_id}"}


def _said(resource_id: str, url: str, text: bytes) -> bytes:
    """Return the JSON of a header without its id, where that is sure to be sound: part of an address that is checked.

    The headers of all messages from one sender to one receiver say the same.
    """
    begin = f'{{"resourceType":"{HEADER}","id":"{resource_id}",'.encode()
    is_checked = url == "urn:uuid:" + resource_id and text.startswith(begin)
    return text[len(begin) :] if is_checked else text


def _remember(said: bytes, leads: Leads) -> None:
    if len(_sound) >= REMEMBERED:
        _sound.clear()
    _sound[said] = leads


def _is_plain(element: Json, ways: list[Way], known: dict[str, str], leads: Leads | None) -> bool:
    """Tell whether the values of an element of valid form agree, and its references lead to what may stand there.

    Args:
        element: The element.
        ways: What of it is sought, or leads to that.
        known: The types of the resources of the bundle, by fullUrl.
        leads: Takes where the references lead, if somebody wants to know.
    """
    for key, targets, child in ways:
        value = element[key]
        for item in value if type(value) is list else (value,):
            if targets is not None:
                if "reference" in item:
                    reference = item["reference"]
                    target = known.get(reference)
                    if target not in targets:
                        return False
                    if leads is not None:
                        leads[reference] = target
                if len(item) == 1:
                    continue
                if "type" in item:
                    return False
            elif item is None:
                continue
            elif child.name in _RULES and not _RULES[child.name](item):
                return False
            below = child.ways[tuple(item)]
            if below and not _is_plain(item, below, known, leads):
                return False
    return True
