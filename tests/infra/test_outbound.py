"""What may leave a private stack: to whom, by which port; and that a destination nobody named is said before `up`."""

from __future__ import annotations

import pytest
import yaml

from infra.components.outbound import openings
from infra.config import of_project, read_stack
from infra.hub import refuse_shut_in
from shared.message.errors.configuration import StackInvalid
from shared.registry import load_registry
from tests.infra.graph import REPOSITORY


def ways_out(graph, subnet):
    """Return what a subnet's rules let out, in order: the rule's name, where to, the protocol and its ports."""
    rules = graph.one("network:NetworkSecurityGroup", f"rules-{subnet}").inputs["securityRules"]
    leaving = sorted((rule for rule in rules if rule["direction"] == "Outbound"), key=lambda rule: rule["priority"])
    assert leaving[-1]["name"] == "nothing-else-leaves"
    return [
        (
            rule["name"],
            rule.get("destinationAddressPrefix") or ", ".join(rule["destinationAddressPrefixes"]),
            rule["protocol"],
            rule.get("destinationPortRange") or ", ".join(rule["destinationPortRanges"]),
        )
        for rule in leaving
        if rule["access"] == "Allow"
    ]


def test_the_hub_reaches_its_services_and_the_destinations_of_the_stacks_file(prod):
    """Storage, broker, topic, vault and FHIR have private endpoints, so their service tags are not open at all; the
    laboratory is behind a connector, so there is no way to it."""
    assert ways_out(prod, "functions") == [
        ("within", "10.42.0.0/24", "*", "*"),
        ("to-endpoints", "10.42.3.0/24", "Tcp", "443, 5671-5672"),
        ("to-entra", "AzureActiveDirectory", "Tcp", "443"),
        ("to-telemetry", "AzureMonitor", "Tcp", "443"),
        ("to-relay", "AzureCloud.westeurope", "Tcp", "443"),
        ("to-billing", "192.0.2.10/32", "Tcp", "443"),
        ("to-clinical_app", "198.51.100.0/28", "Tcp", "443"),
        ("to-telehealth", "203.0.113.7/32, 203.0.113.8/32", "Tcp", "443, 8443"),
    ]


def test_a_destination_in_a_peered_network_is_reached_by_its_own_port(graphs):
    """`VirtualNetwork` would open every peered network, and whatever a gateway joins to it."""
    assert ways_out(graphs["test"], "functions")[-2] == ("to-legacy_lab", "10.60.4.0/24", "Tcp", "2575")
    assert not [way for way in ways_out(graphs["test"], "functions") if way[0] == "to-relay"]  # it has no connector


def test_the_listener_reaches_what_container_apps_need_and_no_destination(prod):
    """The outbound table of Microsoft's page for a workload profile environment, with a registry and an identity."""
    assert ways_out(prod, "listener") == [
        ("within", "10.42.2.0/24", "*", "*"),
        ("to-endpoints", "10.42.3.0/24", "Tcp", "443, 5671-5672"),
        ("to-entra", "AzureActiveDirectory", "Tcp", "443"),
        ("to-telemetry", "AzureMonitor", "Tcp", "443"),
        ("to-relay", "AzureCloud.westeurope", "Tcp", "443"),
        ("to-system-images", "MicrosoftContainerRegistry", "Tcp", "443"),
        ("to-system-images-front", "AzureFrontDoor.FirstParty", "Tcp", "443"),
        ("to-registry", "AzureContainerRegistry", "Tcp", "443"),
        ("to-registry-layers", "Storage.westeurope", "Tcp", "443"),
    ]


def test_a_service_tag_has_a_rule_of_its_own(prod):
    """Azure takes a list of networks or one tag, and refuses a tag in a list."""
    given = of_project(yaml.safe_load((REPOSITORY / "Pulumi.prod.yaml").read_text("utf-8"))["config"])
    both = ["192.0.2.10/32", "AzureFrontDoor.Frontend", "192.0.2.11/32"]
    stack = read_stack("prod", {**given, "outbound": {"billing": {"addresses": both}}})
    ways = [(way.name, way.to) for way in openings(stack, "functions", "10.0.0.0/24") if "billing" in way.name]
    assert ways == [
        ("to-billing", ("192.0.2.10/32", "192.0.2.11/32")),
        ("to-billing-AzureFrontDoor.Frontend", ("AzureFrontDoor.Frontend",)),
    ]


def test_a_private_endpoint_begins_no_connection(prod):
    """Nothing in that subnet speaks first."""
    assert ways_out(prod, "endpoints") == []


def test_a_private_stack_that_forgets_a_destination_is_refused(prod):
    """Its messages would be parked from the first one on, and the hub would look well."""
    registry = load_registry(REPOSITORY / "interfaces", "prod")
    refuse_shut_in(prod.stack, registry)
    given = of_project(yaml.safe_load((REPOSITORY / "Pulumi.prod.yaml").read_text("utf-8"))["config"])
    forgetful = read_stack("prod", {**given, "outbound": {"billing": {"addresses": ["192.0.2.10/32"]}}})
    with pytest.raises(StackInvalid, match=r"caduceus:outbound: says nothing of clinical_app, legacy_lab, telehealth"):
        refuse_shut_in(forgetful, registry)


def test_a_stack_with_public_addresses_needs_no_such_list(dev):
    """It has no network to keep anything in."""
    refuse_shut_in(dev.stack, load_registry(REPOSITORY / "interfaces", "dev"))
    assert dev.of("network:NetworkSecurityGroup") == []
