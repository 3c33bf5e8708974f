"""What a stack costs in a month in which nothing happens, line by line, with what drives each line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench.prices import price
from bench.scale import MONTH_DAYS, RECORDED, SIZES, bill
from bench.telemetry import broker_metrics_bytes_a_month
from infra.components.messaging import STAGE_QUEUES
from infra.components.private_access import ZONES
from infra.config import Stack, read_stack_file

REPOSITORY = Path(__file__).parents[1]
MONTH_SECONDS = 730 * 3600
_QUERY_RULES, _METRIC_RULES = 9, 5  # three interfaces that expect traffic, and the hub's own
OTHER_FUNCTIONS = 7  # that scale by themselves beside the stages: three dead-letter queues, four timers


class Line(NamedTuple):
    """One line of a bill."""

    what: str
    dollars: float
    driver: str


def fixed_costs(stack: Stack) -> list[Line]:
    """Return what is paid for being there."""
    return [*_gateway(stack), *_broker(stack), *_functions(stack), *_network(stack), *_relay(stack), *_watching(stack)]


def stack_of(name: str) -> Stack:
    """Return a stack of the repository."""
    return read_stack_file(REPOSITORY, name)


def _gateway(stack: Stack) -> Iterator[Line]:
    tier, units = stack.gateway.tier, stack.gateway.units
    base = price(f"gateway.{tier}_month")
    more = price(f"gateway.{tier}_unit_month") * (units - 1) if units > 1 else 0.0
    yield Line("gateway", base + more, f"`gateway.tier` {tier}, `gateway.units` {units}")


def _broker(stack: Stack) -> Iterator[Line]:
    if stack.service_bus.tier == "Standard":
        yield Line("broker", price("service_bus.standard_month"), "`serviceBus.tier` Standard")
        return
    places = 2 if stack.geo_location else 1
    units = stack.service_bus.messaging_units
    driver = f"`serviceBus.messagingUnits` {units}" + (", twice for `geoLocation`" if places == 2 else "")
    yield Line("broker", units * places * price("service_bus.premium_unit_month"), driver)


def _functions(stack: Stack) -> Iterator[Line]:
    scale, in_zones = stack.functions, stack.zone_redundant
    asked = [scale.always_ready_ingest, *[scale.always_ready_stages] * len(STAGE_QUEUES), *[0] * OTHER_FUNCTIONS]
    # In zones Azure keeps two of each ready and bills them, asked or not ("Reliability in Azure Functions").
    ready = sum(max(count, 2 if in_zones else 0) for count in asked)
    dollars = ready * scale.memory_mb / 1024 * MONTH_SECONDS * price("functions.ready_gb_second")
    why = ": two of each function, by `zoneRedundant`" if in_zones else ""
    yield Line("functions that are ready", dollars, f"{ready} instances of {scale.memory_mb} MB{why}")


def _network(stack: Stack) -> Iterator[Line]:
    if not stack.private:
        return
    endpoints = 9 if stack.fhir.managed else 8
    zones = sum(len(names) for names in ZONES.values()) - (0 if stack.fhir.managed else 2)
    dollars = endpoints * price("network.endpoint_month") + zones * price("network.zone_month")
    yield Line("private endpoints and names", dollars, f"{endpoints} endpoints, {zones} zones: `private`")
    yield Line("exit with a fixed address", price("network.exit_month"), "`private`")


def _relay(stack: Stack) -> Iterator[Line]:
    relay = stack.relay
    if relay.connectors:
        # A connector listens on its way down; with a listener, each replica listens twice on its way up.
        listeners = len(relay.connectors) * (1 + (2 * relay.listener_replicas if relay.listener_image else 0))
        yield Line("relay", listeners * price("relay.listener_month"), f"{listeners} listeners: `relay.connectors`")
    if relay.listener_image:
        count = len(relay.connectors) * relay.listener_replicas
        second = 0.25 * price("containers.vcpu_second") + 0.5 * price("containers.gib_second")
        yield Line(
            "listener", count * MONTH_SECONDS * second, f"{count} containers of 0.25 cores: `relay.listenerReplicas`"
        )


def _watching(stack: Stack) -> Iterator[Line]:
    metrics = broker_metrics_bytes_a_month(MONTH_SECONDS) / 1e9 * price("logs.gb")
    yield Line("telemetry", metrics, "the broker's metrics; what messages write is in scale.md")
    dollars = _QUERY_RULES * price("logs.query_rule_month") + _METRIC_RULES * price("logs.metric_rule_month")
    keys = price("vault.key_month") if stack.customer_managed_keys else 0.0
    yield Line("alerts" + (" and a key" if keys else ""), dollars + keys, "one query for each interface with `traffic`")


def table() -> str:
    """Return the costs of the three stacks as a table in Markdown."""
    bills = {name: {line.what: line for line in fixed_costs(stack_of(name))} for name in ("dev", "test", "prod")}
    order = list(dict.fromkeys(what.split(" and a key")[0] for bill in bills.values() for what in bill))
    rows = ["| a month, in US dollars | dev | test | prod | driven by (prod) |", "|---|---:|---:|---:|---|"]
    for what in order:
        lines = [next((line for key, line in bill.items() if key.startswith(what)), None) for bill in bills.values()]
        cells = " | ".join(f"{line.dollars:,.0f}" if line else "" for line in lines)
        driver = lines[2].driver if lines[2] else ""
        rows.append(f"| {what} | {cells} | {driver} |")
    totals = " | ".join(f"**{sum(line.dollars for line in bill.values()):,.0f}**" for bill in bills.values())
    rows.append(f"| **before the first message** | {totals} | |")
    return "\n".join(rows)


def region_table() -> str:
    """Return what a region pays, as hubs side by side, as a table in Markdown: stacks of both kinds, and their fees."""
    region = SIZES[-1]
    kinds = {name: stack_of(name) for name in ("test", "prod")}
    stacks = [region.hubs * sum(line.dollars for line in fixed_costs(stack)) for stack in kinds.values()]
    sizes = [replace(region, memory_mb=stack.functions.memory_mb) for stack in kinds.values()]
    fees = [bill(size, RECORDED).total for size in sizes]
    millions = region.messages_a_day * MONTH_DAYS / 1e6
    head = " | ".join(f"{region.hubs} as `{name}` is" for name in kinds)
    return "\n".join(
        [
            f"| a month, in US dollars | {head} |",
            "|---|---:|---:|",
            f"| {region.hubs} stacks | {stacks[0]:,.0f} | {stacks[1]:,.0f} |",
            f"| fees, with their memory | {fees[0]:,.0f} | {fees[1]:,.0f} |",
            "| **for a million messages** | "
            + " | ".join(f"**{(one + fee) / millions:,.2f}**" for one, fee in zip(stacks, fees, strict=True))
            + " |",
        ]
    )


if __name__ == "__main__":
    print(f"{table()}\n\n{region_table()}")
