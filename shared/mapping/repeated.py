"""Resources that a message says more than once: one of them stays."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from shared.fhir import exact_json
from shared.mapping.rows import Resource
from shared.message.finding import Finding

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# Who and what has no key but its own words: of the very same words one resource is made.
_DESCRIBED = frozenset({"Device", "Location", "Organization", "Practitioner", "PractitionerRole"})


def drop_repeated(scope: Scope) -> None:
    """Drop resources that say exactly what another of the same key says; point references at that one.

    Resources that differed only in what they refer to may then be equal too, so it goes on until none are.
    """
    while instead := _repeated(scope):
        for url in instead:
            scope.findings.append(Finding("resource_repeated", scope.entries[url]["resource"]["resourceType"]))
        _replace(scope, instead)
    while instead := _described_twice(scope):
        _replace(scope, instead)


def _replace(scope: Scope, instead: dict[str, str]) -> None:
    """Drop entries and point what refers to them at others."""
    for url in instead:
        del scope.entries[url]
    for url, entry in scope.entries.items():
        resource = _redirected(entry["resource"], instead)
        if resource is not entry["resource"]:  # a copy: entries are shared between bundles
            scope.entries[url] = {**entry, "resource": resource}
    for members in scope.children.values():
        for url in [url for url in members if url in instead]:
            del members[url]


def _described_twice(scope: Scope) -> dict[str, str]:
    """Return what is known by its words alone, a number or a name, and said in the very same ones by two fields.

    A laboratory is the sender's facility (MSH-4) in one field and who produced a result (OBX-15) in another.
    """
    said: dict[tuple[str, int, str], list[Resource]] = {}
    instead: dict[str, str] = {}
    for url, entry in scope.entries.items():
        resource = entry["resource"]
        kind = resource["resourceType"]
        if kind not in _DESCRIBED:
            continue
        numbers = resource.get("identifier")
        alike = said.setdefault((kind, len(resource), numbers[0].get("value", "") if numbers else ""), [])
        first = next((one for one in alike if _says_the_same(one["resource"], resource)), None)
        if first is None:
            alike.append(entry)
        else:
            instead[url] = first["fullUrl"]
    return instead


def _repeated(scope: Scope) -> dict[str, str]:
    instead: dict[str, str] = {}
    for ids in scope.twins.values():
        said: dict[bytes, str] = {}
        for url in ("urn:uuid:" + resource_id for resource_id in ids) if len(ids) > 1 else ():
            entry = scope.entries.get(url)
            if entry is not None:
                resource = entry["resource"]
                content = exact_json.dumps({name: resource[name] for name in sorted(resource) if name != "id"})
                if said.setdefault(content, url) != url:
                    instead[url] = said[content]
    return instead


def _says_the_same(one: Resource, other: Resource) -> bool:
    return all(name == "id" or other.get(name) == value for name, value in one.items())


def _redirected(value: Any, instead: dict[str, str]) -> Any:
    """Return ``value`` with every reference at what stands in for its target; a list names a target once.

    What refers to nothing that is replaced comes back as it is; anything else is a copy.
    """
    if isinstance(value, dict):
        made = {name: _redirected(inner, instead) for name, inner in value.items()}
        target = made.get("reference")
        if type(target) is str:  # Consent.provision.data and CarePlan.activity have a Reference of that name
            made["reference"] = instead.get(target, target)
        return made if any(made[name] is not inner for name, inner in value.items()) else value
    if isinstance(value, list):
        redirected = [_redirected(inner, instead) for inner in value]
        if not any(map(operator.is_not, redirected, value)):
            return value
        listed: list[Any] = []
        for one in redirected:
            if not (isinstance(one, dict) and one.keys() == {"reference"} and one in listed):
                listed.append(one)
        return listed
    return value
