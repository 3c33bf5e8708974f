"""A destination in virtual time: it refuses now and then, remembers what it took, and never forgives a second copy."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.identifiers import DeliveryId, MessageId
from tests.faults.steps import Caller, Steps

ACCEPTED = Answer(Verdict.ACCEPTED, "AA")
REFUSED = Answer(Verdict.TRANSIENT, "refused")
SILENT = Answer(Verdict.AMBIGUOUS, "timed_out")


@dataclass
class Receiver:
    """What a system outside sees; it outlives every worker.

    Attributes:
        outages: From when to when it is down, in seconds of virtual time.
        is_recorded: Tells whether the hub has recorded that this delivery was accepted.
        taken: When each message first arrived, in this order.
        copies: How often each arrived.
        outputs: Digests of the bytes it was sent, for each delivery.
        complaints: What no receiver should ever see.
    """

    name: str
    loop: asyncio.AbstractEventLoop
    is_idempotent: bool
    outages: Sequence[tuple[float, float]]
    is_recorded: Callable[[DeliveryId], bool]
    taken: dict[MessageId, float] = field(default_factory=dict)
    copies: defaultdict[DeliveryId, int] = field(default_factory=lambda: defaultdict(int))
    outputs: defaultdict[DeliveryId, set[str]] = field(default_factory=lambda: defaultdict(set))
    complaints: list[str] = field(default_factory=list)

    def refuses(self, delivery: Delivery) -> bool:
        """Tell whether it is down, or in the mood: the first attempt of every fourth message of a source."""
        now = self.loop.time()
        is_down = any(start <= now < end for start, end in self.outages)
        return is_down or (delivery.attempts == 1 and delivery.item.sequence.n % 4 == 1)

    def take(self, delivery: Delivery, body: bytes) -> Answer:
        """Return the answer to a message that has arrived."""
        self.outputs[delivery.id].add(hashlib.sha256(body).hexdigest())
        if self.refuses(delivery):
            return REFUSED
        if self.is_recorded(delivery.id):
            self.complaints.append(f"{self.name}: sent again after its acceptance was recorded: {delivery.id}")
        self.copies[delivery.id] += 1
        self.taken.setdefault(delivery.item.message, self.loop.time())
        return ACCEPTED


class Line:
    """The way from one worker to a receiver; nothing arrives after the deadline of a send."""

    def __init__(self, receiver: Receiver, worker: Caller, steps: Steps) -> None:
        self._receiver = receiver
        self._worker = worker
        self._steps = steps

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        del media_type

        async def arrive() -> Answer:
            return SILENT if self._worker.clock.now() > deadline else self._receiver.take(delivery, body)

        async def fail(took_effect: bool) -> Answer:
            if not took_effect:
                return REFUSED
            await self._worker.clock.sleep((deadline - self._worker.clock.now()).total_seconds())
            return SILENT

        answer: Answer = await self._steps.call(self._worker, "destination.send", arrive, (), fail)
        return answer

    async def close(self) -> None:
        """Nothing is open."""
