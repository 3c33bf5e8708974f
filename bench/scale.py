"""What a hub in Azure costs and bears at three sizes: a model, fed by counted operations. ``python -m bench.scale``.

It is arithmetic, not a measurement: every number it starts from is below, with where it comes from. The counts of
operations are made by `bench/azure_operations.py`, which writes them to `operations.toml`; the processor time is the
README's. The FHIR server is not in it: whoever sells it charges by its own measure, and at size it is the largest line
of all.
"""

from __future__ import annotations

import importlib
import math
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from bench.measure import Row
from bench.prices import price
from bench.telemetry import CALL, heard_bytes_a_second, line_bytes, weight

DAY_SECONDS, MONTH_DAYS = 86_400, 30.4
MONTH_SECONDS = DAY_SECONDS * MONTH_DAYS
STAGES = 3  # queues a message passes; ingest is called
LINGER_SECONDS = 2.0  # a connector fills an envelope for so long (rule R2)
ENVELOPE_LIMIT = 130  # messages of 1 kB in 192 kB, with their heads; deflated they are below 64 kB
COUNTED_ENVELOPE = 100  # messages in an envelope where the operations are counted
BUSY = 3.0  # the busy hour has three times the mean
CORES_PER_GB = 0.5  # Flex Consumption: one core for 2,048 MB
BUSY_SHARE = 0.5  # an instance is used by half, so that it bears a burst
SHORTEST_SECONDS = 1.0  # an execution is billed for a second at least (Microsoft Learn, Flex Consumption billing)
MESSAGE_KB = 1.0
TIMER_CALLS = 1 / 30 + 1 / 30 + 1 / 300  # a second: retry, replay (infra/components/app_settings.py), watch_connectors

# Limits that are published (Microsoft Learn: Service Bus quotas and throttling, scalability targets of Table Storage).
STANDARD_OPERATIONS = 1_000  # credits a second and namespace
PREMIUM_KB_PER_UNIT = 4_000  # a second, in and out
TABLE_ENTITIES_PER_ACCOUNT = 20_000  # a second
TABLE_ENTITIES_PER_PARTITION = 2_000  # a second
LEDGER_ROWS = 12.3  # of a message, all in one partition (decision 0090); counted
PARTITION_MESSAGES = 250  # a second: one envelope of 25 in 100 ms, one session at a time


@dataclass(frozen=True, slots=True)
class Counted:
    """What one message asks for, where an envelope holds `COUNTED_ENVELOPE`.

    Attributes:
        source: Where the counts are from.
        cpu_seconds: From ingest to the last delivery.
    """

    source: str
    bus_operations: float
    executions: float
    table_transactions: float
    blob_writes: float
    table_rows: float = 24.5  # of the goal, which names none
    log_lines: float = 0.0
    log_bytes: float = 0.0
    cpu_seconds: float = 0.00387  # README, durable end to end


OPERATIONS = Path(__file__).with_name("operations.toml")  # written by `python -m bench.azure_operations`


def counts_of(source: str, each: Mapping[str, float]) -> Counted:
    """Return what was counted, by name."""
    return Counted(
        source,
        each["Service Bus operations"],
        each["executions"],
        each["table transactions"],
        each["blob writes"],
        each["table rows"],
        each["log lines"],
        each["log bytes"],
    )


RECORDED = counts_of("recorded in operations.toml", tomllib.loads(OPERATIONS.read_text("utf-8")))
GOAL = Counted("the goal", 0.15, 0.05, 0.5, 0.05)


@dataclass(frozen=True, slots=True)
class Size:
    """Who it is for, how much comes in a day, and how the stack is set for it.

    Attributes:
        hubs: So many stacks of this kind, with as much for each.
        interfaces: Of a hub; each says once a minute that it speaks.
    """

    name: str
    messages_a_day: int
    partitions: int
    memory_mb: int
    tier: str
    hubs: int = 1
    interfaces: int = 20

    @property
    def mean(self) -> float:
        """Messages a second and hub."""
        return self.messages_a_day / DAY_SECONDS / self.hubs

    @property
    def busy(self) -> float:
        """Messages a second and hub in the busy hour."""
        return self.mean * BUSY


SIZES = (
    Size("clinic", 10_000, 1, 512, "Standard", interfaces=4),
    Size("hospital network", 1_000_000, 1, 512, "Premium", interfaces=40),
    Size("region", 100_000_000, 1, 512, "Premium", hubs=30, interfaces=40),
)


class Bill(NamedTuple):
    """Dollars a month, by what causes them; fees of use only, not what a stack costs by being there."""

    gateway: float
    bus: float
    tables: float
    blobs: float
    executions: float
    compute: float
    telemetry: float

    @property
    def total(self) -> float:
        return sum(self)


class Load(NamedTuple):
    """How hard each tier works in the busy hour, as a share of what it bears; above 1 it does not."""

    instances: float
    broker: float
    sessions: float
    tables: float
    ledger: float
    messaging_units: int


def counted() -> Counted:
    """Return the operations counted in this checkout."""
    return counts_of("counted in this run", importlib.import_module("bench.azure_operations").count())


def envelope(size: Size) -> float:
    """Return how many messages share an envelope: what comes for one partition while the connector lingers."""
    return min(ENVELOPE_LIMIT, max(1.0, size.mean * LINGER_SECONDS / size.partitions))


def request(size: Size) -> float:
    """Return how many messages share a request: what comes while the connector lingers."""
    return min(ENVELOPE_LIMIT, max(1.0, size.mean * LINGER_SECONDS))


def bill(size: Size, each: Counted) -> Bill:
    """Return what a month's messages cost.

    Every operation is taken to be one of an envelope: twice as many messages in it halve the operations of each. That
    is dear for small envelopes, where some operations are one of a message.
    """
    messages = size.messages_a_day * MONTH_DAYS
    scale = COUNTED_ENVELOPE / envelope(size)
    bus = messages * each.bus_operations * scale if size.tier == "Standard" else 0.0  # Premium is paid by the unit
    gigabytes = size.hubs * instances(size, each) * size.memory_mb / 1024
    executions = messages * each.executions * scale + size.hubs * MONTH_SECONDS * TIMER_CALLS
    calls = messages / request(size)
    return Bill(
        # Consumption is paid by calls; the tiers of a private stack have 50 million a month in their price.
        gateway=calls / 1e6 * price("gateway.Consumption_million_calls") if size.tier == "Standard" else 0.0,
        bus=bus / 1e6 * price("service_bus.million_operations"),
        tables=messages * each.table_transactions * scale / 1e4 * price("storage.ten_thousand_table_transactions"),
        blobs=messages * each.blob_writes * scale / 1e4 * price("storage.ten_thousand_blob_writes"),
        executions=executions / 1e6 * price("functions.million_executions"),
        compute=MONTH_SECONDS * gigabytes * price("functions.gb_second"),
        telemetry=telemetry_bytes(size, each) / 1e9 * price("logs.gb"),
    )


def telemetry_bytes(size: Size, each: Counted) -> float:
    """Return what a month's telemetry weighs: lines of messages, of interfaces, and the gateway's row of each call."""
    messages = size.messages_a_day * MONTH_DAYS
    lines = messages * line_bytes(each.log_bytes, each.log_lines)
    heard = size.hubs * MONTH_SECONDS * heard_bytes_a_second(size.interfaces)
    return lines + heard + messages / request(size) * weight(CALL)


def instances(size: Size, each: Counted) -> float:
    """Return how many instances of a hub execute on average.

    Each function has its own. A connector calls as often as it lingers, or for each message where fewer come, and a
    call is billed for a second at least; with several connectors more of them are up at a time, each all the time at
    most. While much comes, processor time decides.
    """
    cores = size.memory_mb / 1024 * CORES_PER_GB
    by_work = size.mean * each.cpu_seconds / (cores * BUSY_SHARE)
    calls_a_second = min(size.mean, 1 / LINGER_SECONDS)
    by_calls = (STAGES + 1) * min(1.0, calls_a_second * SHORTEST_SECONDS) + SHORTEST_SECONDS * TIMER_CALLS
    return max(by_work, by_calls)


def load(size: Size, each: Counted, maximum_instances: int = 100) -> Load:
    """Return how hard each tier of a hub works in the busy hour."""
    cores = size.memory_mb / 1024 * CORES_PER_GB
    kilobytes = size.busy * MESSAGE_KB * STAGES * 2
    units = max(1, math.ceil(kilobytes / PREMIUM_KB_PER_UNIT))
    busy_envelope = min(ENVELOPE_LIMIT, max(1.0, size.busy * LINGER_SECONDS / size.partitions))
    operations = size.busy * each.bus_operations * COUNTED_ENVELOPE / busy_envelope
    return Load(
        instances=size.busy * each.cpu_seconds / (cores * BUSY_SHARE) / maximum_instances,
        broker=operations / STANDARD_OPERATIONS
        if size.tier == "Standard"
        else kilobytes / (units * PREMIUM_KB_PER_UNIT),
        sessions=size.busy / (size.partitions * PARTITION_MESSAGES),
        tables=size.busy * each.table_rows / TABLE_ENTITIES_PER_ACCOUNT,
        ledger=size.busy * LEDGER_ROWS / TABLE_ENTITIES_PER_PARTITION,
        messaging_units=units if size.tier == "Premium" else 0,
    )


def container_compute(size: Size, each: Counted) -> float:
    """Return what the same processor time costs in a container that is always there: at least a quarter of a core."""
    cores = size.hubs * max(0.25, size.busy * each.cpu_seconds / BUSY_SHARE)
    second = price("containers.vcpu_second") + 2 * price("containers.gib_second")
    return cores * second * MONTH_SECONDS


def per_million(size: Size, each: Counted) -> float:
    """Return the fees for a million messages."""
    return bill(size, each).total / (size.messages_a_day * MONTH_DAYS) * 1e6


def at_fifty(each: Counted) -> float:
    """Return the fees for a million messages at 50 a second in one partition: what the budget is about."""
    return per_million(Size("50 a second", 50 * DAY_SECONDS, 1, 512, "Standard"), each)


def cost_table(each: Counted) -> str:
    """Return a month of each size as a table in Markdown."""
    head = (
        "| a month, in US dollars | " + " | ".join(f"{one.name}, {one.messages_a_day:,} a day" for one in SIZES) + " |"
    )
    rows = [head, "|---|" + "---:|" * len(SIZES)]
    bills = [bill(one, each) for one in SIZES]
    names = (
        "gateway calls",
        "Service Bus operations",
        "table transactions",
        "blob writes",
        "executions",
        "compute",
        "telemetry",
    )
    for name, values in zip(names, zip(*bills, strict=True), strict=True):
        rows.append(f"| {name} | " + " | ".join(f"{value:,.2f}" for value in values) + " |")
    rows.append("| **fees** | " + " | ".join(f"**{one.total:,.2f}**" for one in bills) + " |")
    rows.append("| for a million messages | " + " | ".join(f"{per_million(one, each):,.2f}" for one in SIZES) + " |")
    containers = " | ".join(f"{container_compute(one, each):,.2f}" for one in SIZES)
    rows.append(f"| the same compute in containers | {containers} |")
    return "\n".join(rows)


def load_table(each: Counted) -> str:
    """Return how hard each tier works in the busy hour, as a table in Markdown."""
    rows = ["| in the busy hour | " + " | ".join(one.name for one in SIZES) + " |", "|---|" + "---:|" * len(SIZES)]
    loads = [load(one, each) for one in SIZES]
    rows.append("| hubs | " + " | ".join(str(one.hubs) for one in SIZES) + " |")
    rows.append("| messages a second and hub | " + " | ".join(f"{one.busy:,.1f}" for one in SIZES) + " |")
    rows.append(
        "| messages in an envelope, on average | " + " | ".join(f"{envelope(one):,.1f}" for one in SIZES) + " |"
    )
    for name, values in (
        ("100 instances", [one.instances for one in loads]),
        ("the broker", [one.broker for one in loads]),
        ("sessions (partitions)", [one.sessions for one in loads]),
        ("one account's tables", [one.tables for one in loads]),
        ("the ledger's partition", [one.ledger for one in loads]),
    ):
        rows.append(f"| {name}, used by | " + " | ".join(f"{value:.1%}" for value in values) + " |")
    rows.append("| messaging units | " + " | ".join(str(one.messaging_units or "Standard") for one in loads) + " |")
    return "\n".join(rows)


def run() -> list[Row]:
    """Return the budget's row: a million messages at 50 a second."""
    each = counted()
    dollars, goal = at_fifty(each), at_fifty(replace(GOAL, cpu_seconds=each.cpu_seconds))
    return [
        Row(
            "a million messages in Azure at 50/s (model)",
            f"${dollars:.2f}, operations {each.source}",
            f"${goal:.2f} with the operations of the goal",
            None,
            "at most $1",
            met=dollars <= 1,
        )
    ]


if __name__ == "__main__":
    found = counted()
    print(f"operations: {found.source}\n\n{cost_table(found)}\n\n{load_table(found)}\n")
    print(f"at 50 a second: ${at_fifty(found):.2f} for a million messages")
    sys.exit(0)
