"""Lines of a TOML file: tomllib reads values, and errors need places."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

Place = tuple[str | int, ...]


def key_lines(text: str) -> dict[Place, int]:
    """Return the line (1-based) on which every table, key and element of a valid TOML file begins.

    The file is cut into statements (a header, or a key with its value) by asking tomllib whether a run of lines is
    complete; what a statement says is then read by tomllib too, so that no grammar is written twice.
    """
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, statement in _statements(text):
        said = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _open_table(said, lines)
            lines[table] = number
        else:
            _note(said, table, number, lines)
    return lines


def line_of(place: Sequence[str | int], lines: Mapping[Place, int]) -> int:
    """Return the line of a place, or of the nearest thing around it; 1 when nothing of it is written."""
    at = tuple(place)
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def _statements(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    held: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not held and (not line.strip() or line.lstrip().startswith("#")):
            continue
        held.append(line)
        statement = "\n".join(held)
        if _is_complete(statement):
            found.append((number - len(held) + 1, statement))
            held = []
    return found


def _is_complete(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _open_table(said: dict[str, Any], lines: dict[Place, int]) -> Place:
    """Return the place of a header: each list on the way is at its newest element, the last one gets a new one."""
    place: Place = ()
    node: Any = said
    while node:
        if isinstance(node, list):
            place = (*place, _count(place, lines))
            node = node[0]
        else:
            (key, node), *_ = node.items()
            place = (*place, key)
            if isinstance(node, dict) and node and (*place, 0) in lines:
                place = (*place, _count(place, lines) - 1)
    return place


def _count(place: Place, lines: dict[Place, int]) -> int:
    count = 0
    while (*place, count) in lines:
        count += 1
    return count


def _note(said: Any, place: Place, number: int, lines: dict[Place, int]) -> None:
    children = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, value in children:
        inner = (*place, key)
        lines.setdefault(inner, number)
        _note(value, inner, number, lines)
