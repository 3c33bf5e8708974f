"""Bugs that somebody could write, one function each; the harness has to find every one (tests/faults/test_planted.py).

Each is a real mistake in the place where it would be made. They are planted by name, for as long as a ``with`` lasts.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from shared.adapters.local.fhir_store import LocalFhirStore
from shared.adapters.local.lanes import LocalLanes
from shared.barriers import gate, hold
from shared.barriers.hold import Hold
from shared.deliver import drain, outputs, stage, wakes
from shared.deliver.breaker import Breaker
from shared.deliver.outputs import Output, Outputs
from shared.deliver.stage import DeliverStage
from shared.deliver.wakes import Wakes
from shared.ingest import commit
from shared.ingest.commit import Committer
from shared.ingest.ordering import OrderingKeys
from shared.ingest.receive import Ingest
from shared.message import work
from shared.message.errors.pipeline import NotForThisStage
from shared.message.errors.storage import OwnershipLost
from shared.message.identifiers import DeliveryId
from shared.message.queues import DELIVER_QUEUE
from shared.message.state import MessageState
from shared.message.work import items_of
from shared.ports import MetaWrite, Ownership, Stored, Write

Plant = Callable[[], Any]


def drop_the_idempotency_check() -> Any:
    """A delivery gets a new id each time it is offered (rule R4)."""

    def any_id(message: str, destination: str, run: str) -> DeliveryId:
        return DeliveryId(f"{message.partition('-')[0]}-{secrets.token_hex(16)}")

    return mock.patch.object(stage, "delivery_id", any_id)


def acknowledge_on_reserved() -> Any:
    """A duplicate of what is only reserved is acknowledged, and not sent (rule R1)."""

    def is_new(taken: Any) -> bool:
        return taken.refusal is None and taken.reservation.is_new

    return mock.patch.object(commit, "_is_to_send", is_new)


def complete_before_park() -> Any:
    """The invocation ends, and the queue message with it, before its deliveries are in their lanes (rule R6)."""
    run = DeliverStage.run

    async def run_later(self: DeliverStage, session: Any, offers: Any) -> None:
        task = asyncio.get_running_loop().create_task(run(self, session, offers))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    return mock.patch.object(DeliverStage, "run", run_later)


def ignore_the_lane() -> Any:
    """What comes behind a delivery that waits does not wait (rule R6)."""
    return mock.patch.object(drain, "advances", return_value=True)


def reuse_a_wake_id() -> Any:
    """The wakes of a session have one id, and the broker drops the second as a duplicate (rule R6)."""

    async def send(self: Wakes, due: Any) -> None:
        outgoing = [
            wakes.Outgoing(wakes.encode_wake(wakes.Wake(destination)), session, f"wake {session}", moment)
            for session, destination, moment in due
        ]
        if outgoing:
            await self._queue.send(DELIVER_QUEUE, outgoing)

    return mock.patch.object(Wakes, "send", send)


def recompute_on_retry() -> Any:
    """A retry shapes the message anew instead of reading what was kept (rule R4)."""

    async def find_nothing(self: Outputs, rows: Any) -> dict[str, Any]:
        return {}

    async def keep_nothing(self: Outputs, fresh: Any) -> dict[str, Output]:
        return {
            row.id: Output(body, self._media_type(row), outputs.hashlib.sha256(body).hexdigest()) for row, body in fresh
        }

    return mock.patch.multiple(Outputs, _find=find_nothing, _keep=keep_nothing)


def write_without_owning() -> Any:
    """A worker that lost its session writes on (rule R3)."""
    write = LocalLanes.write

    async def write_anyway(self: LocalLanes, ownership: Ownership, rows: Any, attempts: Any = ()) -> None:
        try:
            await write(self, ownership, rows, attempts)
        except OwnershipLost:
            await write_anyway(self, Ownership(ownership.session, ownership.epoch + 1), rows, attempts)

    return mock.patch.object(LocalLanes, "write", write_anyway)


def poison_takes_its_envelope_along() -> Any:
    """An envelope with a message that fails is processed whole again, and given up whole (rule R5)."""

    async def work_through(offers: Any, process: Any, attempt: Any, finish: Any, give_up: Any) -> None:
        items = items_of(offers)
        counts = [await attempt(item.message) for item in items]
        if max(counts, default=0) > work.ATTEMPT_LIMIT:
            for item in items:
                await give_up(item)
        else:
            await process(items)
            for item in items:
                await finish(item.message)

    return mock.patch.object(gate, "work_through", work_through)


def let_a_stale_write_win() -> Any:
    """The store takes what was computed from a version that somebody has replaced since (promise 7)."""
    write = LocalFhirStore.write

    async def write_anyway(self: LocalFhirStore, writes: Sequence[Write | MetaWrite]) -> None:
        stored = await self.read([one.reference for one in writes])
        await write(self, [_as_if_fresh(one, stored.get(one.reference)) for one in writes])

    return mock.patch.object(LocalFhirStore, "write", write_anyway)


def _as_if_fresh(one: Write | MetaWrite, now: Stored | None) -> Write | MetaWrite:
    if isinstance(one, Write):
        return replace(one, if_match=now and now.version)
    return one if now is None else replace(one, stored=Stored(one.stored.resource, now.version))


def send_a_token_before_its_row() -> Any:
    """The parts of a barrier are in the queue before the barrier is recorded (rule R7)."""
    enqueue = Committer._enqueue

    async def items_not_opened(self: Committer, taken: Any) -> Any:
        return [self._item(each) for each in taken]

    async def enqueue_and_open(self: Committer, taken: Any) -> None:
        await enqueue(self, taken)
        items = [item for each in taken if (item := self._item(each)).barrier is not None]
        if items:
            await self._barriers.open(items)

    return mock.patch.multiple(Committer, _items=items_not_opened, _enqueue=enqueue_and_open)


def take_no_notice_of_an_order() -> Any:
    """Messages of an interface that a person stopped go on (decision 0130)."""

    async def by_file(self: Hold, *, is_told: bool) -> Any:
        return self._by_file

    return mock.patch.object(Hold, "_paused", by_file)


def deliver_to_a_paused_destination() -> Any:
    """Nobody who delivers looks whether a person stopped the destination."""
    status = Breaker.status

    async def status_but_for_orders(self: Breaker, config: Any) -> Any:
        return replace(await status(self, config), paused=False)

    return mock.patch.object(Breaker, "status", status_but_for_orders)


def hold_only_what_is_paused() -> Any:
    """What comes behind a held message under its ordering key, from another interface, is not held (decision 0130)."""
    return mock.patch.object(Hold, "_causes", mock.AsyncMock(return_value={}))


def forget_what_is_held_before_it_went_on() -> Any:
    """What was held is in memory alone, from when it is read until it is processed."""

    async def drain(self: Hold, partition: int, process: Any) -> None:
        paused = await self._paused(is_told=True)
        if set(await self._holds.counts(self._stage, partition)) - paused:
            page = await self._holds.held(self._stage, partition, "", hold.PAGE)
            await self._holds.release(self._stage, page)
            await process([one.item for one in page])

    return mock.patch.object(Hold, "drain", drain)


def refuse_a_copy_while_it_is_processed() -> Any:
    """A copy of what is under way hears that it is, as with many an Idempotency-Key; its sender takes that for a no."""
    acknowledge = Ingest._acknowledge

    def acknowledge_what_is_through(self: Ingest, taken: Any) -> Any:
        if not taken.reservation.is_new and taken.record.state is MessageState.QUEUED:
            taken.refusal = NotForThisStage("MSH-10")
        return acknowledge(self, taken)

    return mock.patch.object(Ingest, "_acknowledge", acknowledge_what_is_through)


def line_up_with_the_first_patient() -> Any:
    """A message in FHIR is in order with one of the patients that it speaks of (rule R7)."""
    keys_of_claims = OrderingKeys.keys_of_claims

    async def first_key(self: OrderingKeys, claims: Any, interface: Any) -> Any:
        return (await keys_of_claims(self, claims, interface))[:1]

    return mock.patch.object(OrderingKeys, "keys_of_claims", first_key)


PLANTED: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        drop_the_idempotency_check,
        acknowledge_on_reserved,
        complete_before_park,
        ignore_the_lane,
        reuse_a_wake_id,
        recompute_on_retry,
        write_without_owning,
        poison_takes_its_envelope_along,
        let_a_stale_write_win,
        send_a_token_before_its_row,
        take_no_notice_of_an_order,
        deliver_to_a_paused_destination,
        hold_only_what_is_paused,
        forget_what_is_held_before_it_went_on,
        refuse_a_copy_while_it_is_processed,
        line_up_with_the_first_patient,
    )
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have the bug of this name until the end."""
    with PLANTED[name]():
        yield
