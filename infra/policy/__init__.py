"""What every stack must keep to, as plain Python: for the tests and for `pulumi preview --policy-pack infra/policy`."""

from infra.policy import exposure, gateway, identity, services
from infra.policy.rule import Finding, Resource, Rule

RULES: tuple[Rule, ...] = (*exposure.RULES, *identity.RULES, *services.RULES, *gateway.RULES)

__all__ = ["RULES", "Finding", "Resource", "Rule"]
