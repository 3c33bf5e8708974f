"""Expands the value sets of R4 that can be listed from the standard alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Coding = tuple[str, str]  # system, code


class NotEnumerable(Exception):
    """The value set draws on codes the standard does not list: media types, languages, units."""


class ValueSets:
    """The value sets and code systems of the standard, by url."""

    def __init__(self, resources: list[Json]) -> None:
        self.value_sets = {item["url"]: item for item in resources if item["resourceType"] == "ValueSet"}
        self.code_systems = {item["url"]: item for item in resources if item["resourceType"] == "CodeSystem"}

    @classmethod
    def read(cls, folder: Path) -> ValueSets:
        """Return what the definitions folder holds."""
        names = ("valuesets.json", "v3-codesystems.json", "v2-tables.json")
        return cls([entry["resource"] for name in names for entry in json.loads((folder / name).read_bytes())["entry"]])

    def expand(self, url: str) -> set[Coding] | None:
        """Return every coding of a value set, or None when it cannot be listed."""
        try:
            return self.listed(url) or None
        except NotEnumerable:
            return None

    def listed(self, url: str) -> set[Coding]:
        """Return every coding of a value set.

        Raises:
            NotEnumerable: A part of it is not listed by the standard.
        """
        value_set = self.value_sets.get(url.partition("|")[0])
        if value_set is None:
            raise NotEnumerable(url)
        compose = value_set.get("compose", {})
        codings: set[Coding] = set()
        for part in compose.get("include", []):
            codings |= self.part(part)
        for part in compose.get("exclude", []):
            codings -= self.part(part)
        return codings

    def part(self, part: Json) -> set[Coding]:
        """Return the codings of one include or exclude: its system's, cut down to its value sets."""
        groups = [self.listed(url) for url in part.get("valueSet", [])]
        if "system" in part:
            groups.append({(part["system"], code) for code in self.codes(part)})
        return set.intersection(*groups)

    def codes(self, part: Json) -> set[str]:
        """Return the codes a part takes from its system: those it names, else those its filters let pass."""
        if "concept" in part:
            return {concept["code"] for concept in part["concept"]}
        ancestors = self.ancestors(part["system"])
        taken = set(ancestors)
        for rule in part.get("filter", []):
            if rule["property"] != "concept" or rule["op"] not in {"is-a", "descendent-of"}:
                raise NotEnumerable(part["system"])
            below = {code for code, above in ancestors.items() if rule["value"] in above}
            taken &= below | ({rule["value"]} if rule["op"] == "is-a" else set())
        return taken

    def ancestors(self, system: str) -> dict[str, set[str]]:
        """Return the codes of a system, each with every code above it."""
        found = self.code_systems.get(system)
        if found is None or found["content"] != "complete":
            raise NotEnumerable(system)
        parents: dict[str, set[str]] = {}
        collect(found.get("concept", []), set(), parents)
        return {code: closure(code, parents) for code in parents}


def collect(concepts: list[Json], above: set[str], parents: dict[str, set[str]]) -> None:
    """Fill the parents of each concept: where it stands, and what its ``subsumedBy`` names."""
    for concept in concepts:
        named = {item["valueCode"] for item in concept.get("property", []) if item["code"] == "subsumedBy"}
        parents.setdefault(concept["code"], set()).update(above | named)
        collect(concept.get("concept", []), {concept["code"]}, parents)


def closure(code: str, parents: dict[str, set[str]]) -> set[str]:
    """Return every code above one code."""
    seen: set[str] = set()
    waiting = list(parents[code])
    while waiting:
        above = waiting.pop()
        if above not in seen:
            seen.add(above)
            waiting.extend(parents.get(above, ()))
    return seen
