"""What an interface says about the FHIR that it takes, as its reader wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.fhir_in.claims import CLAIMED
from shared.fhir_in.document import CODE
from shared.fhir_in.source import Source, System
from shared.mapping.claims.claim import ClaimDefaults

if TYPE_CHECKING:
    from shared.registry.interface import Interface


def fhir_source(interface: Interface, defaults: ClaimDefaults) -> Source:
    """Return the source of an interface that takes FHIR.

    Args:
        defaults: What the interface declares about identifiers.
    """
    said = interface.fhir
    assert said is not None  # whoever asks has looked
    owns = (interface.mapping.owns or {}).get(CODE, ())
    return Source(
        id=interface.id,
        release=said.release,
        defaults=defaults,
        systems={one.system: System(one.assigner, one.type) for one in said.systems},
        base=(said.base or "").rstrip("/"),
        resources=frozenset(said.resources),
        owns=CLAIMED.intersection(owns),
    )
