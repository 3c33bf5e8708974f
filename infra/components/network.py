"""The network of a private stack: four subnets, their rules, and one fixed address for what leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi_azure_native import network

from infra.components.outbound import rules_of
from infra.components.security_rule import ENDPOINT_PORTS, security_rule
from infra.place import Place, child


@dataclass(frozen=True, slots=True)
class SubnetPlan:
    """One subnet: who may put interfaces into it, whether it has a way out, and whether only to named places.

    The gateway's is not fenced: it must reach what partners' authorities publish, wherever that is.
    """

    name: str
    delegated_to: str | None
    has_exit: bool
    is_fenced: bool = True


# No underscores: Flex Consumption refuses them. The order fixes the addresses; append, never reorder.
SUBNETS = (
    SubnetPlan("functions", "Microsoft.App/environments", has_exit=True),
    SubnetPlan("gateway", "Microsoft.Web/serverFarms", has_exit=True, is_fenced=False),
    SubnetPlan("listener", "Microsoft.App/environments", has_exit=True),
    SubnetPlan("endpoints", None, has_exit=False),
)


class Network(pulumi.ComponentResource):
    """The virtual network; ``subnets`` holds each subnet's id."""

    virtual_network: network.VirtualNetwork
    subnets: dict[str, pulumi.Output[str]]

    def __init__(self, place: Place) -> None:
        super().__init__("caduceus:Network", "network")
        self._place = place
        whole = IPv4Network(place.stack.network)
        parts = whole.subnets(new_prefix=max(24, whole.prefixlen + 2))
        addresses = {plan.name: str(next(parts)) for plan in SUBNETS}
        exit_, rules = self._exit(), self._rules(addresses)
        self.virtual_network = network.VirtualNetwork(
            "virtual-network",
            resource_group_name=place.group,
            virtual_network_name=place.names.of("vnet"),
            location=place.stack.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[str(whole)]),
            subnets=[_subnet(plan, addresses[plan.name], exit_, rules[plan.name]) for plan in SUBNETS],
            tags=place.tags,
            opts=child(self),
        )
        self.subnets = {
            plan.name: pulumi.Output.concat(self.virtual_network.id, "/subnets/", plan.name) for plan in SUBNETS
        }
        self.register_outputs({})

    def _exit(self) -> network.NatGateway:
        """Return what gives outgoing connections one fixed address, which partners can put on their lists."""
        place = self._place
        zones = {"zones": ["1"]} if place.stack.zone_redundant else {}
        address = network.PublicIPAddress(
            "exit-address",
            resource_group_name=place.group,
            public_ip_address_name=place.names.of("pip"),
            location=place.stack.location,
            sku=network.PublicIPAddressSkuArgs(name="Standard"),
            public_ip_allocation_method="Static",
            **zones,
            tags=place.tags,
            opts=child(self),
        )
        return network.NatGateway(
            "exit",
            resource_group_name=place.group,
            nat_gateway_name=place.names.of("ng"),
            location=place.stack.location,
            sku=network.NatGatewaySkuArgs(name="Standard"),
            public_ip_addresses=[network.SubResourceArgs(id=address.id)],
            idle_timeout_in_minutes=10,
            **zones,
            tags=place.tags,
            opts=child(self),
        )

    def _rules(self, addresses: Mapping[str, str]) -> dict[str, network.NetworkSecurityGroup]:
        return {
            plan.name: network.NetworkSecurityGroup(
                f"rules-{plan.name}",
                resource_group_name=self._place.group,
                network_security_group_name=f"{self._place.names.of('nsg')}-{plan.name}",
                location=self._place.stack.location,
                security_rules=self._rules_of(plan, addresses),
                tags=self._place.tags,
                opts=child(self),
            )
            for plan in SUBNETS
        }

    def _rules_of(self, plan: SubnetPlan, addresses: Mapping[str, str]) -> list[network.SecurityRuleArgs]:
        inbound = _endpoint_rules() if plan.name == "endpoints" else []
        if not plan.is_fenced:
            return inbound
        return inbound + rules_of(self._place.stack, plan.name, addresses[plan.name], addresses["endpoints"])


def _subnet(
    plan: SubnetPlan, prefix: str, exit_: network.NatGateway, rules: network.NetworkSecurityGroup
) -> network.SubnetArgs:
    delegation = network.DelegationArgs(name=plan.name, service_name=plan.delegated_to)
    return network.SubnetArgs(
        name=plan.name,
        address_prefix=prefix,
        delegations=[delegation] if plan.delegated_to else [],
        nat_gateway=network.SubResourceArgs(id=exit_.id) if plan.has_exit else None,
        network_security_group=network.NetworkSecurityGroupArgs(id=rules.id),
        default_outbound_access=False,
        private_endpoint_network_policies="Enabled",  # or the rules of the subnet would not hold for endpoints
    )


def _endpoint_rules() -> list[network.SecurityRuleArgs]:
    inside = "VirtualNetwork"
    return [
        security_rule("Inbound", "from-the-network", 100, "Tcp", inside, (inside,), ENDPOINT_PORTS),
        security_rule("Inbound", "nothing-else", 4000, "*", "*", ("*",), ("*",), access="Deny"),
    ]
