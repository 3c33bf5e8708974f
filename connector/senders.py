"""Who may connect to a listener, and how many at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from ipaddress import ip_address, ip_network
from typing import Protocol, TypeVar


class Connected(Protocol):
    """A connection, as far as its place is concerned."""

    @property
    def last_heard(self) -> float: ...


C = TypeVar("C", bound=Connected)


def admit(own: Collection[C], connected: int, limit: int, limit_per_sender: int) -> tuple[str, C | None]:
    """Return why a sender is not let in (empty: it is), and the connection of its own that makes room for the new one.

    A sender that reconnects has lost its old connection, even where we do not know yet: the quietest of its own goes.

    Args:
        own: The connections that it has.
        connected: How many everybody has.
        limit: Connections of everybody together.
    """
    if len(own) >= limit_per_sender:
        return "", min(own, key=lambda one: one.last_heard)
    return ("too_many_connections", None) if connected >= limit else ("", None)


def is_allowed(sender: str, allow: Iterable[str]) -> bool:
    """Tell whether an address is in one of the networks; an IPv4 address written as IPv6 is the same one."""
    networks = [ip_network(one) for one in allow]
    if not networks:
        return True
    try:
        address = ip_address(sender.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks)
