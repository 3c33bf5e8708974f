"""Who can reach what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.components.network import SUBNETS
from infra.components.private_access import ZONES
from infra.config import is_service_tag
from infra.policy.rule import Finding, Resources, Rule, at, where

# Where each service says whether it has a public address. The Relay is meant to have one; the gateway is closed later.
_DOORS = {
    "storage:StorageAccount": "publicNetworkAccess",
    "servicebus:Namespace": "publicNetworkAccess",
    "eventgrid:Topic": "publicNetworkAccess",
    "keyvault:Vault": "properties.publicNetworkAccess",
    "web:WebApp": "publicNetworkAccess",
    "app:ManagedEnvironment": "publicNetworkAccess",
}
_NEED_ENDPOINT = {
    "storage:StorageAccount": "blob",
    "servicebus:Namespace": "namespace",
    "eventgrid:Topic": "topic",
    "keyvault:Vault": "vault",
    "web:WebApp": "sites",
    "apimanagement:ApiManagementService": "Gateway",
    "healthcareapis:Workspace": "healthcareworkspace",
}


def _closed(resources: Resources) -> Iterator[Finding]:
    for kind, path in _DOORS.items():
        for one in resources.of(kind):
            if resources.is_private and at(one.inputs, path) != "Disabled":
                yield one.name, f"{path} is not Disabled in a private stack"


def _reached_privately(resources: Resources) -> Iterator[Finding]:
    if not resources.is_private:
        return
    links = [
        link for one in resources.of("network:PrivateEndpoint") for link in one.inputs["privateLinkServiceConnections"]
    ]
    joined = {(link["privateLinkServiceId"], group) for link in links for group in link["groupIds"]}
    for kind, group in _NEED_ENDPOINT.items():
        for one in resources.of(kind):
            if (one.id, group) not in joined:
                yield one.name, f"no private endpoint for {group}"


def _named_privately(resources: Resources) -> Iterator[Finding]:
    """Without its zone and a group of names, a private endpoint is there and nobody finds it."""
    zones = {one.inputs["privateZoneName"] for one in resources.of("privatedns:PrivateZone")}
    linked = {one.inputs["privateZoneName"] for one in resources.of("privatedns:VirtualNetworkLink")}
    named = {one.inputs["privateEndpointName"] for one in resources.of("network:PrivateDnsZoneGroup")}
    for one in resources.of("network:PrivateEndpoint"):
        groups = [group for link in one.inputs["privateLinkServiceConnections"] for group in link["groupIds"]]
        wanted = {zone for group in groups for zone in ZONES.get(group, (f"unknown group {group}",))}
        for zone in sorted(wanted - (zones & linked)):
            yield one.name, f"the zone {zone} is missing or not linked to the network"
        if one.inputs["privateEndpointName"] not in named:
            yield one.name, "no privateDnsZoneGroup: its name leads to the public address"


def _subnets(resources: Resources) -> Iterator[Finding]:
    for one in resources.of("network:VirtualNetwork"):
        for subnet in one.inputs["subnets"]:
            if "_" in subnet["name"]:
                yield one.name, f"subnet {subnet['name']}: Flex Consumption refuses underscores"
            if not at(subnet, "networkSecurityGroup.id"):
                yield one.name, f"subnet {subnet['name']} has no rules"


_EVERYWHERE = {"*", "Internet", "VirtualNetwork", "AzureCloud", "0.0.0.0/0"}


def _fenced(resources: Resources) -> Iterator[Finding]:
    """A group of rules is its subnet's by its name: Pulumi does not tell a policy pack the ids."""
    if not resources.is_private:
        return
    groups = list(resources.of("network:NetworkSecurityGroup"))
    for subnet in [plan.name for plan in SUBNETS if plan.is_fenced]:
        own = [one for one in groups if one.inputs["networkSecurityGroupName"].endswith(f"-{subnet}")]
        if not own:
            yield subnet, "no rules for what leaves the subnet"
        for one in own:
            yield from ((one.name, what) for what in _gaps(one.inputs.get("securityRules") or []))


def _gaps(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    outbound = sorted((rule for rule in rules if rule["direction"] == "Outbound"), key=lambda rule: rule["priority"])
    for rule in outbound:
        to = {rule.get("destinationAddressPrefix"), *rule.get("destinationAddressPrefixes", ())}
        if rule["access"] == "Allow" and to & _EVERYWHERE:
            yield f"{rule['name']} lets everything leave"
        if any(map(is_service_tag, rule.get("destinationAddressPrefixes", ()))):
            yield f"{rule['name']} has a service tag in a list: Azure refuses it"
    last = outbound[-1] if outbound else {}
    everything = ("access", "protocol", "sourceAddressPrefix", "destinationAddressPrefix", "destinationPortRange")
    if [last.get(key) for key in everything] != ["Deny", "*", "*", "*", "*"]:
        yield "what no rule names may leave"


def _firewalled(resources: Resources) -> Iterator[Finding]:
    for kind, path in (("storage:StorageAccount", "networkRuleSet"), ("keyvault:Vault", "properties.networkAcls")):
        for one in resources.of(kind):
            if resources.is_private and at(one.inputs, f"{path}.defaultAction") != "Deny":
                yield one.name, f"{path}.defaultAction is not Deny in a private stack"


RULES = (
    Rule("closed", "In a private stack no service has a public address.", _closed),
    Rule("firewalled", "In a private stack storage and vault refuse whom they do not know.", _firewalled),
    Rule(
        "reached-privately",
        "In a private stack every service has a private endpoint.",
        _reached_privately,
        joins_ids=True,
    ),
    Rule("named-privately", "A private endpoint has its zone and its entry in it.", _named_privately),
    Rule("fenced", "In a private stack nothing leaves but to named places; the gateway's subnet is open.", _fenced),
    Rule("subnets", "Subnets have rules, and names that every service takes.", _subnets),
    Rule(
        "no-public-blobs",
        "No container can be made public.",
        where("storage:StorageAccount", lambda it: it.get("allowBlobPublicAccess") is False, "allowBlobPublicAccess"),
    ),
    Rule(
        "https-only",
        "The Function App answers HTTPS only.",
        where("web:WebApp", lambda it: it.get("httpsOnly") is True, "httpsOnly is not set"),
    ),
)
