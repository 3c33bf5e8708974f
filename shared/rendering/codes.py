"""Codes on the way back: FHIR codes as codes of HL7 tables, FHIR systems as the names of HL7 table 0396."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from urllib.parse import unquote

from shared.mapping.codes.systems import ASSIGNERS, CODE_SYSTEMS
from shared.mapping.codes.tables import V2, CodeTable

_NAMES = {system: name for name, system in reversed(CODE_SYSTEMS.items())}
_NAMES["http://www.ama-assn.org/go/cpt"] = "C4"
_ASSIGNER_NAMES = {system: name for name, system in reversed(ASSIGNERS.items())}
_LOCAL = "urn:id:"


@cache
def inverse(table: CodeTable) -> Mapping[tuple[str, str], str]:
    """Return (FHIR system, FHIR code) -> HL7 code of one of the guide's code maps."""
    found: dict[tuple[str, str], str] = {}
    for sent, target in table.targets.items():
        key = (target.system, target.code)
        if key not in found or sent.lower() == target.code.lower():
            found[key] = sent
    return MappingProxyType({key: table.preferred.get(key[1], sent) for key, sent in found.items()})


@cache
def inverse_code(table: CodeTable) -> Mapping[str, str]:
    """Return FHIR code -> HL7 code, for elements whose binding names the one system."""
    return MappingProxyType({code: sent for (_, code), sent in inverse(table).items()})


@cache
def system_name(system: str) -> str:
    """Return the name of a code system for CWE.3, such that the mapping finds the same system again."""
    if system in _NAMES:
        return _NAMES[system]
    if system.startswith(V2):
        return "HL7" + system.removeprefix(V2)
    if system.startswith(_LOCAL):
        return unquote(system.removeprefix(_LOCAL))
    return system.removeprefix("urn:oid:")


def is_registered(system: str) -> bool:
    """Tell whether a system is one of those that several names stand for."""
    return system in _ASSIGNER_NAMES


@cache
def authority(system: str) -> tuple[str, str, str]:
    """Return the HD that a system of identifiers stands for: namespace, universal id and its kind."""
    if system in _ASSIGNER_NAMES:
        return _ASSIGNER_NAMES[system], "", ""
    if system.startswith(_LOCAL):
        return unquote(system.removeprefix(_LOCAL)), "", ""
    for prefix, kind in (("urn:oid:", "ISO"), ("urn:uuid:", "UUID"), ("urn:dns:", "DNS")):
        if system.startswith(prefix):
            return "", system.removeprefix(prefix), kind
    return ("", system, "URI") if system else ("", "", "")
