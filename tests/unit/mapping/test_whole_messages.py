"""Messages in which every field of every segment is said, by the standard's own tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hl7apy import load_library

from shared.fhir.validate import validate_bundle
from shared.mapping import convert
from tests.unit.mapping.samples import context, message

_SAID = {
    "NM": "7", "SI": "1", "DT": "20240115", "TM": "1030", "DTM": "20240115103000", "TS": "20240115103000",
    "ID": "A", "IS": "B",
}  # fmt: skip
_KEYS = {"PID-3": "123^^^HOSP^MR", "MRG-1": "456^^^HOSP^MR", "PV1-2": "I", "PV1-19": "V1^^^HOSP^VN", "OBX-2": "NM"}
_STRUCTURES = {
    "ADT": "A01 A02 A03 A05 A06 A09 A15 A16 A17 A18 A21 A24 A30 A37 A38 A39 A43 A45 A50 A52 A54 A60 A61",
    "ORU": "R01 R30", "OUL": "R21 R22 R23 R24", "ORM": "O01", "OML": "O21 O33 O35", "OMG": "O19", "OMI": "O23",
    "OMP": "O09", "OMS": "O05", "OMN": "O07", "RDE": "O11 O01", "RDS": "O13", "RGV": "O15", "RAS": "O17",
    "VXU": "V04", "VXQ": "V01", "VXR": "V03", "QBP": "Q11 Q21", "RSP": "K11 K22", "SIU": "S12", "SRM": "S01",
    "MDM": "T01 T02", "DFT": "P03 P11", "BAR": "P01 P02 P05 P06 P10 P12", "PPR": "PC1", "PGL": "PC6", "PTR": "PCF",
    "REF": "I12", "MFN": "M02 M05",
}  # fmt: skip
_CASES = [
    (version, code, event)
    for version in ("2.5.1", "2.8.2")
    for code, events in _STRUCTURES.items()
    for event in events.split()
    if f"{code}_{event}" in load_library(version).MESSAGES
]


@pytest.mark.parametrize(("version", "code", "event"), _CASES)
def test_a_message_that_says_everything_is_valid(version: str, code: str, event: str):
    """Fields that no sender fills together meet here; one that breaks a bundle would stop all of its message."""
    header = f"MSH|^~\\&|APP|FAC|HUB|HUB|20240310||{code}^{event}|M1|P|{version}"
    sent = message(header, *_segments(version, code, event))
    assert validate_bundle(convert(sent, context()).bundle, is_closed=True) == []


def _segments(version: str, code: str, event: str) -> Iterator[str]:
    library = load_library(version)
    for name in _names(library.MESSAGES[f"{code}_{event}"]):
        if name != "MSH" and name in library.SEGMENTS:
            yield _segment(version, name)


def _names(group: Any) -> Iterator[str]:
    for name, inner, *_ in group[1]:
        if len(name) == 3:
            yield name
        else:
            yield from _names(inner)


@cache
def _segment(version: str, name: str) -> str:
    fields = load_library(version).SEGMENTS[name][1]
    said = [_KEYS.get(f"{name}-{number}") or _field(version, field) for number, field in enumerate(fields, 1)]
    return "|".join((name, *said))


def _field(version: str, field: Any) -> str:
    return _value(version, field[1][2] if field[1] else "ST", "^")


def _value(version: str, kind: str, separator: str) -> str:
    library = load_library(version)
    if kind in _SAID or kind not in library.DATATYPES_STRUCTS:
        return _SAID.get(kind, "said")
    kinds = [library.DATATYPES[part][2] for part, *_ in library.DATATYPES_STRUCTS[kind]]
    if separator == "^":
        return "^".join(_value(version, part, "&") for part in kinds)
    return "&".join(_SAID.get(part, "said") for part in kinds)
