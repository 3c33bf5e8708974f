"""References: judging what they say against what a bundle holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from shared.fhir.place import write_place
from shared.fhir.schema import resource_types, type_of
from shared.fhir.survey import Part, Sighting, Survey
from shared.message.finding import Finding

LITERAL = re.compile(r"(https?://.*/)?([A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(/_history/[^/]+)?")
SEARCH = re.compile(r"([A-Za-z]+)\?")
LOGICAL = re.compile(r"urn:(uuid|oid):")
ABSOLUTE = re.compile(r"(https?|urn|ftp):")


def check_references(survey: Survey, known: Mapping[str, str] | None, *, is_closed: bool) -> list[Finding]:
    """Return the references that lead nowhere, or to a type that may not stand there.

    Args:
        survey: The resources.
        known: The types of the bundle's resources, by fullUrl and by ``Type/id``; a ``urn:uuid:`` must be among them.
            None outside a bundle, where it may lead anywhere.
        is_closed: Whether a relative reference must be among them, too.
    """
    types = known or {}
    findings: list[Finding] = []
    for sighting in survey.references:
        element, shape, _, _ = sighting
        text = element.get("reference")
        if not isinstance(text, str):
            continue  # by identifier or display only; or the schema has spoken
        target = types.get(text)
        if target is None or "type" in element or (shape.targets is not None and target not in shape.targets):
            in_bundle = known is not None
            findings += judge_reference(sighting, target, in_bundle=in_bundle, is_closed=is_closed)
    return findings


def judge_reference(sighting: Sighting, target: str | None, *, in_bundle: bool, is_closed: bool) -> Iterator[Finding]:
    """Yield what is wrong with a reference that is not plainly right."""
    element, shape, place, part = sighting
    text, fault = element["reference"], ""
    if target is None:
        target, fault = read_target(text, part, in_bundle=in_bundle, is_closed=is_closed)
    if fault:
        yield Finding("fhir_reference", write_place(place), fault)
    if target is None:
        return
    if shape.targets is not None and target not in shape.targets:
        yield Finding("fhir_reference", write_place(place), f"may not refer to {target}")
    if "type" in element and target != (named := type_of({"resourceType": element["type"]})) and named is not None:
        yield Finding("fhir_reference", write_place(place), "type is not that of the target")


def read_target(text: str, part: Part, *, in_bundle: bool, is_closed: bool) -> tuple[str | None, str]:
    """Return the type a reference names, and what is wrong with it, for one that is not of the bundle."""
    if text.startswith("#"):
        return read_contained(text[1:], part)
    if LOGICAL.match(text):
        return None, "leads nowhere in the bundle" if in_bundle else ""
    literal = LITERAL.fullmatch(text)
    if literal is None:
        return read_search(text)
    base, target = literal[1], literal[2]
    if target not in resource_types():
        return None, "" if base else "names no resource type"
    return target, "leads nowhere in the bundle" if is_closed and not base else ""


def read_contained(name: str, part: Part) -> tuple[str | None, str]:
    """Return the type of a contained resource, or of the whole for an empty name. ref-1: it must be there."""
    if not name:
        return part.resource["resourceType"], ""
    for resource, _ in part.contained:
        if resource.get("id") == name:
            return resource.get("resourceType"), ""
    return None, "ref-1"


def read_search(text: str) -> tuple[str | None, str]:
    """Return the type a conditional reference (``Patient?identifier=...``) looks for; nothing for an absolute url."""
    search = SEARCH.match(text)
    if search is not None:
        return search[1], ""
    return None, "" if ABSOLUTE.match(text) else "is no reference"
