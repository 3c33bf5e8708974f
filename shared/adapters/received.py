"""What a broker hands out, whichever it is."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Received(NamedTuple):
    """A message under the lock of its session.

    Attributes:
        number: Rises in the order of the queue.
        deliveries: How often it was received, this time included.
        reason: Why it is a dead letter; empty otherwise.
    """

    number: int
    session: str
    message_id: str
    enqueued: datetime
    deliveries: int
    body: bytes
    reason: str = ""
