"""What a conversion is given besides the message: everything an interface declares about its mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from shared.changes.notes import ListMode
from shared.mapping.claims.claim import ClaimDefaults
from shared.mapping.identity import Mint, Resolver
from shared.mapping.reuse import Reuse

if TYPE_CHECKING:
    from shared.mapping.custom import CustomField


class CodeMap(Protocol):
    """An interface's own concept map."""

    def translate(self, system: str, code: str) -> tuple[str, str, str] | None:
        """Return (system, code, display) for a local code; system is as sent (CWE.3) or the HL7 table's number."""
        ...


class NoCodeMap:
    """An interface without local codes."""

    def translate(self, system: str, code: str) -> tuple[str, str, str] | None:
        """Return None: nothing is translated."""
        del system, code
        return None


OWNED_BY_ADT = frozenset(
    {"Patient", "Encounter", "Practitioner", "PractitionerRole", "Location", "Organization"}
    | {"RelatedPerson", "Account", "EpisodeOfCare"}
)
_OWNED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ADT": OWNED_BY_ADT,
        "BAR": frozenset({"Account", "RelatedPerson"}),
        "MFN": frozenset({"Practitioner", "PractitionerRole", "Location", "Organization"}),
    }
)


@dataclass(frozen=True, slots=True)
class MappingContext:
    """Everything one interface declares about its mapping.

    Attributes:
        mint: Gives ids to all resources but persons and visits.
        resolver: Gives ids to persons and visits.
        identity: The default assigner and which identifiers count first.
        zone: IANA name of the zone of times without an offset.
        codes: The interface's own concept map.
        owned: For each message code, the resource types it may update; it creates others as provisional.
        lists: For each segment, whether its repeats are a snapshot or follow their action code.
        repeats: The same for repeating elements inside a resource.
        custom: Fields that only this sender has, by their segment.
        reuse: Values built once; one per context.
    """

    mint: Mint
    resolver: Resolver
    identity: ClaimDefaults
    zone: str = "UTC"
    codes: CodeMap = field(default_factory=NoCodeMap)
    owned: Mapping[str, frozenset[str]] = field(default_factory=lambda: _OWNED)
    lists: Mapping[str, ListMode] = field(default_factory=dict)
    repeats: ListMode = ListMode.SNAPSHOT
    custom: Mapping[str, tuple[CustomField, ...]] = field(default_factory=dict)
    reuse: Reuse = field(default_factory=Reuse, repr=False, compare=False)
