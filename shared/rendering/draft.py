"""The state of one rendering: the bundle read, the segments written, what is left, what was noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from shared.hl7.delimiters import STANDARD
from shared.hl7.escape import escape
from shared.hl7.structure import FieldRule, read_fields
from shared.message.finding import Finding
from shared.rendering.rows import Resource, leaves, prune

VERSION = "2.5.1"
_ANY = FieldRule("", None, False, None)
# Elements of every resource that belong to the server that keeps it, or say again what the others say.
_OF_THE_SERVER = ("resourceType", "id", "implicitRules", "contained")
_SAYS_NOTHING_MORE = frozenset({"generated", "extensions", "empty"})  # of narratives, narrative-status
_OF_ITS_META = ("versionId", "lastUpdated", "source", "profile")

# What no field has carried yet: its path, its text, where it stood.
_Left = tuple[str, str, str]
_ANYWHERE = ""

# A component, or its subcomponents.
Part = str | list[str]


class SegmentDraft:
    """One segment that is being written: for each field its repetitions, escaped."""

    __slots__ = ("_rules", "fields", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.fields: dict[int, list[str]] = {}
        self._rules = read_fields(VERSION, name)

    def type_of(self, number: int) -> str:
        """Return the HL7 data type of a field in 2.5.1; empty where that has no such field."""
        return self._rules.get(number, _ANY).data_type

    def has_room(self, number: int) -> bool:
        """Tell whether a field of 2.5.1 takes one more repetition."""
        rule = self._rules.get(number)
        return rule is not None and (rule.most is None or len(self.fields.get(number, ())) < rule.most)

    def add(self, number: int, text: str) -> None:
        """Add one repetition; one that is there already says nothing more."""
        repetitions = self.fields.setdefault(number, [])
        if text not in repetitions:
            repetitions.append(text)

    def set(self, number: int, text: str) -> None:
        """Set a whole field, or leave it out when there is no text."""
        if text:
            self.fields[number] = [text]

    def line(self) -> str:
        """Return the segment as it stands in a message, without its end."""
        repetitions = (self.fields.get(number, ()) for number in range(1, max(self.fields, default=0) + 1))
        return STANDARD.field.join([self.name, *(STANDARD.repetition.join(each) for each in repetitions)])


class Draft:
    """Everything that the rows of one rendering read and write.

    Attributes:
        segments: What was written, in order.
        findings: What could not be carried, and why.
    """

    __slots__ = ("_left", "_resources", "_urls", "findings", "segments")

    def __init__(self, resources: Iterable[tuple[str, Resource]]) -> None:
        self.segments: list[SegmentDraft] = []
        self.findings: list[Finding] = []
        self._resources: dict[str, Resource] = {}
        self._urls: dict[str, str] = {}
        self._left: dict[str, set[_Left]] = {}
        for url, resource in resources:
            self._resources[url] = resource
            self._urls[url] = self._urls[f"{resource['resourceType']}/{resource.get('id', '')}"] = url

    # -- reading ------------------------------------------------------------------------------------------------

    def all(self, kind: str) -> list[tuple[str, Resource]]:
        """Return the resources of one type with their urls, in the order of the bundle: to look at, not to change."""
        return [(url, one) for url, one in self._resources.items() if one["resourceType"] == kind]

    def everything(self) -> list[tuple[str, Resource]]:
        """Return all resources with their urls."""
        return list(self._resources.items())

    def look(self, reference: Any) -> tuple[str, Resource]:
        """Return url and resource of a reference; empty ones where it leads nowhere."""
        said = reference.get("reference", "") if isinstance(reference, dict) else ""
        url = self._urls.get(said.split("/_history/")[0], "")
        return url, self._resources.get(url, {})

    def points_at(self, reference: Any, url: str) -> bool:
        """Tell whether a reference leads to a resource."""
        return bool(url) and self.look(reference)[0] == url

    @contextmanager
    def open(self, url: str) -> Iterator[Resource]:
        """Give a copy of a resource to take from; what is left of it, whoever took, becomes a finding."""
        copy = _unshared(self._resources[url])
        name = copy["resourceType"]
        for element in _OF_THE_SERVER:
            copy.pop(element, None)
        if copy.get("text", {}).get("status") in _SAYS_NOTHING_MORE:
            copy.pop("text")
        for element in _OF_ITS_META:
            copy.get("meta", {}).pop(element, None)
        origins = dict(_origins(copy))
        yield copy
        prune(copy)
        left = {(path, text, origins.get(holder, _ANYWHERE)) for path, text, holder in leaves(copy, name)}
        self._left[url] = _still_left(self._left[url], left) if url in self._left else left

    @contextmanager
    def open_if_any(self, url: str) -> Iterator[Resource]:
        """Give a copy of a resource as ``open`` does; an empty one where there is no url."""
        if not url:
            yield {}
            return
        with self.open(url) as resource:
            yield resource

    @contextmanager
    def follow(self, reference: Resource) -> Iterator[Resource]:
        """Give a copy of what a reference leads to, an empty one where it leads nowhere, and take the reference."""
        url, _ = self.look(reference)
        if not url:
            yield {}
            return
        with self.open(url) as resource:
            yield resource
        for element in ("reference", "type", "display"):
            reference.pop(element, None)

    def say_what_is_left(self) -> None:
        """Add a finding for each element that no field carried, and for each resource that no segment is made of."""
        for url, resource in self._resources.items():
            if url in self._left:
                counted = Counter(path for path, _, _ in self._left[url])
                self.findings += [
                    Finding("element_not_carried", path, _many(counted[path])) for path in sorted(counted)
                ]
            else:
                self.findings.append(Finding("resource_not_carried", resource["resourceType"]))

    # -- writing ------------------------------------------------------------------------------------------------

    def segment(self, name: str) -> SegmentDraft:
        """Begin a segment; those before it are finished."""
        found = SegmentDraft(name)
        self.segments.append(found)
        return found

    def drop_empty(self) -> None:
        """Leave out the last segment where it says nothing but its number."""
        if not self.segments[-1].fields.keys() - {1}:
            self.segments.pop()


def _origins(value: Any, place: str = "") -> Iterator[tuple[int, str]]:
    """Yield where each object of a resource stood when it was opened, by its id."""
    if isinstance(value, dict):
        yield id(value), place or "."
        for name, inner in value.items():
            yield from _origins(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _origins(inner, f"{place}[{index}]")


def _still_left(before: set[_Left], now: set[_Left]) -> set[_Left]:
    """Return what was left before and still is: the same value at the same place; what was written anew has none."""
    places: dict[tuple[str, str], set[str]] = {}
    for path, text, place in now:
        places.setdefault((path, text), set()).add(place)
    return {
        (path, text, place)
        for path, text, place in before
        if (found := places.get((path, text))) and (place == _ANYWHERE or {place, _ANYWHERE} & found)
    }


def _many(count: int) -> str:
    return f"{count} values" if count > 1 else ""


def _unshared(value: Any) -> Any:
    """Return a copy in which nothing stands in two places: the mapping shares what it builds once."""
    if isinstance(value, dict):
        return {name: _unshared(inner) for name, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value


def escaped(text: object) -> str:
    """Return a text fit for one subcomponent."""
    return escape(str(text), STANDARD)


def composed(parts: Iterable[Part]) -> str:
    """Return the components of one repetition, escaped, without empty ones at the end."""
    whole = [_joined(part, STANDARD.subcomponent) if isinstance(part, list) else escaped(part) for part in parts]
    return STANDARD.component.join(whole).rstrip(STANDARD.component)


def subcomposed(parts: Iterable[str]) -> str:
    """Return components of a data type that stands inside a component: as its subcomponents."""
    return _joined(parts, STANDARD.subcomponent)


def _joined(parts: Iterable[str], separator: str) -> str:
    return separator.join(escaped(part) for part in parts).rstrip(separator)
