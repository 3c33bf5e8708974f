"""A type for every identifier, and how the ones we mint are made."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple, NewType

MessageId = NewType("MessageId", str)
InterfaceId = NewType("InterfaceId", str)
DestinationId = NewType("DestinationId", str)
DeliveryId = NewType("DeliveryId", str)
SessionId = NewType("SessionId", str)
OrderingKey = NewType("OrderingKey", str)  # a keyed hash or a resolved resource id; never a record number
RunId = NewType("RunId", str)

LIVE = RunId("0")


class Sequence(NamedTuple):
    """The place of a message in its source's stream, given once, at the first durable commit.

    Attributes:
        source: Who numbers: an interface, or one listener of a connector.
        epoch: Life of that numbering; a restored spool begins a new one.
        n: 1 and up, without gaps.
    """

    source: str
    epoch: int
    n: int


def new_message_id(partition: int, now: datetime, entropy: bytes) -> MessageId:
    """Return ``<partition>-<32 hex digits>``; ids of one partition sort by time.

    Args:
        partition: The partition stamped at ingest; readable back with `partition_of`.
        now: Receipt, to the millisecond.
        entropy: Ten random bytes.
    """
    milliseconds = int(now.timestamp() * 1000)
    return MessageId(f"{partition}-{milliseconds:012x}{entropy[:10].hex()}")


def token_id(message: MessageId, key: OrderingKey, partition: int) -> MessageId:
    """Return the id of the token that stands for a message in line with another key, in that key's partition."""
    digest = hashlib.sha256(f"{message}\x1f{key}".encode()).hexdigest()
    return MessageId(f"{partition}-{digest[:32]}")


def partition_of(message: MessageId) -> int:
    """Return the partition that a message id carries."""
    return int(message.partition("-")[0])


def partition_for(key: OrderingKey, partitions: int) -> int:
    """Return the partition of an ordering key.

    The hash is pinned (SHA-256): a key never changes its partition while ``partitions`` stays the same.
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % partitions


def delivery_id(message: MessageId, destination: DestinationId, run: RunId) -> DeliveryId:
    """Return the id of one message's way to one destination in one run (rule R4).

    The partition leads, so that a delivery is found where its message is.
    """
    digest = hashlib.sha256(f"{message}\x1f{destination}\x1f{run}".encode()).hexdigest()
    return DeliveryId(f"{partition_of(message)}-{digest[:32]}")


def canonical_name(message: MessageId, run: RunId) -> str:
    """Return the name under which the archive keeps the canonical record of one run."""
    return f"{message}/{run}/canonical"


def shaped_name(delivery: DeliveryId) -> str:
    """Return the name under which the archive keeps what is sent with a delivery."""
    return f"{delivery}/shaped"


def deliver_session(destination: DestinationId, partition: int, concurrency: int) -> SessionId:
    """Return the session that delivers a partition to a destination (rule R9)."""
    return SessionId(f"{destination}.{partition % concurrency}")
