"""One rule of a network security group, as Azure wants it written."""

from __future__ import annotations

from pulumi_azure_native import network

ENDPOINT_PORTS = ("443", "5671-5672")  # HTTPS, and AMQP over TLS


def security_rule(
    direction: str,
    name: str,
    priority: int,
    protocol: str,
    source: str,
    to: tuple[str, ...],
    ports: tuple[str, ...],
    access: str = "Allow",
) -> network.SecurityRuleArgs:
    """Return a rule for what comes into a subnet (``Inbound``) or leaves it (``Outbound``), from any port."""
    # Azure wants one destination in one property, and several in another.
    where = {"destination_address_prefix": to[0]} if len(to) == 1 else {"destination_address_prefixes": list(to)}
    through = {"destination_port_range": ports[0]} if len(ports) == 1 else {"destination_port_ranges": list(ports)}
    return network.SecurityRuleArgs(
        name=name, priority=priority, direction=direction, access=access, protocol=protocol,
        source_address_prefix=source, source_port_range="*", **where, **through,
    )  # fmt: skip
