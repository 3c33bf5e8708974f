"""A quick yes for a sound bundle: what was judged before in the same words is not judged again.

A hub sees the same wards, organizations and practitioners in message after message. Where anything is amiss, or not
plainly right, the answer is no, and the bundle is judged in full, with places and rules.
"""

from __future__ import annotations

from typing import Any

from shared.fhir.coherence import check_coherence
from shared.fhir.entries import check_addresses, known_types
from shared.fhir.references import judge_reference
from shared.fhir.schema import type_of, validator
from shared.fhir.survey import Sighting, Survey, content_of

Json = dict[str, Any]

RECURRING = frozenset({"Device", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole"})
REMEMBERED = 1024  # resources; a full memory starts anew
LARGEST_BYTES = 4096

_sound: dict[bytes, list[Sighting]] = {}  # the references of sound resources, by their content


def is_plainly_sound(bundle: Json, *, is_closed: bool) -> bool:
    """Tell whether a bundle is sure to be valid; False says nothing either way."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return False
    if not validator("Bundle").is_valid(_shell(bundle, entries)):
        return False
    contents: set[bytes] = set()
    known = known_types(entries)
    for entry in entries:
        resource = entry.get("resource")
        content = _content(resource)
        if content is None or content in contents:
            return False
        contents.add(content)
        references = _references_if_sound(resource, content)
        if references is None or not all(_leads_somewhere(one, known, is_closed=is_closed) for one in references):
            return False
    return next(check_addresses(entries, is_history=bundle.get("type") == "history"), None) is None


def _shell(bundle: Json, entries: list[Json]) -> Json:
    """Return the bundle without its resources: a schema reads all it is given, and each has its own."""
    stripped = [{name: value for name, value in entry.items() if name != "resource"} for entry in entries]
    return {**bundle, "entry": stripped} if entries else bundle


def _content(resource: object) -> bytes | None:
    if not isinstance(resource, dict) or type_of(resource) is None:
        return None
    try:
        return content_of(resource)
    except TypeError:
        return None


def _references_if_sound(resource: Json, content: bytes) -> list[Sighting] | None:
    """Return the references of a resource that is sound in itself; None where it is not, or holds other resources."""
    references = _sound.get(content)
    if references is None:
        references = _judge(resource, has_extensions=b'xtension"' in content)
        if references is not None and resource["resourceType"] in RECURRING and len(content) <= LARGEST_BYTES:
            if len(_sound) >= REMEMBERED:
                _sound.clear()
            _sound[content] = references
    return references


def _judge(resource: Json, *, has_extensions: bool) -> list[Sighting] | None:
    if not validator(resource["resourceType"]).is_valid(resource):
        return None
    survey = Survey(resource, has_extensions=has_extensions)
    [whole, *inside] = survey.parts
    if inside or survey.unwritable or survey.repeated or check_coherence(survey, set()):
        return None
    for held, _ in whole.contained:
        name = type_of(held)
        if name is None or not validator(name).is_valid(held):
            return None
    return survey.references


def _leads_somewhere(sighting: Sighting, known: dict[str, str], *, is_closed: bool) -> bool:
    element, shape, _, _ = sighting
    text = element.get("reference")
    if not isinstance(text, str):
        return True
    target = known.get(text)
    if target is not None and "type" not in element and (shape.targets is None or target in shape.targets):
        return True
    return next(judge_reference(sighting, target, in_bundle=True, is_closed=is_closed), None) is None
