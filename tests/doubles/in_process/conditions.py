"""The queries that the hub asks of a table: a range of one partition, and conditions of equality."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

_TEXT = r"'((?:[^']|'')*)'"
_RANGE = re.compile(rf"PartitionKey eq {_TEXT} and RowKey ge {_TEXT} and RowKey le {_TEXT}(?: and (.+))?", re.DOTALL)
_TOKEN = re.compile(rf"\s*(?:(\w+) (eq|ne) (?:{_TEXT}|(true|false))|(and|or|\(|\)))")

Holds = Callable[[Mapping[str, Any]], bool]


class Range(NamedTuple):
    """A query, read."""

    partition: str
    first: str
    last: str
    holds: Holds


@lru_cache(maxsize=1000)
def range_of(query: str) -> Range:
    """Return what a query asks.

    Raises:
        ValueError: it asks for more than one range of one partition, which would be slow, or in another form.
    """
    found = _RANGE.fullmatch(query)
    if found is None:
        raise ValueError(f"not a range of one partition: {query}")
    partition, first, last = (text.replace("''", "'") for text in found.groups()[:3])
    return Range(partition, first, last, _any_of(_tokens(found[4])) if found[4] else lambda row: True)


def _tokens(text: str) -> list[Holds | str]:
    tokens: list[Holds | str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"not a condition that is known here: {text[at:]}")
        at = found.end()
        column, verb, quoted, truth, word = found.groups()
        tokens.append(word or _compared(column, verb == "eq", truth == "true" if truth else quoted.replace("''", "'")))
    return tokens


def _compared(column: str, is_same: bool, value: str | bool) -> Holds:
    return lambda row: (row.get(column) == value) is is_same


def _any_of(tokens: list[Holds | str]) -> Holds:
    """Return the condition at the head of the tokens, which are used up: ``or`` binds less than ``and``."""
    ways = [_all_of(tokens)]
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        ways.append(_all_of(tokens))
    return lambda row: any(way(row) for way in ways)


def _all_of(tokens: list[Holds | str]) -> Holds:
    parts = [_one(tokens)]
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        parts.append(_one(tokens))
    return lambda row: all(part(row) for part in parts)


def _one(tokens: list[Holds | str]) -> Holds:
    token = tokens.pop(0)
    if not isinstance(token, str):
        return token
    inner = _any_of(tokens)
    tokens.pop(0)  # the closing bracket
    return inner
