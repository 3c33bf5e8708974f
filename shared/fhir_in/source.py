"""What an interface says about the FHIR that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

from shared.fhir_in.document import Release
from shared.mapping.claims.claim import ClaimDefaults
from shared.mapping.codes.systems import ASSIGNERS

_URNS = ("urn:oid:", "urn:uuid:", "urn:dns:")
_NAMESPACE = "urn:id:"
_WELL_KNOWN = {system: name for name, system in reversed(ASSIGNERS.items())}


class System(NamedTuple):
    """The assigner (CX-4) and, where an identifier does not say its type, the type (CX-5, table 0203)."""

    assigner: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Who sends it, and how it is read.

    Attributes:
        id: The interface: it assigns the ids of its resources.
        release: Of everything it sends.
        defaults: Which identifiers count, and whose they are where they do not say.
        systems: What HL7 senders write instead of a FHIR system.
        base: Address of the server that its absolute references lead to, without a slash at the end.
        resources: The types that it may send; empty: any.
        owns: Of Patient and Encounter those that it may update.
    """

    id: str
    release: Release
    defaults: ClaimDefaults = field(default_factory=ClaimDefaults)
    systems: Mapping[str, System] = field(default_factory=dict)
    base: str = ""
    resources: frozenset[str] = frozenset()
    owns: frozenset[str] = frozenset()

    def assigner_of(self, system: str) -> str:
        """Return the assigner that HL7 senders name in CX-4 for the numbers of a system.

        The way back of `identifier_system`: ``urn:id:`` holds a namespace, other URNs a universal id, and a URI is one.
        """
        if not system:
            return self.defaults.assigner or f"sender {self.id}"
        if system in self.systems:
            return self.systems[system].assigner
        if system in _WELL_KNOWN:
            return _WELL_KNOWN[system]
        if system.startswith(_NAMESPACE):
            return unquote(system.removeprefix(_NAMESPACE))
        return next((system.removeprefix(urn) for urn in _URNS if system.startswith(urn)), system)

    def type_of(self, system: str) -> str:
        """Return the type of a number whose identifier names none; empty: a record number."""
        return self.systems[system].type if system in self.systems else ""
