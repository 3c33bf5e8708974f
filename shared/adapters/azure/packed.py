"""Deliveries and their attempts as text: a row of Table Storage holds them in one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from shared.adapters.delivery_row import attempt_of, delivery_of, row_of
from shared.adapters.instant import to_microseconds
from shared.message.delivery import Attempt, Delivery

_POSITION, _ITEM = 0, 6  # of the columns


def pack_delivery(delivery: Delivery) -> str:
    """Return a delivery without its body, which is in the archive."""
    columns = list(row_of(delivery, delivery.state))
    item = columns[_ITEM]
    assert isinstance(item, bytes)
    columns[_POSITION], columns[_ITEM] = delivery.position, item.decode()
    return orjson.dumps(columns).decode()


def unpack_delivery(packed: str) -> Delivery:
    return delivery_of(tuple(orjson.loads(packed)))


def pack_attempts(attempts: Sequence[Attempt]) -> str:
    return orjson.dumps([_columns(attempt) for attempt in attempts]).decode()


def unpack_attempts(packed: str) -> tuple[Attempt, ...]:
    return tuple(attempt_of(tuple(columns)) for columns in orjson.loads(packed))


def _columns(attempt: Attempt) -> tuple[Any, ...]:
    began, ended = to_microseconds(attempt.began), to_microseconds(attempt.ended)
    return attempt.delivery, attempt.number, began, ended, attempt.verdict, attempt.code
