"""State matrices as text: one line for each event or code, one letter for each stored status."""

from __future__ import annotations

from collections.abc import Mapping

from shared.changes.states import Table

REFUSED = "."


def rows_of(text: str) -> dict[str, str]:
    """Return the letters of each line by its first word (``-`` is the empty code); blanks and comments are dropped."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return {"" if words[0] == "-" else words[0]: "".join(words[1:]) for words in lines if words}


def drawn(table: Table, letters: Mapping[str, str], sent: str, *, is_said: bool = True) -> dict[str, str]:
    """Return what a table does, drawn with the letters of the statuses.

    Args:
        sent: The message's own status.
        is_said: The sender said it; otherwise it comes from the code.
    """
    return {
        key: "".join(
            _letter(table.next_status(key, stored, sent, is_said=is_said), letters) for stored in table.statuses
        )
        for key in table.rows
    }


def _letter(status: str | None, letters: Mapping[str, str]) -> str:
    return REFUSED if status is None else letters[status]
