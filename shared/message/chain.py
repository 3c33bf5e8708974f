"""What a verification of the hash chains says (rule R10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class ChainHead(NamedTuple):
    """The last entry of a chain: kept elsewhere, it proves later that nothing was cut off.

    Attributes:
        chain: Which one it is: there may be many.
        digest: Lower-case hexadecimal.
    """

    chain: str
    number: int
    digest: str


class Anchor(NamedTuple):
    """Heads that were put into the archive.

    Attributes:
        number: 1 and up, without gaps.
        heads: Of the chains that had grown since the anchor before.
        digest: SHA-256 of what the archive keeps of it, lower-case hexadecimal.
    """

    number: int
    at: datetime
    heads: tuple[ChainHead, ...]
    digest: str


class ChainReport(NamedTuple):
    """What was checked and what is wrong with it.

    Attributes:
        messages: Ledger rows that entries name.
        deliveries: Settled deliveries that entries name.
        faults: Places, never content; empty when everything is as it was written.
    """

    entries: int
    messages: int
    deliveries: int
    heads: tuple[ChainHead, ...]
    faults: tuple[str, ...]


def kept_digests(heads: Iterable[ChainHead]) -> dict[str, dict[int, set[str]]]:
    """Return the digests that were kept, by chain and number; two of one place mean that the chain was rewritten."""
    kept: dict[str, dict[int, set[str]]] = {}
    for head in heads:
        kept.setdefault(head.chain, {}).setdefault(head.number, set()).add(head.digest)
    return kept
