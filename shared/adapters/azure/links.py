"""The entries of a hash chain (rule R10), and what a check of them finds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.message.chain import ChainHead, kept_digests


def digest_of(before: str, place: int, said: Iterable[str]) -> str:
    """Return the digest of an entry, given the one before it, its place, and what the rows that it names say."""
    return hashlib.sha256("\x1e".join([before, str(place), *said]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it was read.

    Attributes:
        number: Its place in the chain; 1 and up, without gaps.
        place: What its digest covers.
        said: By key, what the rows that it names say now; None: there is no such row.
    """

    chain: str
    number: int
    place: int
    digest: str
    said: Mapping[str, str | None]


class Check:
    """Follows chains, entry by entry in order.

    Args:
        kept: Heads of earlier reports.
    """

    def __init__(self, kept: Sequence[ChainHead]) -> None:
        self._kept = kept_digests(kept)
        self._rewritten: set[str] = set()
        self._last: dict[str, ChainHead] = {}
        self.entries = 0
        self.faults: list[str] = []

    def follow(self, link: Link) -> None:
        """Compare an entry with the one before it, with its rows, and with what was kept."""
        self.entries += 1
        chain, number = link.chain, link.number
        last = self._last.get(chain, ChainHead(chain, 0, ""))
        missing = [row for row, said in link.said.items() if said is None]
        if number != last.number + 1:
            self.faults.append(f"{chain}: entry {number} follows entry {last.number}")
        elif missing:
            self.faults.append(f"{chain}, entry {number}: row {', '.join(missing)} missing")
        elif link.digest != digest_of(last.digest, link.place, [said or "" for said in link.said.values()]):
            self.faults.append(f"{chain}, entry {number}: the entry or row {', '.join(link.said)} was changed")
        kept = self._kept.get(chain, {}).pop(number, set())
        if kept - {link.digest} and chain not in self._rewritten:
            self._rewritten.add(chain)  # and what follows need not be told
            self.faults.append(f"{chain}, entry {number}: not the head that was kept")
        self._last[chain] = ChainHead(chain, number, link.digest)

    def end(self) -> tuple[ChainHead, ...]:
        """Return the heads; what was kept and never came is a fault."""
        for chain, numbers in self._kept.items():
            if numbers:
                self.faults.append(f"{chain}: ends before entry {max(numbers)}, a head that was kept")
        return tuple(self._last.values())
