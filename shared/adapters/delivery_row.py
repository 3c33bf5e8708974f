"""Deliveries and attempts as rows."""

from __future__ import annotations

from typing import Any

import orjson

from shared.adapters.instant import from_microseconds, optional_instant, optional_microseconds, to_microseconds
from shared.message.barrier import read_barrier
from shared.message.delivery import Attempt, Delivery, Verdict
from shared.message.envelope import ArchiveRef, Item
from shared.message.identifiers import (
    DeliveryId,
    DestinationId,
    InterfaceId,
    MessageId,
    OrderingKey,
    RunId,
    Sequence,
    SessionId,
)
from shared.message.state import DeliveryState

COLUMNS = (
    "position, message, delivery, session, lane, destination, item, state, offered, attempts, due, send_deadline, "
    "holds, code, output, settled"
)
ATTEMPT_COLUMNS = "position, ordinal, began, ended, verdict, code"


def row_of(delivery: Delivery, state: DeliveryState) -> tuple[object, ...]:
    """Return `COLUMNS` of a delivery that has no position yet."""
    return (
        None,
        delivery.item.message,
        delivery.id,
        delivery.session,
        delivery.lane,
        delivery.destination,
        _pack(delivery.item),
        state,
        to_microseconds(delivery.offered),
        delivery.attempts,
        optional_microseconds(delivery.due),
        optional_microseconds(delivery.send_deadline),
        delivery.holds,
        delivery.code,
        delivery.output,
        optional_microseconds(delivery.settled),
    )


def delivery_of(row: tuple[Any, ...], item: Item | None = None) -> Delivery:
    """Return the delivery of a row of `COLUMNS`, of this item if it is at hand; else its body is in the archive."""
    position, message, identifier, session, lane, destination, packed, state, offered, attempts, due, *rest = row
    send_deadline, holds, code, output, settled = rest
    return Delivery(
        id=DeliveryId(identifier),
        session=SessionId(session),
        lane=lane,
        item=item or _unpack(packed, message, destination),
        state=DeliveryState(state),
        offered=from_microseconds(offered),
        position=position,
        attempts=attempts,
        due=optional_instant(due),
        send_deadline=optional_instant(send_deadline),
        holds=bool(holds),
        code=code,
        output=output,
        settled=optional_instant(settled),
    )


def attempt_of(row: tuple[Any, ...]) -> Attempt:
    delivery, ordinal, began, ended, verdict, code = row
    return Attempt(
        DeliveryId(delivery), ordinal, from_microseconds(began), from_microseconds(ended), Verdict(verdict), code
    )


def _pack(item: Item) -> bytes:
    sequence, raw, canonical = item.sequence, item.raw, item.canonical
    return orjson.dumps(
        (
            item.interface,
            (sequence.source, sequence.epoch, sequence.n),
            item.key,
            item.run,
            item.mapping,
            item.type,
            (raw.sha256, raw.size, raw.at),
            canonical and (canonical.sha256, canonical.size, canonical.at),
            *([item.barrier.written()] if item.barrier is not None else ()),
        )
    )


def _unpack(packed: bytes | str, message: str, destination: str) -> Item:
    interface, sequence, key, run, mapping, kind, raw, canonical, *barrier = orjson.loads(packed)
    return Item(
        message=MessageId(message),
        interface=InterfaceId(interface),
        sequence=Sequence(*sequence),
        key=OrderingKey(key),
        run=RunId(run),
        mapping=mapping,
        type=kind,
        raw=ArchiveRef(*raw),
        canonical=ArchiveRef(*canonical) if canonical else None,
        destination=DestinationId(destination),
        barrier=read_barrier(barrier[0]) if barrier else None,
    )
