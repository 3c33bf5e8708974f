"""What may leave a private stack's subnets: Azure's own services by their tags, destinations by their addresses.

Service tags and ports are Microsoft's ("Securing a virtual network in Azure Container Apps with network security
groups", "Virtual network service tags"); decision 0162 says which are needed, and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pulumi_azure_native import network

from infra.components.security_rule import ENDPOINT_PORTS, security_rule
from infra.config import Stack, is_service_tag

_HTTPS = ("443",)
_FIRST, _STEP, _LAST = 200, 10, 4000


@dataclass(frozen=True, slots=True)
class Opening:
    """One way out: its name, where it leads, and by which ports of TCP."""

    name: str
    to: tuple[str, ...]
    ports: tuple[str, ...] = _HTTPS


def openings(stack: Stack, subnet: str, endpoints: str) -> Iterator[Opening]:
    """Yield the ways out of a subnet.

    Args:
        endpoints: Addresses of the subnet with the private endpoints.
    """
    if subnet not in ("functions", "listener"):
        return
    yield Opening("to-endpoints", (endpoints,), ENDPOINT_PORTS)
    yield Opening("to-entra", ("AzureActiveDirectory",))
    yield Opening("to-telemetry", ("AzureMonitor",))
    if stack.relay.connectors:
        # The Relay has no tag of its own, and its listeners are sent on to hosts that are known when they are named.
        yield Opening("to-relay", (f"AzureCloud.{stack.location}",))
    yield from _destinations(stack) if subnet == "functions" else _containers(stack)


def rules_of(stack: Stack, subnet: str, addresses: str, endpoints: str) -> list[network.SecurityRuleArgs]:
    """Return the rules for what leaves a subnet: within it, by its openings, and nothing else."""
    ways = [
        security_rule("Outbound", opening.name, _FIRST + number * _STEP, "Tcp", addresses, opening.to, opening.ports)
        for number, opening in enumerate(openings(stack, subnet, endpoints))
    ]
    within = [security_rule("Outbound", "within", 100, "*", addresses, (addresses,), ("*",))] if ways else []
    return [
        *within,
        *ways,
        security_rule("Outbound", "nothing-else-leaves", _LAST, "*", "*", ("*",), ("*",), access="Deny"),
    ]


def _destinations(stack: Stack) -> Iterator[Opening]:
    for name, one in sorted(stack.outbound.items()):
        ports = tuple(map(str, one.ports))
        networks = tuple(address for address in one.addresses if not is_service_tag(address))
        if networks:
            yield Opening(f"to-{name}", networks, ports)
        # A rule has a list of networks, or one tag: Azure refuses a tag in a list.
        for tag in one.addresses:
            if is_service_tag(tag):
                yield Opening(f"to-{name}-{tag}", (tag,), ports)


def _containers(stack: Stack) -> Iterator[Opening]:
    """Yield what Container Apps need for themselves, and for the image of ours."""
    yield Opening("to-system-images", ("MicrosoftContainerRegistry",))
    yield Opening("to-system-images-front", ("AzureFrontDoor.FirstParty",))
    if stack.relay.registry is not None:
        yield Opening("to-registry", ("AzureContainerRegistry",))
        yield Opening("to-registry-layers", (f"Storage.{stack.location}",))
