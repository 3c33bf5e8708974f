"""One listener's messages: into the spool, and up to the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from connector.arrivals import Kept
from connector.config import HubTable, ListenTable
from connector.forwarder import Forwarder, Line
from connector.header import Header, read_header
from connector.hub_answer import Verdict
from connector.link import Link
from connector.log import log, log_failure
from connector.promises import Promises, within
from connector.spool import Spool
from connector.up_queue import Backlog, Spooled, UpQueue
from connector.waiting_line import WaitingLine
from shared.hl7.batch import holds_several, split_batch
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import HubUnreachable, SpoolFull
from shared.message.errors.storage import StorageFailed, StorageFull

_ROOM_SECONDS = 1.0  # between two looks whether there is room again


class Intake:
    """Takes messages of one listener, from however many connections.

    Attributes:
        promises: The answers that their senders wait for.
    """

    def __init__(
        self, table: ListenTable, hub: HubTable, spool: Spool, link: Link, line: Line, queues: list[UpQueue]
    ) -> None:
        self.promises = Promises(table, line, spool.epoch)
        self._name = table.name
        self._spool = spool
        self._line_in = WaitingLine(table.name, self._has_room, self._wait_for_room, self.promises.waits_for_room)
        self._apart: set[asyncio.Task[None]] = set()  # messages that wait for more than the spool
        self.queues = queues
        path = f"/ingest/{table.interface}" if table.interface else "/ingest"
        self._forwarders = [
            Forwarder(
                queue,
                link,
                line,
                hub,
                path,
                spool.clock,
                self.promises.hear,
                may_send=self._before_barriers,
                is_awaited=self.promises.is_awaited,
                moved=self._moved,
                failed=self.promises.line_failed,
            )
            for queue in self.queues
        ]
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls, connector: str, table: ListenTable, hub: HubTable, spool: Spool, link: Link, line: Line
    ) -> Intake:
        """Return the intake of a listener, with what an earlier life has left in its streams."""
        queues = [await UpQueue.open(spool, name) for name in stream_names(connector, table)]
        return cls(table, hub, spool, link, line, queues)

    @property
    def table(self) -> ListenTable:
        """The listener's table."""
        return self.promises.table

    def take_table(self, table: ListenTable) -> None:
        """Take messages as another table says, from the next one on."""
        self.promises.table = table

    def take_hub(self, table: HubTable) -> None:
        """Forward as another table says, from the next request on."""
        for forwarder in self._forwarders:
            forwarder.table = table

    def start(self) -> None:
        """Begin to forward what is in the spool."""
        self._tasks = [asyncio.create_task(forwarder.run()) for forwarder in self._forwarders]

    async def stop(self) -> None:
        """Forward nothing more; what is not settled stays in the spool."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._line_in.close()

    def held_by(self) -> str:
        """Return the code of what a stream stands for though the hub answers; empty: every one moves."""
        return next((one.held_by for one in self._forwarders if one.held_by), "")

    def begin(self, raw: bytes, reply: Callable[[bytes], None]) -> None:
        """Take a message, and reply with its acknowledgement once it is there; in the order of the calls.

        Where the spool alone decides, no task is made: most of a loaded listener's time went into those.
        """
        ticket = self._line_in.ticket()
        if not self.promises.spool_decides or self._line_in or self._spool.is_full or holds_several(raw):
            self._answer_apart(ticket, raw, reply)
            return
        try:
            header = read_header(raw)
        except IntegrationError as error:
            self._tell_unreadable(error)
            reply(b"")
            return
        lane = header.lane(len(self.queues))
        is_barrier = len(self.queues) > 1 and header.is_barrier
        kept = partial(self._kept, ticket, header, lane, reply)
        self._spool.arrivals.put(
            self.queues[lane], raw, header.control_id, kept, is_promised=True, is_barrier=is_barrier
        )

    def _kept(
        self, ticket: int, header: Header, lane: int, reply: Callable[[bytes], None], id: int, error: Exception | None
    ) -> None:
        if error is not None:
            self._answer_apart(ticket, header.raw, reply)  # it waits for room, or hears that there is none
            return
        self._forwarders[lane].wake.set()
        try:
            said = self.promises.accept(header)
        except Exception as failure:  # noqa: BLE001  # its sender has no answer, and sends it again
            log_failure("message_not_answered", failure, listener=self._name)
            said = b""
        reply(said)

    def _answer_apart(self, ticket: int, raw: bytes, reply: Callable[[bytes], None]) -> None:
        self._line_in.expect(ticket)
        task = asyncio.get_running_loop().create_task(self._guarded(ticket, raw, reply))
        self._apart.add(task)
        task.add_done_callback(self._apart.discard)

    async def _guarded(self, ticket: int, raw: bytes, reply: Callable[[bytes], None]) -> None:
        try:
            said = await self._answer_all(ticket, raw)
        except Exception as error:  # noqa: BLE001  # the boundary: its sender still has it, and may connect again
            log_failure("message_not_answered", error, listener=self._name)
            said = b""
        finally:
            self._line_in.forget(ticket)
        reply(said)

    async def answer(self, raw: bytes) -> bytes:
        """Return the acknowledgement of a message, or of each message of a batch; empty: nobody can be answered, and
        the connection closes."""
        return await self._answer_all(self._line_in.ticket(), raw)

    async def _answer_all(self, ticket: int, raw: bytes) -> bytes:
        if holds_several(raw):  # one message, one number
            return b"".join([await self._answer(ticket, each) for each in split_batch(raw).messages])
        return await self._answer(ticket, raw)

    async def _answer(self, ticket: int, raw: bytes) -> bytes:
        try:
            header = read_header(raw)
        except IntegrationError as error:
            self._tell_unreadable(error)
            return b""
        try:
            return await self._take(ticket, header)
        except (SpoolFull, StorageFull, StorageFailed) as error:
            return self.promises.refuse_without_room(header, error)
        except HubUnreachable as error:
            return self.promises.refuse(header, error)

    def _tell_unreadable(self, error: IntegrationError) -> None:
        log("message_unreadable", listener=self._name, code=error.code)

    async def echo(self, raw: bytes, seconds: float) -> bool:
        """Tell whether the hub itself answered a message within some seconds; whatever it said, the way is open."""
        waiter: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        try:
            id = await self.queues[0].add(
                raw, read_header(raw).control_id, is_promised=False, on_id=self.promises.expecting(waiter)
            )
        except (StorageFull, StorageFailed):
            self.promises.forget_waiter(waiter)
            return False
        self._forwarders[0].wake.set()
        if await within(waiter, seconds) is None:
            self.promises.forget(id)
            return not await self.queues[0].withdraw(id)
        return True

    async def send_again(self, raw: bytes) -> None:
        """Keep a message that was refused under a new number: it goes up after all that came before.

        Raises:
            StorageFull, StorageFailed, SpoolFull: it is not kept.
        """
        header = read_header(raw)
        lane = header.lane(len(self.queues))
        await self._add(self._line_in.ticket(), header, lane, is_promised=True, waiter=None)
        self._forwarders[lane].wake.set()

    def has_stream(self, name: str) -> bool:
        """Tell whether a stream is one of its lanes."""
        return any(queue.name == name for queue in self.queues)

    def backlog(self) -> Backlog:
        """Return what waits in all of its lanes."""
        lanes = [queue.backlog() for queue in self.queues]
        return Backlog(sum(one.count for one in lanes), min((one.oldest for one in lanes if one.oldest), default=None))

    async def _take(self, ticket: int, header: Header) -> bytes:
        mode, is_promised = self.table.acknowledge, self.promises.spool_decides
        waiter = None if is_promised else asyncio.get_running_loop().create_future()
        lane = header.lane(len(self.queues))
        id = await self._add(ticket, header, lane, is_promised=is_promised, waiter=waiter)
        self._forwarders[lane].wake.set()
        if waiter is None:
            return self.promises.accept(header)
        return await self.promises.answer(header, self.queues[lane], id, waiter, mode)

    async def _add(
        self, ticket: int, header: Header, lane: int, *, is_promised: bool, waiter: asyncio.Future[Verdict] | None
    ) -> int:
        """Return the id of the message once it is durable; waits for room where `on_full` is stall."""

        def put(kept: Kept) -> None:
            def tell(id: int, error: Exception | None) -> None:
                if error is not None and waiter is not None:  # another message gets the number
                    self.promises.forget(id)
                kept(id, error)

            self._spool.arrivals.put(
                self.queues[lane], header.raw, header.control_id, tell, is_promised=is_promised,
                is_barrier=len(self.queues) > 1 and header.is_barrier, on_id=self.promises.expecting(waiter),
            )  # fmt: skip

        return await self._line_in.enter(ticket, put)

    def _has_room(self) -> bool:
        return not self._spool.is_full

    async def _wait_for_room(self) -> None:
        while self._spool.is_full:
            if not self.promises.waits_for_room():
                raise SpoolFull(self._name)
            await self._spool.wait_for_room(_ROOM_SECONDS)

    def _moved(self) -> None:
        """Let the other lanes look again, where a barrier may have held them."""
        if len(self._forwarders) > 1:
            for forwarder in self._forwarders:
                forwarder.wake.set()

    def _before_barriers(self, queue: UpQueue, batch: list[Spooled]) -> list[Spooled]:
        """Return what of a batch no barrier holds back: a message that names two patients goes when all before it
        have gone, in every lane, and nothing behind it goes before it has."""
        if len(self.queues) == 1 or not batch:
            return batch
        barrier = min((id for each in self.queues if (id := each.lowest_barrier()) is not None), default=None)
        if barrier is None:
            return batch
        if batch[0].id == barrier:
            others = [id for each in self.queues if (id := each.lowest_id()) is not None]
            return batch[:1] if min(others) == barrier else []
        return [message for message in batch if message.id < barrier]


def stream_names(connector: str, table: ListenTable) -> list[str]:
    """Return the streams of a listener: one for each lane."""
    if table.lanes == 1:
        return [f"{connector}/{table.name}"]
    return [f"{connector}/{table.name}.{lane}" for lane in range(table.lanes)]
