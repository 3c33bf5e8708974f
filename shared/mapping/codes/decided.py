"""Code tables that the guide does not give: ours, each named by the decision of the rows that use it."""

from __future__ import annotations

from functools import cache

from shared.mapping.codes.tables import CodeTable, Target


def decided(number: str, system: str, /, **targets: str) -> CodeTable:
    """Return a table of HL7 codes and the FHIR codes of one system that we decided they mean.

    Of several codes with one meaning the first comes back on the way to HL7 v2.
    """
    return _decided(number, system, tuple(targets.items()))


@cache
def _decided(number: str, system: str, targets: tuple[tuple[str, str], ...]) -> CodeTable:
    found = {sent: Target(to, "", system) for sent, to in targets}
    return CodeTable("", number, found, frozenset(found))
