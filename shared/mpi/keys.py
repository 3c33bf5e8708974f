"""The identity table's view of a claim: keyed digests, from which no record number can be read back.

The digest is HMAC-SHA256 with the hub's key. Whoever has the table but not the key cannot try all record numbers.
"""

from __future__ import annotations

import unicodedata

from shared.mapping.claims import Claim
from shared.mapping.identity import KeyedHash, Mint
from shared.ports import IdentityClaim


class Keys:
    """Makes identity claims with one key."""

    def __init__(self, key: bytes, mint: Mint) -> None:
        self._digest = KeyedHash(key)
        self._mint = mint

    def of(self, claim: Claim) -> IdentityClaim:
        """Return a claim as the identity table sees it.

        A claim without trusted identifiers has no keys: it is minted from the message and bound to nothing.
        """
        identifiers = claim.identifiers
        if not identifiers:
            return IdentityClaim((), self._mint(claim.kind, *claim.fallback))
        best = identifiers[0]
        return IdentityClaim(
            keys=tuple(dict.fromkeys(self._digest("key", claim.kind, *one.number) for one in identifiers)),
            minted=self._mint(claim.kind, best.type, best.assigner, best.value),
            family=self._fact("family", fold(claim.family)),
            # Less than a whole day contradicts nothing.
            birth_date=self._fact("birth date", claim.birth_date if len(claim.birth_date) == 8 else ""),
        )

    def _fact(self, kind: str, value: str) -> str:
        return self._digest(kind, value) if value else ""


def fold(name: str) -> str:
    """Return a family name as it is compared: without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in plain if character.isalnum())
