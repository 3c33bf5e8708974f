"""Which identifiers an interface trusts."""

from __future__ import annotations

from typing import Protocol

from shared.mapping.claims.claim import PERSON_TYPES, ClaimDefaults


class Declares(Protocol):
    """The part of an interface's definition that says whose numbers it sends."""

    @property
    def assigner(self) -> str | None: ...

    @property
    def assigners(self) -> tuple[str, ...]: ...

    @property
    def identifier_types(self) -> tuple[str, ...]: ...


def claim_defaults(interface: Declares) -> ClaimDefaults:
    """Return what an interface declares about identifiers, as the mapping takes it."""
    return ClaimDefaults(
        assigner=interface.assigner or "",
        types=interface.identifier_types or PERSON_TYPES,
        assigners=interface.assigners,
    )
