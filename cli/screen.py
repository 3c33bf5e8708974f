"""Tables and words for people, JSON for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_GOOD = {
    "AA", "CA", "accepted", "routed", "queued", "transformed",
    "yes", "up", "active", "ok", "pass", "mapped", "ready", "heard",
}  # fmt: skip
_BAD = {"AE", "AR", "CE", "CR", "quarantined", "refused", "review", "abandoned", "down", "fail", "closed", "lost"}
_UNFOLDED = 1000
# Of deliveries, as the hub calls them: settled, under way, stopped.
DELIVERY_STATES = ("accepted", "skipped", "parked", "intent", "review", "quarantined", "discarded")
_WAITING = {"parked", "intent", "paused", "reserved", "draft", "filtered", "discarded", "retired", "ignored"}


def print_json(value: object) -> None:
    """Print one JSON document on standard output."""
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], nothing: str, *, error: bool = False
) -> None:
    """Print a table, or one line that says there is nothing to show."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        # An id that is broken over two lines cannot be copied.
        table.add_column(column, overflow="fold", no_wrap=column == "message")
    for row in rows:
        table.add_row(*(coloured(cell) for cell in row))
    if table.row_count:
        if title:  # a title of the table's own would be folded to the table's width
            console(error=error).print(f"[italic]{escape(title)}[/]")
        console(error=error).print(table)
    else:
        console(error=error).print(nothing, markup=False)


def coloured(cell: object) -> str:
    """Return a cell's text, safe to print, in the colour of its meaning."""
    from rich.markup import escape

    text = escape("" if cell is None else "yes" if cell is True else "no" if cell is False else str(cell))
    if text in _GOOD:
        return f"[green]{text}[/]"
    if text in _BAD:
        return f"[red]{text}[/]"
    return f"[yellow]{text}[/]" if text in _WAITING else text


def console(*, error: bool = False) -> Console:
    """Return the terminal: standard output, or standard error for what is not the answer.

    Where there is no terminal, a line is as long as its text: a search through the output finds whole cells.
    """
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else _UNFOLDED)


def clock_time(stamp: str | None) -> str:
    """Return a time of the hub's as people read it, in their own zone, without the date if it is today's."""
    if not stamp:
        return ""
    local = datetime.fromisoformat(stamp).astimezone()
    is_today = local.date() == datetime.now(local.tzinfo).date()
    return local.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def counted(count: int, thing: str, things: str = "") -> str:
    """Return ``1 message`` or ``2 messages``; where more than an s is another, both are given."""
    return f"{count} {thing if count == 1 else things or thing + 's'}"


def print_deliveries(destinations: Iterable[Mapping[str, Any]]) -> None:
    """Print how many deliveries of each destination are in which state."""
    rows = ((one["id"], *(one.get(state, 0) for state in DELIVERY_STATES)) for one in destinations)
    print_table("", ("destination", *DELIVERY_STATES), rows, "no deliveries")


def deliveries_in_short(deliveries: Sequence[Mapping[str, Any]]) -> str:
    """Return ``3 accepted, billing parked (2)``: each delivery that is not accepted, with its attempts if several."""
    accepted = sum(one["state"] == "accepted" for one in deliveries)
    others = [
        f"{one['destination']} {one['state']}" + (f" ({one['attempts']})" if one["attempts"] > 1 else "")
        for one in deliveries
        if one["state"] != "accepted"
    ]
    return ", ".join([f"{accepted} accepted", *others] if accepted else others)
