"""Local codes and what they mean: the CSV files and FHIR ConceptMaps in `concept_maps/` of an interface."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.mapping.codes.systems import code_system
from shared.mapping.codes.tables import V2
from shared.registry.fhir_concept_map import Meaning, read_fhir_concept_map
from shared.registry.problem import Problem

FOLDER = "concept_maps"
COLUMNS = ("source_system", "source_code", "target_system", "target_code", "display")


@dataclass(frozen=True, slots=True)
class ConceptMap:
    """The local codes of one interface.

    Attributes:
        meanings: (system as sent, or the HL7 table's number; code) → (system, code, display).
        by_uri: The same by the system's URI, as ConceptMaps name it.
    """

    meanings: Mapping[tuple[str, str], Meaning] = field(default_factory=dict)
    by_uri: Mapping[tuple[str, str], Meaning] = field(default_factory=dict)

    def translate(self, system: str, code: str) -> Meaning | None:
        """Return (system, code, display) for a local code, None when the interface does not know it."""
        found = self.meanings.get((system, code))
        return self.by_uri.get((_uri(system), code)) if found is None and self.by_uri else found


def read_concept_maps(interface: Path) -> tuple[ConceptMap, list[Problem]]:
    """Return the local codes of an interface's folder, and what is wrong with its files."""
    meanings: dict[tuple[str, str], Meaning] = {}
    by_uri: dict[tuple[str, str], Meaning] = {}
    problems: list[Problem] = []
    for file in sorted((interface / FOLDER).glob("*.csv")):
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                problems += [Problem(file, line, text) for line, text in _read(lines, meanings)]
        except OSError as error:
            problems.append(Problem(file, 1, f"cannot be read: {error.strerror}"))
    for file in sorted((interface / FOLDER).glob("*.json")):
        problems += read_fhir_concept_map(file, by_uri)
    return ConceptMap(meanings, by_uri), problems


def _uri(system: str) -> str:
    """Return the URI of a system as sent, or of an HL7 table by its number."""
    return f"{V2}{system}" if len(system) == 4 and system.isdecimal() else code_system(system)


def _read(lines: Iterable[str], meanings: dict[tuple[str, str], Meaning]) -> list[tuple[int, str]]:
    rows = csv.reader(lines, strict=True)
    faults: list[tuple[int, str]] = []
    try:
        if tuple(next(rows, ())) != COLUMNS:
            return [(1, f"the first line must be {','.join(COLUMNS)}")]
        for row in rows:
            fault = _take(row, meanings) if row else None
            if fault:
                faults.append((rows.line_num, fault))
    except csv.Error as error:
        faults.append((rows.line_num, f"not CSV: {error}"))
    except UnicodeDecodeError:
        faults.append((rows.line_num + 1, "not UTF-8"))
    return faults


def _take(row: list[str], meanings: dict[tuple[str, str], Meaning]) -> str | None:
    if len(row) != len(COLUMNS):
        return f"{len(row)} columns where there must be {len(COLUMNS)}"
    source_system, source_code, target_system, target_code, display = (cell.strip() for cell in row)
    if not (source_code and target_system and target_code):
        return "source_code, target_system and target_code must be filled"
    if (source_system, source_code) in meanings:
        return "this source code is mapped twice"
    meanings[source_system, source_code] = (target_system, target_code, display)
    return None
