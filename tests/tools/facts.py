"""The facts of the public corpus against our bundles: met at their path, on their type, or where the guide puts them.

A fact is a leaf value of a source's expected bundle that is literally in the message. docs/mapping-differences.md lists
where the guide puts it elsewhere, by path, and which expected values are wrong: its two tables are read here.
"""

from __future__ import annotations

import base64
import binascii
import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

_DAY = re.compile(r"^\d{4}-\d\d-\d\dT")


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of the page: the path a source expects, and the path where the guide puts the value."""

    expected: str
    ours: str

    def place(self, path: str) -> str | None:
        """Return our path of an expected one; None where the row does not speak of it."""
        if not self.expected.endswith("*"):
            return self.ours if path == self.expected else None
        stem = self.expected[:-1]
        return self.ours[:-1] + path[len(stem) :] if path.startswith(stem) else None


@dataclass(frozen=True, slots=True)
class Page:
    """What docs/mapping-differences.md says."""

    differences: tuple[Difference, ...]
    wrong: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, text: str) -> Page:
        """Return the rows of the two tables of the page."""
        elsewhere, _, wrong = text.partition("## Expected values that are wrong")
        pairs = [row[:2] for row in _rows(elsewhere)]
        return cls(tuple(Difference(*pair) for pair in pairs), frozenset((row[0], row[1]) for row in _rows(wrong)))


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


@dataclass(slots=True)
class Count:
    """Facts of one source, and what became of them."""

    facts: int = 0
    strict: int = 0
    lenient: int = 0
    missed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def shares(self) -> tuple[float, float]:
        """Met at their path, and met on their type; both with what the guide puts elsewhere."""
        return self.strict / self.facts, self.lenient / self.facts


@dataclass(frozen=True, slots=True)
class Case:
    """One message of the corpus with its facts."""

    source: str
    file: Path
    facts: tuple[dict[str, str], ...]


def cases(corpus: Path) -> Iterator[Case]:
    """Yield the single messages of the corpus that have facts."""
    with (corpus / "index.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["facts"] and row["n_messages"] == "1" and row["tier"] != "D-fuzz":
                facts = orjson.loads((corpus / row["facts"]).read_bytes())["facts"]
                yield Case(row["source_repo"], corpus / row["file"], tuple(facts))


def count(case: Case, bundle: dict[str, Any], page: Page, into: Count) -> None:
    """Count the facts of a message."""
    paths: set[tuple[str, str]] = set()
    types: set[tuple[str, str]] = set()
    by_path: defaultdict[str, set[str]] = defaultdict(set)
    head = {name: value for name, value in bundle.items() if name != "entry"}
    for kind, node in [
        ("Bundle", head),
        *((one["resource"]["resourceType"], one["resource"]) for one in bundle["entry"]),
    ]:
        for path, value in _leaves(node, kind):
            paths.add((path, value))
            types.add((kind, value))
            by_path[path].add(value)
    for fact in case.facts:
        value = _day(fact["value"])
        is_elsewhere = any(value in by_path.get(one.place(fact["path"]) or "", ()) for one in page.differences)
        into.facts += 1
        into.strict += (fact["path"], value) in paths or is_elsewhere
        if (fact["resource"], value) in types or is_elsewhere:
            into.lenient += 1
        else:
            into.missed.append((fact["path"], case.file.stem))


def _leaves(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name[0] != "_" and name != "resourceType":
                yield from _leaves(value, f"{path}.{name}")
        if node.get("contentType") == "text/plain" and "data" in node:
            yield from ((f"{path}.data", line) for line in _lines(node["data"]))
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value, path)
    else:
        yield path, _day(str(node))


def _lines(data: str) -> list[str]:
    try:
        return base64.b64decode(data).decode().splitlines()
    except (binascii.Error, UnicodeDecodeError):
        return []


def _day(text: str) -> str:
    return text[:10] if _DAY.match(text) else text
