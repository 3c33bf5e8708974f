"""One connector, put together: what the configuration names, started in an order in which nothing can be lost."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Protocol

from connector import VERSION
from connector.again import carry_out
from connector.certificates import WARN_DAYS, certificates
from connector.cipher import Cipher, Clear, Sealed
from connector.config import Config, DeliverTable, ListenTable
from connector.config_file import naming
from connector.deliverer import Deliverer
from connector.down_queue import DownQueue
from connector.downlink import Downlink
from connector.folder_listener import FolderListener
from connector.forwarder import Line
from connector.heartbeat import Heartbeat
from connector.http_listener import HttpListener
from connector.intake import Intake
from connector.keys import read_secret
from connector.link import Link, ReplaceableLink, open_link, open_listener
from connector.log import log, log_failure, print_problem
from connector.mllp_listener import Answerer, MllpListener
from connector.reload import reload
from connector.spool import Spool
from connector.states import HOLDING, Down
from connector.status import StatusPage
from relay import Listener
from shared.message.beat import Beat, MirrorState
from shared.message.beat import Certificate as LapsingCertificate
from shared.message.errors.connector import CertificateExpiring, ConnectorConfigInvalid

_TEND_SECONDS = 3600.0
_DAY_SECONDS = 86_400.0


class In(Protocol):
    """A way in."""

    table: ListenTable
    tls: ssl.SSLContext | None

    @property
    def port(self) -> int: ...

    async def start(self, port: int | None = None) -> None: ...

    async def stop(self, seconds: float = 10.0) -> None: ...


_KINDS: dict[str, Callable[[ListenTable, Answerer], In]] = {
    "mllp": MllpListener,
    "http": HttpListener,
    "folder": FolderListener,
}


class Connector:
    """Runs between `start` and `stop`.

    Attributes:
        config: What it was last told.
        listeners: The ways in, by name.
    """

    def __init__(self, config: Config, link: Link | None = None) -> None:
        self.config = config
        self.listeners: dict[str, In] = {}
        self.intakes: dict[str, Intake] = {}
        self.deliverers: dict[str, Deliverer] = {}
        self.line = Line()
        self.status_page: StatusPage | None = None
        self.relay: Listener | None = None
        self.heartbeat: Heartbeat | None = None
        self._link = link
        self._reloading = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the spool, forward and deliver what is in it, and only then let anybody in.

        Raises:
            IntegrationError: something cannot be used; everything that was begun is ended again.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        config = self.config
        self._certificates = certificates(config)  # as they are about to be read
        with naming("[connector] folder"):
            self.spool = open_spool(config)
        self._stack.push_async_callback(self.spool.close)
        await self._start_up()
        await self._start_down()
        if config.status is not None:
            self.status_page = StatusPage(config.status, self.report)
            with naming(f"[status] port {config.status.port}"):
                await self.status_page.start()
            self._stack.push_async_callback(self.status_page.stop)
        self._stack.push_async_callback(self._stop_listeners)
        for table in config.listen:
            self.listeners[table.name] = await self.open_listener(table)
        orders = carry_out(config.connector.folder, self.spool, self.intakes)
        self._tasks = [asyncio.create_task(self._tend()), asyncio.create_task(orders)]
        if self.heartbeat is not None:
            self._tasks.append(asyncio.create_task(self.heartbeat.run()))
        self._stack.push_async_callback(self._stop_tasks)
        log("started", version=VERSION, count=len(self.listeners) + len(self.deliverers))

    async def stop(self) -> None:
        """Let nobody in any more, answer what is at work, and close; what is left is in the spool."""
        await self._stack.aclose()
        log("stopped", version=VERSION)

    async def reload(self, config: Config) -> list[str]:
        """Take what can be changed while connections stand; return the tables that need a restart.

        Raises:
            ConnectorConfigInvalid: something of it cannot be used; everything goes on as it was.
        """
        async with self._reloading:
            read = certificates(config)
            needs_restart = await reload(self, config)
            self._certificates = read
            return needs_restart

    def report(self) -> dict[str, Any]:  # JSON
        """Return what there is to know, for the page, for metrics and for the hub."""
        beat, now = self.heartbeat, datetime.now(UTC)
        return {
            "connector": self.config.connector.name,
            "version": VERSION,
            "epoch": self.spool.epoch,
            "spool_bytes": self.spool.size_bytes,
            "spool_is_full": self.spool.is_full,
            "mirror": self._mirror(),
            "spool_was_brought_back": self.spool.was_brought_back,
            "refused": self._refused(),
            "line_up": self.line.is_up,
            "line_failure": self.line.failure.code if self.line.failure else "",
            "line_trouble": self.line.failure.where if self.line.failure else "",
            "last_answer": _when(self.line.answered),
            "last_echo": _when(beat.answered if beat else None),
            "relay_channels": self.relay.online if self.relay else 0,
            "listeners": [self._listener_row(name) for name in self.intakes],
            "destinations": [self._destination_row(one) for one in self.deliverers.values()],
            "certificates": [
                {"of": one.of, "days": None if (days := one.days(now)) is None else round(days, 1)}
                for one in certificates(self.config)
            ],
        }

    def beat(self) -> Beat:
        """Return what the next echo tells the hub."""
        assert self.config.heartbeat is not None, "who beats has the table"
        backlogs = [intake.backlog() for intake in self.intakes.values()]
        oldest = min((each.oldest for each in backlogs if each.oldest is not None), default=None)
        held = (self._down.counts(name) for name in self.deliverers)
        return Beat(
            connector=self.config.connector.name,
            version=VERSION,
            sent=datetime.now(UTC),
            every_seconds=self.config.heartbeat.seconds,
            waiting=sum(each.count for each in backlogs),
            oldest=None if oldest is None else datetime.fromtimestamp(oldest, UTC),
            refused=self._refused(),
            held=sum(counts.get(state, 0) for counts in held for state in HOLDING),
            spool_bytes=self.spool.size_bytes,
            mirror=self._mirror(),
            certificates=tuple(LapsingCertificate(one.of, one.lapses) for one in certificates(self.config)),
        )

    def _mirror(self) -> MirrorState:
        if self.spool.mirror is None:
            return MirrorState.NONE
        return MirrorState.BEHIND if self.spool.mirror.is_behind else MirrorState.IN_STEP

    def _refused(self) -> int:
        count: int = self.spool.read("SELECT COUNT(*) FROM refused")[0][0]
        return count

    def _listener_row(self, name: str) -> Mapping[str, Any]:
        intake, listener = (
            self.intakes[name],
            self.listeners.get(name),
        )  # none: taken away, and its messages still go up
        backlog = intake.backlog()
        control_id, at = max((queue.confirmed() for queue in intake.queues), key=lambda one: one[1] or 0.0)
        return {
            "name": name, "kind": intake.table.kind, "port": listener.port if listener else 0,
            "connections": len(listener.connections) if isinstance(listener, MllpListener | HttpListener) else 0,
            "turned_away": listener.door.turned_away if isinstance(listener, MllpListener | HttpListener) else 0,
            "taken": intake.promises.taken, "refused": intake.promises.refused, "waiting": backlog.count,
            "oldest": _when(backlog.oldest), "held_by": intake.held_by(),
            "confirmed": control_id, "confirmed_at": _when(at),
        }  # fmt: skip

    def _destination_row(self, deliverer: Deliverer) -> Mapping[str, Any]:
        counts = self._down.counts(deliverer.table.name)
        return {
            "name": deliverer.table.name, "delivered": deliverer.delivered, "waiting": counts.get(Down.COMMITTED, 0),
            "rejected": counts.get(Down.REJECTED, 0), "ambiguous": counts.get(Down.AMBIGUOUS, 0),
            "last": deliverer.last.code if deliverer.last else "",
        }  # fmt: skip

    async def _start_up(self) -> None:
        hub = self.config.hub
        if hub is None:
            return
        with naming("[hub]"):
            self.link = ReplaceableLink(self._link or open_link(hub, self.config.proxy))
        self._stack.push_async_callback(self.link.close)
        self._stack.push_async_callback(self._stop_intakes)
        beat = self.config.heartbeat
        for table in self.config.listen:
            await self._add_intake(table)
        if beat is not None:
            intake = self.intakes[beat.listener or self.config.listen[0].name]
            self.heartbeat = Heartbeat(intake, beat.seconds, self.beat)

    async def _add_intake(self, table: ListenTable) -> None:
        assert self.config.hub is not None, "checked with the file"
        name = self.config.connector.name
        intake = await Intake.open(name, table, self.config.hub, self.spool, self.link, self.line)
        intake.start()
        self.intakes[table.name] = intake

    async def _start_down(self) -> None:
        self._down = DownQueue(self.spool)
        self._downlink = Downlink(self._down, self.deliverers, self.report, lambda: self.spool.is_full)
        self._stack.push_async_callback(self._stop_down)
        for table in self.config.deliver:
            with naming(f"[[deliver]] {table.name}"):
                deliverer = self.deliverers[table.name] = self.new_deliverer(table)
            await deliverer.start()
        with naming("[relay]"):
            self.relay = self.new_relay(self.config)
        if self.relay is not None:
            await self.relay.start()

    def new_deliverer(self, table: DeliverTable) -> Deliverer:
        """Return who delivers to a destination; it has not started."""
        return Deliverer(table, self._down, self.spool.clock)

    def new_relay(self, config: Config) -> Listener | None:
        """Return who listens for the hub's deliveries; it has not started."""
        table = config.relay
        if table is None:
            return None
        return open_listener(
            table, config.proxy, on_request=self._downlink.handle,
            on_error=lambda error: log_failure("relay_error", error), channels=table.channels,
        )  # fmt: skip

    async def open_listener(self, table: ListenTable) -> In:
        """Return a way in that lets senders in; its messages go up.

        Raises:
            ConnectorConfigInvalid: it cannot listen there.
        """
        if table.name not in self.intakes:
            await self._add_intake(table)
        with naming(f"[[listen]] {table.name}"):
            listener = _KINDS[table.kind](table, self.intakes[table.name])
        try:
            await listener.start()
        except OSError as error:
            raise ConnectorConfigInvalid([f"[[listen]] {table.name}: cannot listen: {type(error).__name__}"]) from None
        return listener

    async def _stop_down(self) -> None:
        if self.relay is not None:
            await self.relay.stop()
        await asyncio.gather(*(deliverer.stop() for deliverer in self.deliverers.values()))

    async def _stop_listeners(self) -> None:
        await asyncio.gather(*(listener.stop() for listener in self.listeners.values()))

    async def _stop_intakes(self) -> None:
        await asyncio.gather(*(intake.stop() for intake in self.intakes.values()))

    async def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tend(self) -> None:
        """Look after what changes slowly, once an hour."""
        while True:
            try:
                await self._tend_once()
            except Exception as error:  # noqa: BLE001  # the boundary: the next hour will do
                log_failure("not_tended", error)
            await asyncio.sleep(_TEND_SECONDS)

    async def _tend_once(self) -> None:
        """Take certificates that were renewed, warn of others, and forget old outcomes."""
        if certificates(self.config) != self._certificates:
            await self._renew()
        for one in certificates(self.config):
            days = one.days(datetime.now(UTC))
            if days is None or days < WARN_DAYS:
                told = -1 if days is None else int(days)
                log("certificate_expiring", logging.WARNING, code=CertificateExpiring.code, file=one.of, days=told)
        await self._down.forget(self.spool.clock() - self.config.spool.keep_outcomes_days * _DAY_SECONDS)

    async def _renew(self) -> None:
        try:
            await self.reload(self.config)
        except Exception as error:  # noqa: BLE001  # the boundary: what runs goes on, and the next hour tries again
            log_failure("not_reloaded", error)
            if isinstance(error, ConnectorConfigInvalid):
                print_problem(error)


def cipher_of(config: Config) -> Cipher:
    """Return what a configuration's payloads are sealed with."""
    return Sealed(read_secret(config.spool.key)) if config.spool.key else Clear()


def open_spool(config: Config) -> Spool:
    """Return the spool of a configuration."""
    return Spool(
        config.connector.folder,
        cipher_of(config),
        config.spool.limit_megabytes * 1024 * 1024,
        mirror=config.spool.mirror,
        may_fall_behind=config.spool.on_mirror_lost == "degrade",
    )


def _when(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
