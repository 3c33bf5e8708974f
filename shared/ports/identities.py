"""Which identifiers mean the same person or visit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class IdentityClaim(NamedTuple):
    """A claim as the identity table sees it.

    Attributes:
        keys: Keyed digests of (resource, type, assigner, value), best first; never the identifiers themselves.
        minted: The id to bind when no key is known.
        family: Keyed digest of the folded family name; empty when unknown.
        birth_date: Keyed digest; empty when unknown.
    """

    keys: tuple[str, ...]
    minted: str
    family: str = ""
    birth_date: str = ""


class Resolution(NamedTuple):
    """What the identity table knows.

    Attributes:
        resource: The id, at the end of any chain of merges.
        others: Ids that lesser keys of the same claim are bound to: a conflict for a person to look at.
        family: As stored before this claim.
        birth_date: As stored before this claim.
        former: What keys of the claim meant before somebody merged or moved it, oldest first: messages in line with
            these ids may still be on their way.
    """

    resource: str
    others: tuple[str, ...] = ()
    family: str = ""
    birth_date: str = ""
    former: tuple[str, ...] = ()

    def contradicts(self, claim: IdentityClaim) -> bool:
        """Tell whether family name and birth date both say that the claim is about somebody else."""
        return _differ(self.family, claim.family) and _differ(self.birth_date, claim.birth_date)


def _differ(stored: str, claimed: str) -> bool:
    return stored not in ("", claimed) and claimed != ""


class Identities(Protocol):
    """The durable identity table: which identifiers mean the same person or visit."""

    async def resolve(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        """Return the resource of each claim, in order, binding what is unknown; durable on return.

        The best key that is known decides; unknown keys of the claim are bound to the same resource, and its facts
        become the stored ones where it has them: a name changes, a date is corrected. A claim whose facts both
        contradict the stored ones binds and changes nothing. One without keys resolves to ``minted`` and binds
        nothing.
        """
        ...

    async def known(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        """Return what `resolve` would answer to each claim by itself, and bind and change nothing."""
        ...

    async def lookup(self, keys: Sequence[str]) -> list[str | None]:
        """Return the resource each key is bound to, at the end of its chain."""
        ...

    async def bound(self, keys: Sequence[str]) -> list[str | None]:
        """Return the resource each key is bound to, whatever that was merged into."""
        ...

    async def merge(self, prior: str, survivor: str) -> bool:
        """Redirect one resource to another; False when that would close a circle, and nothing was changed."""
        ...

    async def move(self, keys: Sequence[str], resource: str) -> None:
        """Bind keys to a resource, at the end of its chain, whatever they were bound to; durable on return.

        Nothing else of what they were bound to moves: neither its other keys nor its facts.
        """
        ...
