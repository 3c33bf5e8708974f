"""A resource or bundle of STU3 or R5 as R4, with a finding for each element that R4 has no home for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from shared.fhir.explain import classify
from shared.fhir.releases import r5, stu3
from shared.fhir.releases.rules import Json, Rule
from shared.fhir.schema import type_of, validator
from shared.message.errors.mapping import NotFhir
from shared.message.finding import Finding

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

Release = Literal["STU3", "R5"]
_TABLES: Mapping[Release, tuple[Mapping[str, tuple[Rule, ...]], Mapping[str, str], Callable[[Any], None]]] = {
    "STU3": (stu3.RULES, stu3.RENAMED, stu3.change_types),
    "R5": (r5.RULES, r5.RENAMED, r5.change_types),
}
_SCALARS = frozenset({"string", "number", "integer", "boolean"})
_MOST_ROUNDS = 8  # an element that is taken away can show another behind it


@dataclass(frozen=True, slots=True)
class Converted:
    """R4, and what it has no home for: ``element_without_home`` by its path, ``resource_without_home``."""

    resource: Json
    findings: tuple[Finding, ...] = field(default=())


def to_r4(resource: Json, release: Release) -> Converted:
    """Return a resource, or each of a bundle, as R4; the one given is not changed.

    What comes out may still miss what R4 requires and the other release does not: judge it as anything that comes in.

    Raises:
        NotFhir: an element has not the form that its release gives it.
    """
    resource = deepcopy(resource)
    _rename_references(resource, _TABLES[release][1])
    findings: list[Finding] = []
    if resource.get("resourceType") == "Bundle":
        listed = resource.get("entry")
        for index, entry in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                entry["resource"] = _converted(entry["resource"], release, f"Bundle.entry[{index}].", findings)
        _tell_homeless(resource, "", findings)
    else:
        resource = _converted(resource, release, "", findings)
    return Converted(resource, tuple(findings))


def renamed_types() -> frozenset[str]:
    """Return the resource types of other releases that R4 has under another name."""
    return frozenset(stu3.RENAMED) | frozenset(r5.RENAMED)


def _converted(resource: Json, release: Release, place: str, findings: list[Finding]) -> Json:
    rules, renamed, change_types = _TABLES[release]
    for one in _objects(resource.get("contained")):
        one.update(_converted(one, release, f"{place}contained.", findings))
    sent = str(resource.get("resourceType", ""))
    resource["resourceType"] = renamed.get(sent, sent)
    change_types(resource)
    try:
        for rule in rules.get(sent, ()):
            rule(resource)
    except (AttributeError, KeyError, IndexError, TypeError):  # a rule met what is no object, or no list
        raise NotFhir(f"{place}{sent}, as {release}") from None
    _tell_homeless(resource, place, findings)
    return resource


def _objects(value: Any) -> list[Json]:
    """Return the objects of a list; none where there is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _rename_references(value: Any, renamed: Mapping[str, str]) -> None:
    """Let references and requests name the resource types as R4 does."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("reference", "url") and isinstance(inner, str) and inner.split("/")[0] in renamed:
                kind, _, rest = inner.partition("/")
                value[name] = f"{renamed[kind]}/{rest}"
            else:
                _rename_references(inner, renamed)
    elif isinstance(value, list):
        for inner in value:
            _rename_references(inner, renamed)


def _tell_homeless(resource: Json, place: str, findings: list[Finding]) -> None:
    """Take away what R4 has no home for, and tell it: the schemas of R4 are what knows."""
    if type_of(resource) is None:
        findings.append(Finding("resource_without_home", f"{place}{resource.get('resourceType')}"))
        return
    for _ in range(_MOST_ROUNDS):
        found = sorted(_homeless(resource), key=_from_the_end, reverse=True)
        taken = [_take_away(resource, path) for path in found]
        if not any(taken):
            return
        for path in reversed(found):
            named = ".".join(step for step in path if isinstance(step, str))
            findings.append(Finding("element_without_home", f"{place}{resource['resourceType']}.{named}"))


def _homeless(resource: Json) -> list[list[str | int]]:
    """Return the paths of what the schema of R4 does not know, or knows in another form."""
    name, paths = resource["resourceType"], []
    for error in validator(name).iter_errors(resource):
        code, _ = classify(error, name)
        way = list(error.instance_path)
        if code == "fhir_unknown":
            paths += [[*way, unknown] for unknown in error.kind.as_dict()["unexpected"]]
        elif way and _is_so_elsewhere(code, error):
            paths.append(way)
    return paths


def _is_so_elsewhere(code: str, error: ValidationError) -> bool:
    """Tell whether another release may have it so: another code, or an object where R4 has a value and the reverse.

    A value in the place of another kind of value is so in no release: it stays, for whoever judges to refuse. Taken
    away, a result would go on without its number.
    """
    if code == "fhir_code":
        return not isinstance(error.instance, int | float | None)
    wanted = error.kind.as_dict().get("types", [])
    return code == "fhir_type" and (isinstance(error.instance, dict | list) or not _SCALARS.issuperset(wanted))


def _from_the_end(path: list[str | int]) -> list[tuple[bool, int, str]]:
    """Order paths so that what is later in a list comes later: its removal leaves the earlier indexes as they are."""
    return [(isinstance(step, int), step, "") if isinstance(step, int) else (False, 0, step) for step in path]


def _take_away(resource: Json, steps: Iterable[str | int]) -> bool:
    """Remove what a place names, and what is empty without it; return whether there was anything."""
    way: list[tuple[Any, str | int]] = []
    holder: Any = resource
    for step in steps:
        try:
            inner = holder[step]
        except (KeyError, IndexError, TypeError):
            return False
        way.append((holder, step))
        holder = inner
    for parent, step in reversed(way):
        if parent is way[-1][0] or parent[step] in ({}, []):
            del parent[step]
    return bool(way)
