"""Identifiers: what they carry and what they never change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.message.identifiers import (
    LIVE,
    DestinationId,
    OrderingKey,
    RunId,
    deliver_session,
    delivery_id,
    new_message_id,
    partition_for,
    partition_of,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_message_id_carries_its_partition_and_sorts_by_time():
    """The ledger finds a message's partition without a look-up (rule R10)."""
    earlier = new_message_id(3, NOW, b"\xff" * 10)
    later = new_message_id(3, NOW + timedelta(milliseconds=1), b"\x00" * 10)
    assert partition_of(earlier) == 3
    assert earlier < later


def test_the_partition_of_a_key_never_changes():
    """A key whose partition moved would be delivered out of order: the values are pinned (rule R2).

    By hand: the first eight bytes of SHA-256("Patient/1") as a number, modulo 4.
    """
    assert [partition_for(OrderingKey(f"Patient/{n}"), 4) for n in range(1, 6)] == PINNED


PINNED = [3, 0, 2, 3, 2]


def test_a_delivery_id_differs_by_message_destination_and_run_only():
    """Equal ids mean the same delivery: a second copy is dropped (rule R4)."""
    message, other = new_message_id(2, NOW, b"a" * 10), new_message_id(2, NOW, b"b" * 10)
    ids = {
        delivery_id(message, DestinationId("billing"), LIVE),
        delivery_id(message, DestinationId("store"), LIVE),
        delivery_id(message, DestinationId("billing"), RunId("replay-1")),
        delivery_id(other, DestinationId("billing"), LIVE),
    }
    assert len(ids) == 4
    assert delivery_id(message, DestinationId("billing"), LIVE) in ids
    assert {one.partition("-")[0] for one in ids} == {"2"}


def test_a_fragile_destination_has_one_session_for_all_partitions():
    """Concurrency 1 means one line, whatever the number of partitions (rule R9)."""
    assert len({deliver_session(DestinationId("lab"), partition, 1) for partition in range(4)}) == 1
    assert len({deliver_session(DestinationId("store"), partition, 4) for partition in range(4)}) == 4
