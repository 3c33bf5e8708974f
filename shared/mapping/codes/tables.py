"""The guide's code maps, read once.

``tables.json`` holds the facts of HL7's v2-to-FHIR code maps: for each map its HL7 table and, for each code, the code,
display and system the guide gives it, or null where the guide gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from shared.mapping import codes

V2 = "http://terminology.hl7.org/CodeSystem/v2-"


class Target(NamedTuple):
    """What the guide makes of one code."""

    code: str
    display: str
    system: str


@dataclass(frozen=True, slots=True, eq=False)
class CodeTable:
    """One of the guide's code maps.

    Attributes:
        name: Its name in the guide: ``PatientClass[EncounterClass]``.
        number: The HL7 table: ``0004``.
        targets: Code -> target.
        listed: All codes of the HL7 table that the guide lists, those without a target too.
        preferred: FHIR code -> the HL7 code that says it on the way back, where several do and the first is not it.
    """

    name: str
    number: str
    targets: Mapping[str, Target]
    listed: frozenset[str]
    preferred: Mapping[str, str] = field(default_factory=dict)

    @property
    def system(self) -> str:
        """The FHIR code system of the HL7 table itself."""
        return V2 + self.number

    def also(self, **targets: str) -> CodeTable:
        """Return the table with codes for which the guide has no row; each caller says why."""
        system = next(iter(self.targets.values())).system
        added = {code: Target(to, "", system) for code, to in targets.items()}
        return CodeTable(self.name, self.number, {**self.targets, **added}, self.listed.union(added), self.preferred)


# Several HL7 codes have one FHIR code in the guide. The code that reads the same comes back, else the first of the
# table; where another one means it better, it is named here.
_PREFERRED: Mapping[str, Mapping[str, str]] = {
    "MaritalStatus": {"T": "P", "L": "E"},  # domestic partner, legally separated (HL7 table 0002)
}


@cache
def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = orjson.loads(Path(codes.__path__[0], "tables.json").read_bytes())
    return facts


@cache
def table(name: str) -> CodeTable:
    """Return one of the guide's code maps by its name.

    Raises:
        KeyError: The guide has no map of that name.
    """
    facts = _facts()[name]
    codes: dict[str, list[str] | None] = facts["codes"]
    targets = {code: Target(*to) for code, to in codes.items() if to}
    return CodeTable(name, facts["table"], targets, frozenset(codes), _PREFERRED.get(name, {}))


@cache
def bare_table(number: str, name: str) -> CodeTable:
    """Return a table whose codes stand for themselves: the guide has no map and HL7 suggests no values."""
    return CodeTable(name, number, {}, frozenset())
