"""A destination that takes HL7 v2 over MLLP: persistent connections, one message in flight on each."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from urllib.parse import urlsplit

from shared.deliver.answer import answer_to_acknowledgement, answer_to_silence
from shared.hl7 import parse
from shared.message.delivery import Answer, Delivery
from shared.message.silence import Silence
from shared.mllp.line import MllpLine, Outcome, connect_line
from shared.ports import Clock


class MllpDestination:
    """Sends over at most ``connections`` lines, opened when first needed and kept.

    Args:
        address: ``mllp://host:port``, or ``mllps://host:port`` for TLS.
        trusted: How its certificate is checked; None: by the authorities of the system.
    """

    def __init__(self, address: str, connections: int, clock: Clock, trusted: ssl.SSLContext | None = None) -> None:
        place = urlsplit(address)
        self._host, self._port = place.hostname or "", place.port
        self._tls = (trusted or ssl.create_default_context()) if place.scheme == "mllps" else None
        self._clock = clock
        self._free: list[MllpLine] = []
        self._slots = asyncio.Semaphore(connections)

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        control_id = parse(body[: body.find(b"\r") + 1] or body).control_id  # the header says it
        until = asyncio.get_running_loop().time() + (deadline - self._clock.now()).total_seconds()
        outcome = await self._exchange(body, control_id, until)
        if isinstance(outcome, Silence):
            return answer_to_silence(outcome)
        return answer_to_acknowledgement(
            outcome.code, outcome.control_id, control_id, outcome.conditions, outcome.severities
        )

    async def close(self) -> None:
        """Close the lines; deliver has ended its sends by now."""
        while self._free:
            self._free.pop().cut(Silence.CLOSED_BEFORE_SENT)

    async def _exchange(self, body: bytes, control_id: str, until: float) -> Outcome:
        if self._slots.locked():  # a free one needs no limit of time
            try:
                async with asyncio.timeout_at(until):
                    await self._slots.acquire()
            except TimeoutError:
                return Silence.CONNECT_TIMED_OUT
        else:
            await self._slots.acquire()
        try:
            line = await self._line(until)
            if isinstance(line, Silence):
                return line
            outcome = await line.exchange(body, control_id, until)
            if line.is_open:
                self._free.append(line)
            return outcome
        finally:
            self._slots.release()

    async def _line(self, until: float) -> MllpLine | Silence:
        """Return a line that is open, the one used last before others; or why there is none."""
        while self._free:
            line = self._free.pop()
            if line.is_open:
                return line
        return await connect_line(self._host, self._port, self._tls, until)
