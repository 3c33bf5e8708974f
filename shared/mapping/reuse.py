"""Values built once and used again: what a sender says comes in message after message."""

from __future__ import annotations

from typing import Any

_TABLES, _VALUES, LONGEST_KEPT = 16, 4096, 512

# A value, and the bundle entries of the resources that it refers to.
Kept = tuple[Any, tuple[dict[str, Any], ...]]
# By what built it (a row's key, or a kind of resource) and the text, or the fields, that it was built from.
Reused = dict[tuple[int | str, str | tuple[str, ...]], Kept]


class Reuse:
    """Values built once and used again: coded fields, people, places and units come in message after message.

    Bounded: a full table is emptied, which costs less than keeping order, and a text longer than LONGEST_KEPT is not
    kept. Values are shared between bundles and must not be changed.
    """

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[tuple[str, ...], Reused] = {}

    def of(self, *written: str) -> Reused:
        """Return the values of messages written alike: separators, charset, default zone and assigner."""
        found = self._tables.get(written)
        if found is None:
            if len(self._tables) >= _TABLES:
                self._tables.clear()
            found = self._tables[written] = {}
        elif len(found) > _VALUES:
            found.clear()
        return found
