"""The page "what happens to a message in flight", from the tables of states: ``python -m connector.in_flight``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from connector.states import DOWN, UP, Down, DownEvent, Up, UpEvent

_INTRODUCTION = """\
# What happens to a message in flight

Every state of a message, and everything that can happen to it there. This page is written from the connector's own
tables (`connector/states.py`) by `python -m connector.in_flight`; a test compares the two, and a model test walks the
real spool along them at random (`tests/connector/test_model.py`). A dash: it cannot happen there.
"""

_UP = """\
## Up: from a hospital system to the hub

Two questions, and each has its own answer: *does the hub have it*, and *what did the sender hear*. In `spool` mode
the sender hears AA or CA when the message becomes **spooled**. In `hybrid` mode it hears the hub's own answer, or AA
from the spool once `hybrid_seconds` have passed or the line is known to be down. In `end_to_end` mode it hears the
hub's answer, or AE: then the message is **withdrawn** here, for its sender will send it again.

What was acknowledged by the spool and then refused by the hub is kept in the spool, and counted on the status page,
until a person has looked and sent it again (`connector refused`).

A spool with a mirror outlives a disk. Without one, what was **spooled** is **gone** with it, and `connector recover`
has nothing to read: whoever had heard AA sends again what the hub has not (`caduceus trace` knows it by MSH-10).
"""

_DOWN = """\
## Down: from the hub to a hospital system

The hub hears `committed` as soon as the delivery is on the disk, and asks for the outcome. **Rejected** and
**ambiguous** hold what waits behind them (`on_reject = "hold"`), until the hub orders a resend, accepts, or takes a
rejected one back.

Where the disk is lost and there is no mirror, every delivery is **gone**, its outcome too: the hub hears 404.
"""


def page() -> str:
    """Return the page."""
    parts = (_INTRODUCTION, _UP, _table(dict(UP), Up, UpEvent), _DOWN, _table(dict(DOWN), Down, DownEvent))
    return "\n".join(parts)


def _table(known: Mapping[Any, str], states: type[StrEnum], events: type[StrEnum]) -> str:
    shown = [state for state in states if any(before == state for before, _ in known)]
    rows = [["what happens", *shown], ["---"] * (len(shown) + 1)]
    rows += [[event, *(known.get((state, event), "–") for state in shown)] for event in events]
    ends = ", ".join(state for state in states if state not in shown)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + (f"\nEnds: {ends}.\n" if ends else "")


if __name__ == "__main__":
    print(page(), end="")
