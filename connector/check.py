"""Look at everything a connector needs, before it starts: every line of the answer is one thing, good or not."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from connector.certificates import WARN_DAYS, certificates
from connector.config import Config, DeliverTable, ListenTable
from connector.exchange import connect, destination_tls
from connector.keys import read_secret, signs_in
from connector.link import SIGN_IN, open_link, open_listener, proxy_to
from connector.mllp_listener import listener_tls
from relay.proxy import ask_for_tunnel
from shared.message.errors import reason_of
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import HubUnreachable
from shared.message.errors.relay import RelayError, RelayUnreachable
from shared.mllp.line import MllpLine

SKEW_SECONDS = 60.0
_FREE_MEGABYTES = 512
_WAIT_SECONDS = 15.0
_PLAIN = frozenset({"http", "ws"})
_LOOK_AT = "look at its name and port, the firewall and proxy on the way, its certificate, and our own identity"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    is_good: bool
    what: str
    said: str = ""

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_good else 'BAD '} {self.what}{': ' if self.said else ''}{self.said}"


async def look_at(config: Config) -> AsyncIterator[Finding]:
    """Yield a finding for each thing; nothing is changed, and no message is sent."""
    for finding in (*_secrets(config), *_spool(config), *_ports(config), *_certificates(config)):
        yield finding
    async for finding in _tunnels(config):
        yield finding
    if config.hub is not None:
        async for finding in _hub(config):
            yield finding
    if config.relay is not None:
        yield await _relay(config)
    for table in config.deliver:
        yield await _destination(table)


def _secrets(config: Config) -> Iterator[Finding]:
    keys = (table.key for table in (config.spool, config.hub, config.relay) if table is not None)
    places = {*keys, config.proxy.password if config.proxy else None}
    for place in sorted(one for one in places if one is not None):
        try:
            read_secret(place)
            yield Finding(True, f"secret {place}")
        except IntegrationError as error:  # where: what the system said of it, never what is in it
            why = error.where.removeprefix(place).removeprefix(": ") or "empty, or not there"
            yield Finding(False, f"secret {place}", f"{error.code} ({why})")


def _spool(config: Config) -> Iterator[Finding]:
    folder = config.connector.folder
    there = _there(folder)
    free = shutil.disk_usage(there).free // (1024 * 1024)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding(False, f"folder {folder}", f"{there} is no folder in which this user may write")
    elif there != folder.absolute():
        yield Finding(
            free > _FREE_MEGABYTES, f"folder {folder}", f"not there yet, the start makes it; {free:,} MB free"
        )
    else:
        yield Finding(free > _FREE_MEGABYTES, f"folder {folder}", f"{free:,} MB free")
    if config.spool.mirror is not None:
        yield _mirror(folder, config.spool.mirror)


def _there(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there: on its disk it will be."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def _mirror(folder: Path, mirror: Path) -> Finding:
    what = f"mirror {mirror}"
    try:
        if _there(folder).stat().st_dev == mirror.stat().st_dev:
            return Finding(False, what, "on the disk of the spool: it would be lost with it")
        free = shutil.disk_usage(mirror).free // (1024 * 1024)
    except OSError as error:
        return Finding(False, what, type(error).__name__)
    return Finding(free > _FREE_MEGABYTES and os.access(mirror, os.W_OK), what, f"{free:,} MB free")


def _ports(config: Config) -> Iterator[Finding]:
    for table in config.listen:
        if table.kind == "folder":
            folder = table.folder
            assert folder is not None, "checked with the file"
            yield Finding(folder.is_dir(), f"listener {table.name}", f"folder {folder}")
        else:
            yield _port(table)


def _port(table: ListenTable) -> Finding:
    family = socket.AF_INET6 if ":" in table.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((table.address, table.port))
        except OSError as error:
            why = (
                "is in use: by this connector, if it runs" if error.errno == errno.EADDRINUSE else type(error).__name__
            )
            return Finding(False, f"listener {table.name}", f"port {table.port} of {table.address} {why}")
        try:
            listener_tls(table)
        except (OSError, ValueError) as error:
            return Finding(False, f"listener {table.name}", f"its `tls`: {type(error).__name__}")
    return Finding(True, f"listener {table.name}", f"port {table.port} is free")


def _certificates(config: Config) -> Iterator[Finding]:
    for one in certificates(config):
        days = one.days(datetime.now(UTC))
        said = f"{one.file} cannot be read"
        if days is not None:
            said = "1 day left" if round(days) == 1 else f"{days:.0f} days left"
        yield Finding(days is not None and days > WARN_DAYS, f"certificate of {one.of}", said)


async def _tunnels(config: Config) -> AsyncIterator[Finding]:
    """Ask the proxy for each place that has to be reached through it."""
    for url in _places(config):
        parts = urlsplit(url)
        try:
            proxy = proxy_to(url, config.proxy)
        except IntegrationError:  # its password: `_secrets` has said so
            continue
        if proxy is not None:
            refused = await ask_for_tunnel(proxy, parts.hostname or "", parts.port or 443, _WAIT_SECONDS)
            yield Finding(refused is None, f"proxy to {parts.hostname}", _of_proxy(refused) if refused else "")


def _of_proxy(error: RelayError) -> str:
    """Return what is said of a proxy: that it was not reached is not about the relay, whatever lies behind it."""
    return f"{error.where}; look at the proxy's address and port" if isinstance(error, RelayUnreachable) else str(error)


def _places(config: Config) -> Iterator[str]:
    ways = (config.hub and config.hub.way, config.relay and config.relay.url)
    yield from dict.fromkeys(url for url in ways if url)
    if signs_in():
        yield SIGN_IN


async def _hub(config: Config) -> AsyncIterator[Finding]:
    """Ask the hub something that it refuses: an empty request; the way, the name and the clocks are seen by that."""
    assert config.hub is not None, "asked for where there is one"
    try:
        link = open_link(config.hub, config.proxy)
    except (IntegrationError, OSError) as error:
        yield Finding(False, "hub", type(error).__name__)
        return
    place = urlsplit(config.hub.way)
    try:
        answer = await link.post("/ingest", {"Content-Type": "application/hl7-v2"}, b"")
        yield Finding(answer.status == 400, f"hub {place.hostname}", _of_hub(answer.status))
        yield _skew(answer.headers.get("Date"))
    except HubUnreachable as error:
        at = place.netloc if place.port else f"{place.netloc}:{80 if place.scheme in _PLAIN else 443}"
        relay_code = error.where.partition(" ")[0]
        advice = _LOOK_AT if config.hub.transport == "https" else reason_of(relay_code)
        said = f"{error.code} ({at}: {error.where})"
        yield Finding(False, f"hub {place.hostname}", f"{said}; {advice}" if advice else said)
    finally:
        await link.close()


def _of_hub(status: int) -> str:
    match status:
        case 400:
            return "it answers"
        case 401 | 403:
            return f"HTTP {status}: it does not let us in; look at `authentication`, `scope` and our own identity"
        case _:
            return f"HTTP {status}, and a hub says 400 here; look at the path of [hub] url"


def _skew(date: str | None) -> Finding:
    if date is None:
        return Finding(True, "clock", "the hub does not tell the time")
    seconds = time.time() - parsedate_to_datetime(date).timestamp()
    return Finding(abs(seconds) < SKEW_SECONDS, "clock", f"{seconds:+.0f} s against the hub's")


async def _relay(config: Config) -> Finding:
    """Open a control channel for a moment."""
    assert config.relay is not None, "asked for where there is one"
    settled = asyncio.Event()
    try:
        listener = open_listener(config.relay, config.proxy, on_error=lambda error: settled.set())
    except IntegrationError as error:
        return Finding(False, "relay", error.code)
    except OSError as error:
        return Finding(False, "relay", type(error).__name__)
    what = f"relay {listener.place.host}/{listener.place.path}"
    await listener.start()
    ends = [asyncio.create_task(settled.wait()), asyncio.create_task(listener.wait_online(_WAIT_SECONDS))]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        is_online = listener.online > 0
    finally:
        await listener.stop()
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    return Finding(is_online, what, "" if is_online else str(listener.last_error or "no answer in time"))


async def _destination(table: DeliverTable) -> Finding:
    what = f"destination {table.name}"
    try:
        opened = await connect(table, destination_tls(table))
    except (OSError, ValueError) as error:  # its authority or our certificate
        return Finding(False, what, type(error).__name__)
    if isinstance(opened, MllpLine):
        opened.close()
        return Finding(True, what)
    return Finding(False, what, opened.code)


async def print_findings(config: Config) -> bool:
    """Print every finding; return whether all of them are good."""
    is_good = True
    async for finding in look_at(config):
        print(finding)
        is_good &= finding.is_good
        await asyncio.sleep(0)
    return is_good
