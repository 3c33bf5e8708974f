"""What one message asks of Azure: Service Bus operations, executions, table transactions, blob writes: the bill.

The real adapters run over services in memory (tests/doubles/in_process). What they remember for a fraction of a second
is remembered by processor time, so the counts are much the same on any machine, however busy it is.
`python -m bench.azure_operations` writes them to `operations.toml`, of which `bench/scale.py` and docs/scale.md are
made; tests/infra/test_operations.py counts again.

A connector lingers for two seconds: at 50 messages a second a request holds 100. A hub has one partition for each 50
messages a second, and so a request is an envelope's worth for each.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from bench.measure import Row
from bench.messages import admission
from bench.scale import OPERATIONS
from shared.adapters.azure import barriers, destination_status, fleet, gatherer, holds, identities
from shared.adapters.azure.open import AzureAdapters
from shared.adapters.azure.session_receivers import SessionLock
from shared.adapters.local.clock import SystemClock
from shared.adapters.local.database import Database
from shared.adapters.local.fhir_store import LocalFhirStore
from shared.adapters.local.fhir_table import SCHEMA
from shared.app import Hub
from shared.message.identifiers import SessionId
from shared.message.work import Offer
from shared.settings import read_settings
from tests.doubles.in_process.open import Clients, Services, open_in_process
from tests.doubles.in_process.service_bus import unrenewed
from tests.doubles.service_bus.entities import EntityRules

IN_A_REQUEST = 100
WARM_UP, REQUESTS = 3, 3
PATIENTS = 300  # all of them known after the warm-up; every message is a new visit
PARTITIONS = 1
GOALS = {"Service Bus operations": 0.15, "executions": 0.05, "table transactions": 0.5, "blob writes": 0.05}
_SETTINGS = {
    "CADUCEUS_ADAPTERS": "azure",
    "CADUCEUS_STAGE": "laptop",
    "CADUCEUS_PARTITIONS": str(PARTITIONS),
    "CADUCEUS_STORAGE_EMULATOR": "UseDevelopmentStorage=true",
    "SERVICE_BUS": "UseDevelopmentEmulator=true",
    "CADUCEUS_FHIR": "http://127.0.0.1:1",
}
_INTERFACE = """
title = "Measured feed"
owner = "bench"
contact = "bench"
assigner = "BENCH"
accepts = ["T"]
[[match]]
sending_application = "BENCH"
[[routes]]
to = "store"
shape = "fhir"
[[routes]]
to = "second"
shape = "hl7"
"""
_DESTINATIONS = {"store": 'title = "Store"\nkind = "fhir_store"\n', "second": 'title = "Second"\nkind = "null"\n'}
_BATCH = 64  # host.json: maxMessageBatchSize


def run() -> list[Row]:
    """Return one row for each kind of operation."""
    each = count()
    return [
        Row(f"{name} for each message", f"{each[name]:.3f}", "", None, f"at most {goal}", met=each[name] <= goal)
        for name, goal in GOALS.items()
    ]


def count() -> dict[str, float]:
    """Return how many operations of each kind a message asks for, and how many rows of tables it writes."""
    with tempfile.TemporaryDirectory(prefix="caduceus-bench-") as folder, unrenewed(), _by_work():
        return asyncio.run(_measure(Path(folder)))


@contextmanager
def _by_work() -> Iterator[None]:
    """Have the adapters tell what is fresh by the work done since: what stalls them must not make them look again."""
    work = SimpleNamespace(monotonic=time.process_time)
    with ExitStack() as changed:
        for module in (barriers, destination_status, fleet, gatherer, holds, identities):
            changed.enter_context(patch.object(module, "time", work))
        yield


async def _measure(folder: Path) -> dict[str, float]:
    clock = SystemClock()
    services = Services(clock, EntityRules(requires_session=True))
    store = Database(folder / "fhir.db", [SCHEMA])
    interfaces = _write_interfaces(folder / "interfaces")
    settings = read_settings({**_SETTINGS, "CADUCEUS_HOME": str(folder), "CADUCEUS_INTERFACES": str(interfaces)})
    adapters = open_in_process(settings, clock, Clients(services))
    adapters.__dict__["fhir_store"] = LocalFhirStore(store, clock)  # what a FHIR server is asked is not in the bill
    hub = Hub(settings, adapters)
    host, lines = _Host(hub, adapters), _Lines()
    before: Counter[str] = Counter()
    for request in range(WARM_UP + REQUESTS):
        if request == WARM_UP:
            before = _counted(adapters, services, host) + lines.count
        await host.ingest(request)
        await host.drain()
    after = _counted(adapters, services, host) + lines.count
    lines.stop()
    counts = await adapters.ledger.counts()
    await hub.close()
    await store.close()
    if counts != {"routed": IN_A_REQUEST * (WARM_UP + REQUESTS)}:
        raise RuntimeError(f"not every message went its way: {counts}")
    return _each(after - before)


def _each(counted: Counter[str]) -> dict[str, float]:
    measured = {
        # Sent and received are billed for each 64 kB, a completion is one more. The Functions host receives a message
        # once; the SDK's receiver here is handed some it does not want yet.
        "Service Bus operations": 2 * counted["bus_sent"] + counted["completed"],
        "executions": counted["executions"],
        "table transactions": counted["table_reads"] + counted["table_writes"],
        "blob writes": counted["blob_writes"],
        "table rows": counted["table_rows"],
        "log lines": counted["log_lines"],
        "log bytes": counted["log_bytes"],
    }
    return {name: number / (IN_A_REQUEST * REQUESTS) for name, number in measured.items()}


class _Lines(logging.Handler):
    """Counts what Azure's worker would send to the workspace: every line from INFO on, of whatever logger.

    The line that an interface speaks is left out: it comes once a minute, and the model has it by time.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.count: Counter[str] = Counter()
        self._root = logging.getLogger()
        self._level = self._root.level
        self._root.addHandler(self)
        self._root.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if '"interface_heard"' not in text:
            self.count += Counter(log_lines=1, log_bytes=len(text))

    def stop(self) -> None:
        """Leave the loggers as they were."""
        self._root.removeHandler(self)
        self._root.setLevel(self._level)


class _Host:
    """Runs every stage with what its queue holds, as the Functions host does; it keeps the sessions it has accepted."""

    def __init__(self, hub: Hub, adapters: AzureAdapters) -> None:
        self._hub, self._queue = hub, adapters.queue
        self._locks: dict[str, list[SessionLock]] = {"transform": [], "route": [], "deliver": []}
        self.executions = 0

    async def ingest(self, request: int) -> None:
        """Take one request of a connector."""
        numbers = range(request * IN_A_REQUEST, (request + 1) * IN_A_REQUEST)
        self.executions += 1
        stream = f"bench/feed; epoch=1; n={numbers.start + 1}; count={IN_A_REQUEST}"
        body = b"".join(admission(number, PATIENTS) for number in numbers)
        reply = await self._hub.ingest.take_stream(stream, body, "bench")
        if reply.body.count(b"MSA|AA|") != IN_A_REQUEST:
            raise RuntimeError("a message was not accepted")
        await asyncio.sleep(0.1)  # the marks of ingest share a write

    async def drain(self) -> None:
        """Run the stages in order, each with one batch of each session."""
        for name, locks in self._locks.items():
            if not locks:
                while (lock := await self._queue.accept_session(name)) is not None:
                    locks.append(lock)
            await asyncio.gather(*(self._run(name, lock) for lock in locks))  # host.json: 128 sessions at a time

    async def _run(self, name: str, lock: SessionLock) -> None:
        received = await self._queue.receive(lock, _BATCH)
        if not received:
            return
        offers = [Offer(one.body, one.session, one.deliveries) for one in received]
        self.executions += 1
        match name:
            case "transform":
                await self._hub.transform.run(offers)
            case "route":
                await self._hub.route.run(offers)
            case _:
                await self._hub.deliver.run(SessionId(lock.session), offers)
        await self._queue.complete(lock, received)


def _counted(adapters: AzureAdapters, services: Services, host: _Host) -> Counter[str]:
    completed = sum(entity.operations["completed"] for entity in services.broker.entities())
    return Counter({**asdict(adapters.operations), "completed": completed, "executions": host.executions})


def write() -> None:
    """Write what is counted to the file that the model and the page are made of."""
    lines = [f'"{name}" = {number:.3f}' for name, number in count().items()]
    OPERATIONS.write_text(
        "\n".join(["# Of one message; written by `python -m bench.azure_operations`.", *lines, ""]), "utf-8"
    )


def _write_interfaces(folder: Path) -> Path:
    (folder / "bench" / "samples").mkdir(parents=True)
    (folder / "bench" / "samples" / "01-admission.hl7").write_bytes(admission(0))
    (folder / "destinations").mkdir()
    (folder / "bench" / "interface.toml").write_text(_INTERFACE, encoding="utf-8")
    for name, text in _DESTINATIONS.items():
        (folder / "destinations" / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


if __name__ == "__main__":
    write()
