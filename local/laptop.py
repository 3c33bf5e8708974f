"""Everything the laptop runs, started in order and stopped in the opposite one."""

from __future__ import annotations

import gc
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.functions import load_functions
from local.home import Home
from local.host import Host
from local.host_json import read_host_json
from local.log_file import LogFile
from local.mllp_listener import MllpListener, answer_by
from local.ports import refuse_ports_in_use
from local.receivers.endpoints import receiver_endpoints
from local.receivers.group import Receivers, receivers_of
from shared.adapters.local.clock import SystemClock
from shared.adapters.local.queue import LocalQueue
from shared.settings import ROWS, Settings, read_settings

if TYPE_CHECKING:
    from shared.app import Hub

# What lives is looked at in small portions: 20,000 objects at once are a pause of 10 ms, and every sender waits for it.
COLLECT_AFTER_OBJECTS = 2_000
COLLECT_OLDER_AFTER = 50  # such portions
INGEST, HL7 = "/ingest", "application/hl7-v2"


@dataclass(frozen=True, slots=True)
class LaptopOptions:
    """How the laptop runs.

    Attributes:
        has_free_ports: Receivers take free ports instead of those their destinations name.
    """

    home: Path
    http_port: int
    mllp_port: int
    is_fresh: bool = False
    has_free_ports: bool = False


class Laptop:
    """The hub with all its surroundings, between `start` and `stop`."""

    host: Host
    listener: MllpListener
    receivers: Receivers
    settings: Settings

    def __init__(self, options: LaptopOptions) -> None:
        self._options = options
        self._closing = AsyncExitStack()
        self.home = Home(options.home)

    async def start(self) -> None:
        """Start everything, or nothing.

        Raises:
            IntegrationError: a port or the home is in use, or a setting, the registry or a function cannot be used.
        """
        async with AsyncExitStack() as closing:
            await self._start(closing)
            self._closing = closing.pop_all()

    async def stop(self) -> None:
        """Stop listening, let what is under way finish, and close what is open."""
        await self._closing.aclose()

    async def _start(self, closing: AsyncExitStack) -> None:
        options = self._options
        refuse_ports_in_use({"HTTP": options.http_port, "MLLP": options.mllp_port})
        self.home.open(is_fresh=options.is_fresh)
        log_file = LogFile(self.home.folder)
        closing.callback(log_file.close)
        self.settings = set_environment(self.home)
        self.receivers = _find_receivers(self.settings, self.home, has_free_ports=options.has_free_ports)
        refuse_ports_in_use({receiver.name: receiver.port for receiver in self.receivers})
        closing.push_async_callback(self.receivers.stop)
        await self.receivers.start()
        self.receivers.write_addresses(self.home.addresses)
        hub = _open_hub()
        closing.push_async_callback(hub.close)
        await hub.workers.prepare()
        self.host = Host(load_functions(), read_host_json(), _queue_of(hub), receiver_endpoints(self.receivers))
        closing.push_async_callback(self.host.stop)
        await self.host.start(options.http_port)
        self.listener = MllpListener(answer_by(self.host.caller("POST", INGEST, HL7)))
        closing.push_async_callback(self.listener.stop)
        await self.listener.start(options.mllp_port)
        closing.callback(gc.unfreeze)
        closing.callback(gc.set_threshold, *gc.get_threshold())
        _spare_collector()


def set_environment(home: Home) -> Settings:
    """Set what `shared/settings.py` reads, so that the functions find a laptop; return how it is read.

    Raises:
        SettingInvalid: another setting of the environment cannot be used.
    """
    given = {"adapters": "local", "stage": "laptop", "home": str(home.folder), "addresses": str(home.addresses)}
    os.environ.update({ROWS[name].variable: value for name, value in given.items()})
    return read_settings()


def _spare_collector() -> None:
    """Let the garbage collector look at what messages leave, not at what is ready, and less often.

    A message makes thousands of objects and no circles: counting references frees nearly all of them. Left as it is,
    the collector takes a fifth of the time of a delivery.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, COLLECT_OLDER_AFTER, 10)


def _find_receivers(settings: Settings, home: Home, *, has_free_ports: bool) -> Receivers:
    from shared.registry import load_registry

    registry = load_registry(settings.interfaces, settings.stage)
    return receivers_of(registry, home.receivers, SystemClock(), has_free_ports=has_free_ports)


def _open_hub() -> Hub:
    from shared.app import hub, use

    use(None)
    return hub()


def _queue_of(hub: Hub) -> LocalQueue:
    queue: Any = hub.adapters.queue
    assert isinstance(queue, LocalQueue)  # the environment says "local"
    return queue
