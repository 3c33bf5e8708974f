"""Bring one stream to the hub: in order, one request at a time, for as long as it takes (rule R1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from connector.config import HubTable
from connector.header import is_simple
from connector.hub_answer import Verdict, is_better_sent_singly, is_not_ours, is_out_of_step, judge
from connector.link import Link, LinkAnswer
from connector.log import log, log_failure
from connector.states import Up, UpEvent, after_up
from connector.up_queue import Spooled, UpQueue
from relay.backoff import Backoff
from shared.hl7.echo import ECHO_BEGINS
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import (
    HubUnreachable,
    RefusedAfterAcknowledgement,
    StreamNotYours,
    StreamOutOfStep,
)
from shared.message.identifiers import Sequence as Place
from shared.message.stream import STREAM_HEADER, StreamPlace

BATCH_BYTES = {"https": 512 * 1024, "relay": 48 * 1024}  # the latter stays on the relay's control channel
HL7_MEDIA_TYPE = "application/hl7-v2"


@dataclass(slots=True)
class Line:
    """What is known of the line to the hub, from the last request on it.

    Attributes:
        changed: Unix time since which it is as it is.
        failure: Why it is down.
    """

    is_up: bool = True
    changed: float = 0.0
    failure: IntegrationError | None = None
    answered: float | None = None

    def note(self, failure: IntegrationError | None, now: float) -> None:
        """Remember how a request ended."""
        if failure is None:
            self.answered = now
        if (failure is None) != self.is_up:
            self.is_up, self.changed = failure is None, now
            code, where = (failure.code, failure.where) if failure else ("", "")
            log("line_up" if self.is_up else "line_down", code=code, error=where)
        self.failure = failure


Hear = Callable[[int, Verdict], None]


@dataclass(slots=True)
class Forwarder:
    """Forwards one stream.

    Args:
        path: Of the hub's ingest.
        hear: Told the verdict on each message.
        may_send: The messages of a batch that may go now: barriers between the lanes of a listener.
        is_awaited: Whether some sender waits for the hub's word.
        moved: Called when messages have left the stream.
        failed: Called when a request has ended without settling anything.

    Attributes:
        held_by: Code of what the stream stands for though the hub answers; empty: nothing.
    """

    queue: UpQueue
    link: Link
    line: Line
    table: HubTable
    path: str
    clock: Callable[[], float]
    hear: Hear
    may_send: Callable[[UpQueue, list[Spooled]], list[Spooled]] = lambda queue, batch: batch
    is_awaited: Callable[[], bool] = lambda: True
    moved: Callable[[], None] = lambda: None
    failed: Callable[[], None] = lambda: None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    held_by: str = ""
    _singly: int = 0  # so many messages are sent one by one: one of them may be what the hub cannot take

    async def run(self) -> None:
        """Forward until cancelled."""
        backoff = Backoff(self.table.retry_base_seconds, self.table.retry_cap_seconds)
        while True:
            try:
                await self._gather()
                batch = self._next_batch()
                if not batch:
                    self.wake.clear()
                    await self.wake.wait()
                    continue
                await self._forward(batch)
                self.held_by = ""
                backoff.reset()
            except IntegrationError as error:
                if isinstance(error, HubUnreachable):
                    self.line.note(error, self.clock())
                else:
                    self.held_by = error.code
                    log_failure("stream_held", error, stream=self.queue.name)
                self.failed()
                await asyncio.sleep(backoff.next_seconds())
            except Exception as error:  # noqa: BLE001  # the boundary: a stream never ends for a fault of ours
                self.held_by = IntegrationError.code
                log_failure("stream_failed", error, stream=self.queue.name)
                self.failed()
                await asyncio.sleep(backoff.next_seconds())

    async def _gather(self) -> None:
        """Let what nobody waits for have company: a full envelope costs the hub as much as one of one message (R2)."""
        oldest = self.queue.backlog().oldest
        if oldest is None or self._singly:
            return
        until = oldest + self.table.linger_seconds
        while len(self.queue) < self.table.batch_messages and not self.is_awaited():
            left = min(until - self.clock(), self.table.linger_seconds)  # a clock may have been set back
            if left <= 0:
                return
            self.wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self.wake.wait()

    def _next_batch(self) -> list[Spooled]:
        waiting = self.queue.next_after(0, 1 if self._singly else self.table.batch_messages)
        return self.may_send(self.queue, _one_request(waiting, BATCH_BYTES[self.table.transport]))

    async def _forward(self, batch: list[Spooled]) -> None:
        if batch[0].state is Up.WITHDRAWN:
            await self._void(batch[0])
            return
        answer = await self._post(batch)
        verdicts = judge(answer, [each.control_id for each in batch])
        if verdicts is None:
            self._look_closer(answer, len(batch))
        else:
            if not verdicts[0].acknowledgement:  # alone, and refused in words that are not HL7's: ingest never saw it
                await self._void_number(batch[0])
            self.line.note(None, self.clock())
            self._singly = max(0, self._singly - len(batch))
            await self._settle(batch, verdicts)

    async def _post(self, batch: Sequence[Spooled]) -> LinkAnswer:
        place = StreamPlace(self._place(batch[0]), len(batch))
        headers = {"Content-Type": HL7_MEDIA_TYPE, STREAM_HEADER: str(place)}
        return await self.link.post(self.path, headers, b"".join(each.body for each in batch))

    def _look_closer(self, answer: LinkAnswer, count: int) -> None:
        self._refuse_to_go_on(answer)
        if count > 1 and is_better_sent_singly(answer):
            self._singly = count
            return
        raise HubUnreachable(f"HTTP {answer.status}")

    async def _settle(self, batch: Sequence[Spooled], verdicts: Sequence[Verdict]) -> None:
        for message, verdict in zip(batch, verdicts, strict=True):
            self.hear(message.id, verdict)  # the hub has it, or never will: the sender need not wait for our disk
        settled = [
            (message.id, after_up(Up.SENDING, verdict.event), verdict.code)
            for message, verdict in zip(batch, verdicts, strict=True)
        ]
        taken = [
            message.control_id
            for message, (_, state, _) in zip(batch, settled, strict=True)
            if state is Up.TAKEN and not message.body.startswith(ECHO_BEGINS)  # the sender knows of none
        ]
        for _ in await self.queue.settle(settled, taken[-1] if taken else ""):
            log_failure("refused_after_acknowledgement", RefusedAfterAcknowledgement(), stream=self.queue.name)
        self.moved()

    async def _void(self, message: Spooled) -> None:
        """Let go of a message that its sender keeps, once the hub knows that its number stays empty."""
        await self._void_number(message)
        self.line.note(None, self.clock())
        await self.queue.settle([(message.id, after_up(Up.WITHDRAWN, UpEvent.VOIDED), "")], "")
        self.moved()

    async def _void_number(self, message: Spooled) -> None:
        """Let the hub know that a number stays empty, unless it has it: without that the next one would be a gap."""
        place = StreamPlace(self._place(message), is_void=True)
        answer = await self.link.post(self.path, {STREAM_HEADER: str(place)}, b"")
        self._refuse_to_go_on(answer)
        if answer.status != 200:
            raise HubUnreachable(f"HTTP {answer.status}")

    def _refuse_to_go_on(self, answer: LinkAnswer) -> None:
        if is_out_of_step(answer):
            raise StreamOutOfStep(self.queue.name)
        if is_not_ours(answer):
            raise StreamNotYours(self.queue.name)

    def _place(self, message: Spooled) -> Place:
        return Place(self.queue.name, message.epoch, message.n)


def _one_request(waiting: Sequence[Spooled], limit_bytes: int) -> list[Spooled]:
    """Return what goes in one request: consecutive numbers of one epoch, and nothing that must go alone."""
    batch: list[Spooled] = []
    size = 0
    for message in waiting:
        size += len(message.body)
        is_alone = message.state is Up.WITHDRAWN or message.is_barrier or not is_simple(message.body)
        if batch and (is_alone or size > limit_bytes or not _follows(batch[-1], message)):
            break
        batch.append(message)
        if is_alone:
            break
    return batch


def _follows(before: Spooled, message: Spooled) -> bool:
    return message.epoch == before.epoch and message.n == before.n + 1
