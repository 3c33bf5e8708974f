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
    """

    has_cache: bool
    has_breaker: bool
    has_logs: bool
    has_network: bool


TIERS: dict[GatewayTier, Tier] = {
    "Consumption": Tier(has_cache=False, has_breaker=False, has_logs=False, has_network=False),
    "Developer": Tier(has_cache=True, has_breaker=True, has_logs=True, has_network=False),
    "StandardV2": Tier(has_cache=True, has_breaker=True, has_logs=True, has_network=True),
    "PremiumV2": Tier(has_cache=True, has_breaker=True, has_logs=True, has_network=True),
}
