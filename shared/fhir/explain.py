"""Says why a resource fails its schema: places and rules, never values. Only what failed comes here; it may be slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared.fhir.place import Place, extend_place, write_place
from shared.fhir.schema import MISSING, definitions, validator
from shared.message.finding import Finding

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

BOUNDS = frozenset({"minItems", "maxItems"})


def explain_faults(resource: dict[str, Any], place: Place) -> Iterator[Finding]:
    """Yield a finding for each fault of a resource that its schema names.

    The schema is stricter than the standard in one thing, which is forgiven here: extensions stand for a primitive that
    is null in a list (``_given``).
    """
    for error in validator(resource["resourceType"]).iter_errors(resource):
        if not is_forgiven(error, resource):
            code, rule = classify(error, resource["resourceType"])
            yield Finding(code, write_place(extend_place(place, error.instance_path)), rule)


def is_forgiven(error: ValidationError, resource: dict[str, Any]) -> bool:
    """Return whether extensions stand for the value that is missed."""
    if error.instance is not None or len(error.instance_path) < 2:
        return False
    *way, name, index = error.instance_path
    holder = reach(resource, way)
    beside = holder.get(f"_{name}") if isinstance(holder, dict) else None
    return (
        isinstance(index, int) and isinstance(beside, list) and len(beside) > index and isinstance(beside[index], dict)
    )


def reach(value: Any, path: list[str | int]) -> Any:
    """Return what a JSON path leads to."""
    for step in path:
        value = value[step]
    return value


def missing_property(error: ValidationError) -> str:
    """Return the name of the property that is required."""
    return str(error.kind.as_dict()["property"])


def classify(error: ValidationError, resource_type: str) -> tuple[str, str]:
    """Return the code of a finding and the rule that was broken."""
    path = error.schema_path
    title = rule_title(path, resource_type)
    if title.startswith(MISSING):
        return "fhir_missing", f"{title.removeprefix(MISSING).strip()} is required"
    if title:
        return ("fhir_choice", f"one of {title}") if title.endswith("[x]") else ("fhir_invariant", title)
    keyword, owner = str(path[-1]), str(path[1]) if len(path) > 1 else ""
    if owner.startswith("codes:"):
        return "fhir_code", f"required value set {owner.removeprefix('codes:')}"
    if keyword == "required":
        return "fhir_missing", f"{missing_property(error)} is required"
    if keyword == "additionalProperties":
        return "fhir_unknown", f"{len(error.kind.as_dict()['unexpected'])} unknown elements"
    if keyword in BOUNDS:
        return "fhir_cardinality", keyword
    if keyword == "type":
        return "fhir_type", f"is no {owner}" if len(path) == 3 else "repeats"
    if keyword == "enum":
        return "fhir_type", "resourceType"
    if keyword in {"minProperties", "not"}:
        return "fhir_invariant", "ele-1"
    return "fhir_primitive", f"is no {owner}"


def rule_title(path: list[str | int], resource_type: str) -> str:
    """Return the title of the innermost rule on the way to a keyword; empty where it belongs to none."""
    title = ""
    node: Any = definitions(resource_type)[str(path[1])] if len(path) > 1 else {}
    for step in path[2:]:
        node = node[step]
        if isinstance(node, dict) and isinstance(node.get("title"), str):
            title = node["title"]
    return title
