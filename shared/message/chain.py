"""What a verification of the hash chains says (rule R10)."""

from __future__ import annotations

from typing import NamedTuple


class ChainHead(NamedTuple):
    """The last entry of a chain: kept elsewhere, it proves later that nothing was cut off.

    Attributes:
        digest: Lower-case hexadecimal.
    """

    partition: int
    number: int
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
