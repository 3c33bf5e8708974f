"""``python -m connector run|check|status|recover --config connector.toml``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connector import VERSION
from connector.check import print_findings
from connector.config import Config
from connector.config_file import read_config
from connector.log import log, log_failure
from connector.process import Connector
from connector.recover import last_confirmed, newest_copy
from connector.status import ADDRESS, needs_a_look
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import ConnectorConfigInvalid

# The thread that waits for the disk needs the interpreter for microseconds, and soon: senders wait for it.
_SWITCH_SECONDS = 0.00005


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what goes wrong is one sentence on standard error."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.command(given.config))
    except ConnectorConfigInvalid as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        print(f"connector: {error}", file=sys.stderr)
    except IntegrationError as error:
        print(f"connector: {error}", file=sys.stderr)
    return 1


def run(file: Path) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    config = read_config(file)
    sys.setswitchinterval(_SWITCH_SECONDS)
    _run_on_a_loop(_run(config, file))
    return 0


def _run_on_a_loop(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # on Windows, where the standard loop serves
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _run(config: Config, file: Path) -> None:
    connector = Connector(config)
    await connector.start()
    stopping, reloading = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: the service manager ends the process
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        loop.add_signal_handler(signal.SIGINT, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, reloading.set)
    reloader = asyncio.create_task(_reload_when(reloading, connector, file))
    try:
        await stopping.wait()
    finally:
        reloader.cancel()
        await connector.stop()


async def _reload_when(reloading: asyncio.Event, connector: Connector, file: Path) -> None:
    while True:
        await reloading.wait()
        reloading.clear()
        try:
            for table in await connector.reload(read_config(file)):
                log("needs_restart", file=table)
        except IntegrationError as error:
            log_failure("not_reloaded", error)  # what runs goes on as it is


def check(file: Path) -> int:
    """Print what was looked at; 1 where anything is not as it must be."""
    return 0 if asyncio.run(print_findings(read_config(file))) else 1


def status(file: Path) -> int:
    """Print what the running connector says of itself."""
    config = read_config(file)
    if config.status is None:
        print("connector: the configuration has no [status]", file=sys.stderr)
        return 1
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}:{config.status.port}/status", timeout=10) as answer:
            report = orjson.loads(answer.read())
    except (OSError, urllib.error.URLError):
        print("connector: it does not run, or does not answer", file=sys.stderr)
        return 1
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    return 2 if needs_a_look(report, has_relay=config.relay is not None) else 0


def recover(file: Path) -> int:
    """Print, for each listener, the last message that the hub has: its sender sends again what came after it."""
    config = read_config(file)
    copy = newest_copy(config.connector.folder, config.spool.mirror)
    print(f"from {copy}", file=sys.stderr)
    for one in last_confirmed(copy):
        at = "" if one.at is None else datetime.fromtimestamp(one.at, UTC).isoformat(timespec="seconds")
        print(f"{one.stream}\tlast confirmed MSH-10 {one.control_id or '(none)'}\t{at}\twaiting {one.waiting}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m connector", description="The Caduceus connector")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="run|check|status|recover")
    for command in (run, check, status, recover):
        assert command.__doc__ is not None, "its help"
        one = commands.add_parser(command.__name__, help=command.__doc__.splitlines()[0])
        one.add_argument("--config", type=Path, default=Path("connector.toml"))
        one.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
