"""What became of every value of a message in FHIR: mapped, ignored for a reason, or lost. Places, never values."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal

from shared.changes.tags import MARK_SYSTEM, SEQUENCE_SYSTEM
from shared.fhir_in.claims import claims_of
from shared.fhir_in.convert import convert_document
from shared.fhir_in.document import Document, read_document
from shared.fhir_in.source import Source
from shared.mapping.identity import MemoryResolver, Mint
from shared.mapping.report import Fate, Outcome, Report

_INDEX = re.compile(r"\[\d+\]")
_ENTRY = re.compile(r"Bundle\.entry\[\d+\]\.")
_OF_RESOURCE = {
    "id": "its id at the source: the hub gives its own",
    "meta.versionId": "the version at the source",
    "meta.lastUpdated": "the time at the source: the hub's trace has its own",
}
_OF_BUNDLE = {
    "resourceType": "how the message is wrapped",
    "type": "how the message is wrapped",
    "id": "how the message is wrapped",
    "total": "how the message is wrapped",
    "identifier.system": "whose name of the message it is: the interface says it",
    "fullUrl": "names the resource within the message: the hub's id takes its place",
    "request.method": "what is asked: the changes say it",
    "request.url": "what is asked: the changes say it",
    "request.ifNoneExist": "finds the resource, and is not part of it",
}


def fhir_report(body: bytes, source: Source, mint: Mint, repeats: Literal["snapshot", "action"] = "snapshot") -> Report:
    """Return what became of every value of a message, and the conversion, as if it were the first of its source.

    Raises:
        FhirRefused: it cannot be read, is not taken, or breaks FHIR.
    """
    document, resolver = read_document(body), MemoryResolver(mint)
    ids = {claim.place: resolver.resolve(claim.kind, claim) for claim in claims_of(document, source)}
    urls: dict[str, str] = {}
    conversion = convert_document(document, source, ids, mint, repeats, urls=urls)
    resources = {entry["fullUrl"]: entry["resource"] for entry in conversion.bundle["entry"]}
    sent = read_document(body)  # the other one was used up
    fates = [_of_bundle(place) for place, _ in _around(sent)]
    for entry in sent.entries:
        became = resources.get(urls.get(entry.place, ""))
        fates += _of_entry(entry.resource, entry.place, became)
    return Report(conversion, tuple(fates))


def _around(document: Document) -> Iterator[tuple[str, object]]:
    """Yield the values of a Bundle that belong to none of its resources."""
    if document.resource.get("resourceType") != "Bundle":
        return
    for name, value in document.resource.items():
        if name != "entry":
            yield from leaves_of(value, f"Bundle.{name}")
    for index, entry in enumerate(document.resource["entry"]):
        for name, value in entry.items():
            if name != "resource":
                yield from leaves_of(value, f"Bundle.entry[{index}].{name}")


def _of_bundle(place: str) -> Fate:
    name = _INDEX.sub("", _ENTRY.sub("", place).removeprefix("Bundle."))
    if name in ("identifier.value", "timestamp"):
        return Fate(place, Outcome.MAPPED, f"Bundle.{name}")
    if name in _OF_BUNDLE:
        return Fate(place, Outcome.IGNORED, reason=_OF_BUNDLE[name])
    return Fate(place, Outcome.LOST, reason="the Bundle itself is not kept")


def _of_entry(sent: Mapping[str, object], at: str, became: Mapping[str, object] | None) -> list[Fate]:
    said = [(place, value) for name, inner in sent.items() for place, value in leaves_of(inner, name)]
    if became is None:
        return [Fate(f"{at}.{place}", Outcome.LOST, reason="R4 has no such resource") for place, _ in said]
    kind = str(became["resourceType"])
    there = {place: value for name, inner in became.items() for place, value in leaves_of(inner, name)}
    moved: dict[object, list[str]] = defaultdict(list)
    same = {place for place, _ in said}
    for place, value in there.items():
        if place not in same:
            moved[str(value)].append(place)
    return [_of_value(f"{at}.{place}", place, value, kind, there, moved) for place, value in said]


def _of_value(
    whole: str, place: str, value: object, kind: str, there: Mapping[str, object], moved: Mapping[object, list[str]]
) -> Fate:
    name = _INDEX.sub("", place)
    if name == "resourceType":
        return Fate(whole, Outcome.MAPPED, kind)
    if name in _OF_RESOURCE:
        return Fate(whole, Outcome.IGNORED, reason=_OF_RESOURCE[name])
    if place in there:
        return Fate(whole, Outcome.MAPPED, f"{kind}.{name}")
    if name == "meta.tag.system" and str(value).startswith((SEQUENCE_SYSTEM, MARK_SYSTEM)):
        return Fate(whole, Outcome.IGNORED, reason="a tag of the hub, which is for nobody else to write")
    found = moved.get(str(value))
    if found:
        return Fate(whole, Outcome.MAPPED, f"{kind}.{_INDEX.sub('', found.pop(0))}")
    return Fate(whole, Outcome.LOST, reason="R4 has no home for it")


def leaves_of(value: object, place: str) -> Iterator[tuple[str, object]]:
    """Yield every value of JSON that holds no other, with its place."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves_of(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves_of(inner, f"{place}[{index}]")
    else:
        yield place, value
