"""Take another configuration while connections stand: whatever can fail is tried before anything is changed.

Certificates and secrets are read anew, too. Listeners, the line to the hub, the relay and destinations are replaced one
by one, and what the old one had begun ends there.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.config import Config, ListenTable
from connector.config_file import naming
from connector.deliverer import Deliverer
from connector.link import Link, open_link
from connector.log import log
from connector.mllp_listener import listener_tls
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import ConnectorConfigInvalid

if TYPE_CHECKING:
    from connector.process import Connector, In
    from relay import Listener

_RESTART = ("connector", "spool", "status", "heartbeat")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What takes the place of what runs: opened as far as it goes without the network."""

    tls: dict[str, ssl.SSLContext | None]
    link: Link | None
    relay: Listener | None
    deliverers: dict[str, Deliverer]


async def reload(connector: Connector, wanted: Config) -> list[str]:
    """Return the tables that need a restart; the rest is as ``wanted`` says.

    Raises:
        ConnectorConfigInvalid: something of it cannot be used; everything goes on as it was.
    """
    config, needs_restart = _changeable(connector.config, wanted)
    prepared = _prepare(connector, config)
    await _replace_listeners(connector, config, prepared)
    if prepared.link is not None and config.hub is not None:
        await connector.link.replace(prepared.link)
        for intake in connector.intakes.values():
            intake.take_hub(config.hub)
    await _replace_deliverers(connector, config, prepared)
    before, connector.relay = connector.relay, prepared.relay
    if prepared.relay is not None:
        await prepared.relay.start()
    if before is not None:
        await before.stop()
    connector.config = config
    log("reloaded", count=len(config.listen) + len(config.deliver))
    return needs_restart


def _changeable(before: Config, wanted: Config) -> tuple[Config, list[str]]:
    """Return what of a configuration can be taken while the connector runs, and the names of what cannot."""
    fixed = [name for name in _RESTART if getattr(wanted, name) != getattr(before, name)]
    if (before.hub is None) is not (wanted.hub is None):  # the way up is opened at the start, its listeners after it
        fixed.append("hub")
        wanted = wanted.model_copy(update={"listen": before.listen})
    kept: dict[str, object] = {name: getattr(before, name) for name in fixed}
    had = {table.name: table for table in before.listen}
    listen = []
    for table in wanted.listen:
        is_same = table.name not in had or _is_same_stream(had[table.name], table)
        listen.append(table if is_same else had[table.name])
        fixed += [] if is_same else [f"listen {table.name}"]
    return wanted.model_copy(update={**kept, "listen": tuple(listen)}), fixed


def _prepare(connector: Connector, config: Config) -> _Prepared:
    tls, deliverers = {}, {}
    for listen in config.listen:
        with _naming(f"[[listen]] {listen.name}"):
            tls[listen.name] = listener_tls(listen)
    with _naming("[hub]"):
        link = open_link(config.hub, config.proxy) if config.hub is not None else None
    for table in config.deliver:
        running = connector.deliverers.get(table.name)
        if running is None or running.table != table or table.tls is not None:
            with _naming(f"[[deliver]] {table.name}"):
                deliverers[table.name] = connector.new_deliverer(table)
    with _naming("[relay]"):
        relay = connector.new_relay(config)
    return _Prepared(tls, link, relay, deliverers)


@contextmanager
def _naming(table: str) -> Iterator[None]:
    try:
        with naming(table):
            yield
    except ConnectorConfigInvalid:
        raise
    except IntegrationError as error:
        raise ConnectorConfigInvalid([f"{table}: {error}"]) from None


async def _replace_listeners(connector: Connector, config: Config, prepared: _Prepared) -> None:
    """Open what is new first: a port that cannot be had leaves everything as it was."""
    running = {name: listener.table for name, listener in connector.listeners.items()}
    stays = {table.name for table in config.listen if _is_same_place(running.get(table.name), table)}
    opened: dict[str, In] = {}
    try:
        for table in config.listen:
            if table.name in stays:
                continue
            in_the_way = [one for one in connector.listeners if one not in stays and _is_same_port(running[one], table)]
            for name in in_the_way:
                await connector.listeners.pop(name).stop()
            opened[table.name] = await connector.open_listener(table)
    except BaseException as error:
        for listener in opened.values():
            await listener.stop()
        closed = [table for name, table in running.items() if name not in connector.listeners]
        await _open_again(connector, closed, error)
        raise
    wanted = {table.name: table for table in config.listen}
    for name in [name for name in connector.listeners if name not in wanted or name in opened]:
        await connector.listeners.pop(name).stop()  # what it took goes up all the same
    connector.listeners.update(opened)
    for name, table in wanted.items():
        connector.listeners[name].table = table
        connector.intakes[name].take_table(table)
        connector.listeners[name].tls = prepared.tls[name]


async def _open_again(connector: Connector, tables: Sequence[ListenTable], why: BaseException) -> None:
    """Open listeners that were closed for others.

    Raises:
        ConnectorConfigInvalid: one cannot be had again; it says why they were closed, and which are.
    """
    lost: list[object] = []
    for table in tables:
        try:
            connector.listeners[table.name] = await connector.open_listener(table)
        except ConnectorConfigInvalid as error:
            lost += [f"it is closed now, until a reload can open it again: {problem}" for problem in error.problems]
    if lost:
        first = why.problems if isinstance(why, ConnectorConfigInvalid) else [type(why).__name__]
        raise ConnectorConfigInvalid([*first, *lost]) from why


async def _replace_deliverers(connector: Connector, config: Config, prepared: _Prepared) -> None:
    """The old one ends its send before the new one begins: order is kept."""
    wanted = {table.name for table in config.deliver}
    for name in [name for name in connector.deliverers if name not in wanted or name in prepared.deliverers]:
        await connector.deliverers[name].stop()
        if name not in wanted:
            del connector.deliverers[name]
    for name, deliverer in prepared.deliverers.items():
        await deliverer.start()
        connector.deliverers[name] = deliverer


def _is_same_place(before: ListenTable | None, after: ListenTable) -> bool:
    """Tell whether a listener can stay as it is, and only hear of new limits and certificates."""
    names = ("kind", "address", "port", "folder", "pattern")
    return before is not None and all(getattr(before, name) == getattr(after, name) for name in names)


def _is_same_port(before: ListenTable, after: ListenTable) -> bool:
    return before.port is not None and before.port == after.port


def _is_same_stream(before: ListenTable, after: ListenTable) -> bool:
    """Tell whether what a listener takes goes the same way up; a stream is opened at the start."""
    return (before.interface, before.lanes, before.lane_key) == (after.interface, after.lanes, after.lane_key)
