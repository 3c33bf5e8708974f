"""What each tier of API Management can do, as far as the hub asks (Microsoft Learn, "Feature-based comparison")."""

from __future__ import annotations

from dataclasses import dataclass

from infra.config import GatewayTier


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier.

    Attributes:
        has_cache: A cache of its own; Consumption would need a Redis beside it.
        has_breaker: Backends may have a circuit breaker.
        has_logs: It writes resource logs; Consumption has Application Insights only.
        has_network: It can reach into a virtual network and have a private endpoint.
        asks_by_host: Whether a host name asks for certificates; else the whole service does, of every caller.
        has_authorities: It can be told of authorities that are not public: the classic tiers alone.
    """

    has_cache: bool
    has_breaker: bool
    has_logs: bool
    has_network: bool
    asks_by_host: bool
    has_authorities: bool


_PAID = {"has_cache": True, "has_breaker": True, "has_logs": True, "asks_by_host": True}

TIERS: dict[GatewayTier, Tier] = {
    "Consumption": Tier(**dict.fromkeys(_PAID, False), has_network=False, has_authorities=False),
    "Developer": Tier(**_PAID, has_network=False, has_authorities=True),
    "StandardV2": Tier(**_PAID, has_network=True, has_authorities=False),
    "PremiumV2": Tier(**_PAID, has_network=True, has_authorities=False),
}
