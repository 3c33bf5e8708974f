"""The invariants of R4 that compare values, or look from one element to another of the same resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from shared.fhir.moment import is_after
from shared.fhir.place import Place, write_place
from shared.fhir.survey import Part, Survey
from shared.message.finding import Finding

Json = dict[str, Any]


def starts_before_end(period: Json) -> bool:
    """per-1. Where the precision of the two does not tell, the rule is not met: so FHIRPath reads ``start <= end``."""
    return follows(period.get("end"), period.get("start"))


def low_is_below_high(quantities: Json) -> bool:
    """rng-2, for two values of one unit. Units are not converted: 10 mg and 1 g are taken as they are."""
    low, high = quantities.get("low", {}), quantities.get("high", {})
    if (
        "value" not in low
        or "value" not in high
        or any(low.get(key) != high.get(key) for key in ("system", "code", "unit"))
    ):
        return True
    return bool(low["value"] <= high["value"])


def handed_over_after_preparing(dispense: Json) -> bool:
    """mdd-1."""
    return follows(dispense.get("whenHandedOver"), dispense.get("whenPrepared"))


def components_say_something_else(observation: Json) -> bool:
    """obs-7: with a value of its own, no component has the code of the whole."""
    components = observation.get("component")
    if not components or not any(key.startswith("value") for key in observation):
        return True
    own = observation["code"].get("coding", ())
    return not any(coding in own for part in components for coding in part["code"].get("coding", ()))


def follows(later: str | None, earlier: str | None) -> bool:
    """Return whether two moments are known to be in order; what is absent is in order."""
    return later is None or earlier is None or is_after(earlier, later) is False


Rule = tuple[str, Callable[[Json], bool]]
ELEMENTS: dict[str, Rule] = {"Period": ("per-1", starts_before_end), "Range": ("rng-2", low_is_below_high)}
RESOURCES: dict[str, Rule] = {
    "MedicationDispense": ("mdd-1", handed_over_after_preparing),
    "Observation": ("obs-7", components_say_something_else),
}


def check_coherence(survey: Survey, unsound: set[int]) -> list[Finding]:
    """Return the rules that resources break, contained ones included.

    Args:
        survey: The resources.
        unsound: The ids of the parts that fail their schemas: nothing can be said of their values.
    """
    broken = [
        (place, ELEMENTS[shape.name][0])
        for element, shape, place, part in survey.compared
        if id(part) not in unsound and not ELEMENTS[shape.name][1](element)
    ]
    for part in survey.parts:
        if (part.contained or part.resource["resourceType"] in RESOURCES) and id(part) not in unsound:
            broken += check_part(part, survey)
    return [Finding("fhir_invariant", write_place(place), key) for place, key in broken]


def check_part(part: Part, survey: Survey) -> list[tuple[Place, str]]:
    """Return the places and keys of the rules that a resource breaks as a whole, or those it contains."""
    broken = []
    for resource, place in [(part.resource, part.place), *part.contained]:
        rule = RESOURCES.get(resource["resourceType"])
        if rule is not None and not rule[1](resource):
            broken.append((place, rule[0]))
    return broken + [
        (place, "dom-3") for resource, place in part.contained if not is_referred_to(resource, part, survey)
    ]


def is_referred_to(contained: Json, whole: Part, survey: Survey) -> bool:
    """dom-3: whether a contained resource is referred to by the whole, or refers to it."""
    anchor = f"#{contained.get('id')}"
    if any(element.get("reference") == anchor and part is whole for element, _, _, part in survey.references):
        return True
    strings = set(strings_of(whole.resource))  # canonical, uri and url point too
    return anchor in strings or any(said == "#" for said in strings_of(contained))


def strings_of(value: object) -> Iterator[str]:
    """Yield every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_of(item)
