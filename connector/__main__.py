"""``python -m connector run|reload|check|status|recover|refused --config connector.toml``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
import urllib.request
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

import orjson

from connector import VERSION
from connector.again import order_again
from connector.check import print_findings
from connector.config import Config
from connector.config_file import read_config
from connector.log import begin_log, log, log_failure, print_problem
from connector.process import Connector, cipher_of
from connector.recover import last_confirmed, newest_copy
from connector.refused import payload_in, refused_in, taken_since, write_payload
from connector.reload_order import Answer, answer, look_for_orders, order_reload
from connector.status import ADDRESS, needs_a_look
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import ConnectorConfigInvalid

# The thread that waits for the disk needs the interpreter for microseconds, and soon: senders wait for it.
_SWITCH_SECONDS = 0.00005
_ORDER_LOOKS, _ORDER_LOOK_SECONDS = 40, 0.25


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what goes wrong is one sentence on standard error."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.command(given))
    except IntegrationError as error:
        print_problem(error)
    return 1


def run(given: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    begin_log()
    config = read_config(given.config)
    sys.setswitchinterval(_SWITCH_SECONDS)
    _run_on_a_loop(_run(config, given.config))
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
    helpers = [
        asyncio.create_task(_reload_when(reloading, connector, file)),
        asyncio.create_task(look_for_orders(reloading, config.connector.folder)),
    ]
    try:
        await stopping.wait()
    finally:
        for helper in helpers:
            helper.cancel()
        await connector.stop()


async def _reload_when(reloading: asyncio.Event, connector: Connector, file: Path) -> None:
    while True:
        await reloading.wait()
        reloading.clear()
        folder = connector.config.connector.folder
        try:
            needs_restart = await connector.reload(read_config(file))
        except Exception as error:  # noqa: BLE001  # the boundary: what runs goes on, and the next order is heard
            log_failure("not_reloaded", error)
            if isinstance(error, ConnectorConfigInvalid):
                print_problem(error)
            answer(folder, Answer(_why(error)))
        else:
            for table in needs_restart:
                log("needs_restart", file=table)
            answer(folder, Answer(needs_restart=needs_restart))


def _why(error: Exception) -> list[str]:
    """Return what is wrong with the file; of another failure the type alone, for a text may hold anything."""
    if isinstance(error, ConnectorConfigInvalid):
        return [str(problem) for problem in error.problems]
    return [type(error).__name__]


def reload(given: argparse.Namespace) -> int:
    """Let the running connector read the configuration again; 1: it took nothing; 2: some of it needs a restart."""
    folder = read_config(given.config).connector.folder
    if not folder.is_dir():
        return _no(f"{folder} is not there; it is [connector] folder, and the first start makes it")
    is_taken, said = order_reload(folder)
    if not is_taken:
        return _no(
            "nobody took the order; is `python -m connector run` at work with this file? its log says why it ended"
        )
    if said is None:
        return _no("it reads the file, and has not said what it took; look in its log for `reloaded` or `not_reloaded`")
    if said.problems:
        print(*said.problems, sep="\n", file=sys.stderr)
        return _no(
            "nothing of the file was taken; `python -m connector check` looks closer; then order the reload again"
        )
    if said.needs_restart:
        print(f"taken, but these stay as they were until it is started again: {', '.join(said.needs_restart)}")
        return 2
    print("taken: it runs with the file as it is now")
    return 0


def check(given: argparse.Namespace) -> int:
    """Print what was looked at; 1 where anything is not as it must be."""
    return 0 if asyncio.run(print_findings(read_config(given.config))) else 1


def status(given: argparse.Namespace) -> int:
    """Print what the running connector says of itself."""
    config = read_config(given.config)
    if config.status is None:
        print("connector: the configuration has no [status]", file=sys.stderr)
        return 1
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}:{config.status.port}/status", timeout=10) as answer:
            report = orjson.loads(answer.read())
        is_to_be_seen = needs_a_look(report, has_relay=config.relay is not None)
    except OSError:
        at = f"http://{ADDRESS}:{config.status.port}/"
        return _no(
            f"nobody answers at {at} ([status] port); is `python -m connector run` at work? its log says why it ended"
        )
    except (HTTPException, ValueError, LookupError, TypeError):  # no connector, or another version of it
        return _no(f"what answers at port {config.status.port} is no connector of this version; see [status] port")
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    return 2 if is_to_be_seen else 0


def recover(given: argparse.Namespace) -> int:
    """Print, for each listener, the last message that the hub has: its sender sends again what came after it."""
    config = read_config(given.config)
    copy = newest_copy(config.connector.folder, config.spool.mirror)
    print(f"from {copy}", file=sys.stderr)
    for one in last_confirmed(copy):
        at = "" if one.at is None else datetime.fromtimestamp(one.at, UTC).isoformat(timespec="seconds")
        print(f"{one.stream}\tlast confirmed MSH-10 {one.control_id or '(none)'}\t{at}\twaiting {one.waiting}")
    return 0


def refused(given: argparse.Namespace) -> int:
    """Print what was acknowledged here and then refused by the hub; or write one to a file, or send it again."""
    config = read_config(given.config)
    copy = newest_copy(config.connector.folder, config.spool.mirror)
    if given.export is not None:
        return _export(copy, config, *given.export)
    if given.again is not None:
        return _send_again(copy, config, given.again, allow_stale=given.allow_stale)
    found = refused_in(copy)
    if given.json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return 0
    if not found:
        print("nothing was refused", file=sys.stderr)
    for one in found:
        at = datetime.fromtimestamp(one.received, UTC).isoformat(timespec="seconds")
        print(f"{one.id}\t{at}\t{one.stream}\t{one.code}\tMSH-10 {one.control_id or '(none)'}\t{one.size} bytes")
    return 0


def _export(copy: Path, config: Config, id: str, to: str) -> int:
    payload = payload_in(copy, int(id), cipher_of(config)) if id.isdecimal() else None
    if payload is None:
        return _no(f"no refused message has the id {id}")
    try:
        write_payload(Path(to), payload)
    except OSError as error:
        return _no(f"{to}: {type(error).__name__}")
    print(f"{to}: {len(payload)} bytes; they are about a patient")
    return 0


def _send_again(copy: Path, config: Config, id: int, *, allow_stale: bool) -> int:
    if id not in [one.id for one in refused_in(copy)]:
        return _no(f"no refused message has the id {id}")
    since = taken_since(copy, id)
    if since and not allow_stale:
        return _no(
            f"{since} {'message' if since == 1 else 'messages'} came after it: about the same patient,"
            " what came first would set back what came later;"
            " look, then give --allow-stale"
        )
    order = order_again(config.connector.folder, id)
    for _ in range(_ORDER_LOOKS):
        if not order.exists():
            print("sent again; if the hub refuses it once more, it is on this list again")
            return 0
        time.sleep(_ORDER_LOOK_SECONDS)
    print("ordered: it is sent when the connector runs", file=sys.stderr)
    return 2


def _no(why: str) -> int:
    print(f"connector: {why}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m connector", description="The Caduceus connector")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="run|reload|check|status|recover|refused")
    for command in (run, reload, check, status, recover, refused):
        assert command.__doc__ is not None, "its help"
        said = command.__doc__.splitlines()[0]
        example = f"Example: python -m connector {command.__name__} --config /etc/caduceus/connector.toml"
        one = commands.add_parser(command.__name__, help=said, description=said, epilog=example)
        one.add_argument(
            "--config", type=Path, metavar="FILE", default=Path("connector.toml"), help="default: connector.toml here"
        )
        one.set_defaults(command=command)
    ways = one.add_mutually_exclusive_group()  # of the last one, `refused`
    ways.add_argument("--json", action="store_true", help="print it for a program")
    ways.add_argument("--export", nargs=2, metavar=("ID", "FILE"), help="write one, byte for byte, to a new file")
    ways.add_argument("--again", type=int, metavar="ID", help="send one again, after the cause was mended")
    one.add_argument("--allow-stale", action="store_true", help="with --again: though newer messages have gone up")
    return parser


if __name__ == "__main__":
    sys.exit(main())
