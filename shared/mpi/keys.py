"""The identity table's view of a claim: keyed digests, from which no record number can be read back.

The digest is HMAC-SHA256 with the hub's key. Whoever has the table but not the key cannot try all record numbers.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from shared.mapping.claims.claim import Claim, KnownBy
from shared.mapping.identity import KeyedHash, Mint
from shared.ports import IdentityClaim

_REMEMBERED = 4096  # persons and visits asked about last: ingest and transform both ask, and patients come again


class Keys:
    """Makes identity claims with one key."""

    def __init__(self, key: bytes, mint: Mint) -> None:
        self._digest = KeyedHash(key)
        self._mint = mint
        self._trusted = lru_cache(_REMEMBERED)(self._trusted_claim)

    def of(self, claim: Claim) -> IdentityClaim:
        """Return a claim as the identity table sees it.

        A claim without trusted identifiers has no keys: it is minted from the message and bound to nothing.
        """
        if not claim.identifiers:
            return IdentityClaim((), self._mint(claim.kind, *claim.fallback))
        return self._trusted(claim.kind, claim.identifiers, claim.family, claim.birth_date)

    def _trusted_claim(
        self, kind: str, identifiers: tuple[KnownBy, ...], family: str, birth_date: str
    ) -> IdentityClaim:
        best = identifiers[0]
        return IdentityClaim(
            keys=tuple(dict.fromkeys(self._digest("key", kind, *one.number) for one in identifiers)),
            minted=self._mint(kind, best.type, best.assigner, best.value),
            family=self._fact("family", fold(family)),
            # Less than a whole day contradicts nothing.
            birth_date=self._fact("birth date", birth_date if len(birth_date) == 8 else ""),
        )

    def _fact(self, kind: str, value: str) -> str:
        return self._digest(kind, value) if value else ""


def fold(name: str) -> str:
    """Return a family name as it is compared: without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in plain if character.isalnum())
