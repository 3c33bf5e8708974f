"""The rules as a policy pack of Pulumi: ``pulumi preview --policy-pack infra/policy``."""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    StackValidationArgs,
    StackValidationPolicy,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from infra.policy import RULES
from infra.policy.rule import Resource, Resources, Rule


def resources_of(args: StackValidationArgs) -> Resources:
    """Return the resources of a stack as the rules take them; a stack with a virtual network is private."""
    found = [
        Resource(one.resource_type.removeprefix("azure-native:"), one.name, one.props)
        for one in args.resources
        if one.resource_type.startswith("azure-native:")
    ]
    return Resources(found, is_private=any(one.kind == "network:VirtualNetwork" for one in found))


def policy_of(rule: Rule) -> StackValidationPolicy:
    """Return a rule as Pulumi asks for it."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for name, what in rule.find(resources_of(args)):
            report(f"{name}: {what}", None)

    return StackValidationPolicy(
        name=rule.name, description=rule.demand, enforcement_level=EnforcementLevel.MANDATORY, validate=validate
    )


if __name__ == "__main__":
    PolicyPack("caduceus", [policy_of(rule) for rule in RULES if not rule.joins_ids])
