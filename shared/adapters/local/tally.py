"""How much waits where: the folder is this process's alone, so it knows, and asking costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Tally(Generic[K]):
    """Counts what is written to places and taken from them.

    Args:
        found: How much is in each place already.
    """

    def __init__(self, found: Iterable[tuple[K, int]]) -> None:
        self._counts = Counter(dict(found))

    @property
    def waiting(self) -> Mapping[K, int]:
        """How much is in each place that is not empty."""
        return +self._counts

    async def add(self, places: Sequence[K], written: Awaitable[Sequence[int]]) -> None:
        """Return when one thing is written to each of the places.

        Args:
            written: Whether each is new there; raises if none was written.
        """
        # Counted before it is written: to ask once too often costs nothing, and to pass what waits would reorder. So
        # it stays counted where the caller is cancelled, and nobody hears whether it was written.
        self._counts.update(places)
        try:
            are_new = await written
        except Exception:
            self._counts.subtract(places)
            raise
        self._counts.subtract(place for place, is_new in zip(places, are_new, strict=True) if not is_new)

    async def remove(self, places: Sequence[K], written: Awaitable[Sequence[int]]) -> None:
        """Return when one thing is taken from each of the places.

        Args:
            written: Whether each was there.
        """
        were_there = await written
        self._counts.subtract(place for place, was_there in zip(places, were_there, strict=True) if was_there)
