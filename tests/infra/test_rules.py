"""The rules every stack must keep to, and proof that each of them bites."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from infra.policy import RULES
from infra.policy.rule import Resource, Resources
from tests.infra.graph import Declared, Graph
from tests.infra.model_check import check

Inputs = dict[str, Any]


def broken_rules(resources: Iterable[Declared], *, is_private: bool) -> set[str]:
    """Return the names of the rules that something breaks."""
    found = Resources((Resource(one.kind, one.name, one.inputs, one.id) for one in resources), is_private=is_private)
    return {rule.name for rule in RULES if list(rule.find(found))}


def changed(graph: Graph, kind: str, change: Callable[[Inputs], object]) -> list[Declared]:
    """Return the resources with one input of the first of a type changed; without it if ``change`` returns True.

    Args:
        kind: The type, or the type and a name.
    """
    kind, _, name = kind.partition(" ")
    first = next(one for one in graph.of(kind) if name in ("", one.name))
    inputs = copy.deepcopy(dict(first.inputs))
    is_gone = change(inputs) is True
    rest = [one for one in graph.resources if one is not first]
    return rest if is_gone else [*rest, replace(first, inputs=inputs)]


def test_no_stack_breaks_a_rule(graph):
    """What the adopter's security team is shown."""
    assert broken_rules(graph.resources, is_private=graph.stack.private) == set()


def test_every_rule_says_what_it_demands():
    """A name alone convinces nobody who is told that the preview failed."""
    assert [rule.name for rule in RULES if not rule.demand.endswith(".")] == []
    assert len({rule.name for rule in RULES}) == len(RULES)


def put(path: str, value: object) -> Callable[[Inputs], object]:
    """Return a change that sets what lies at a path."""

    def change(inputs: Inputs) -> None:
        *way, last = path.split(".")
        for key in way:
            inputs = inputs[int(key)] if key.isdigit() else inputs[key]  # type: ignore[call-overload]
        if last.isdigit():
            inputs[int(last)] = value  # type: ignore[index]
        else:
            inputs[last] = value

    return change


def rewrite(old: str, new: str) -> Callable[[Inputs], object]:
    """Return a change of a policy's text, which must be there."""

    def change(inputs: Inputs) -> None:
        assert old in inputs["value"]
        inputs["value"] = inputs["value"].replace(old, new)

    return change


def gone(_: Inputs) -> bool:
    """Take the resource out."""
    return True


CONTRIBUTOR = "/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"
RULES_OF = "network:NetworkSecurityGroup rules"
DEPLOYMENT = "functionAppConfig.deployment.storage"

BY_RULE = [
    ("closed", "storage:StorageAccount", put("publicNetworkAccess", "Enabled")),
    ("closed", "keyvault:Vault", put("properties.publicNetworkAccess", "Enabled")),
    ("firewalled", "storage:StorageAccount", put("networkRuleSet.defaultAction", "Allow")),
    ("reached-privately", "network:PrivateEndpoint", put("privateLinkServiceConnections.0.groupIds", ["queue"])),
    ("named-privately", "network:PrivateDnsZoneGroup", gone),
    ("named-privately", "privatedns:VirtualNetworkLink", gone),
    ("fenced", f"{RULES_OF}-functions", lambda it: it["securityRules"].pop() and None),
    ("fenced", f"{RULES_OF}-functions", lambda it: it.update(securityRules=[])),
    ("fenced", f"{RULES_OF}-listener", put("securityRules.1.destinationAddressPrefix", "Internet")),
    ("fenced", f"{RULES_OF}-listener", put("securityRules.1.destinationAddressPrefixes", ["10.1.0.0/16", "Storage"])),
    ("fenced", f"{RULES_OF}-listener", gone),
    ("subnets", "network:VirtualNetwork", put("subnets.0.name", "snet_functions")),
    ("no-public-blobs", "storage:StorageAccount", put("allowBlobPublicAccess", True)),
    ("https-only", "web:WebApp", put("httpsOnly", False)),
    ("no-secrets", "web:WebApp", put("siteConfig.appSettings.0.value", "DefaultEndpointsProtocol=https;AccountKey=x")),
    ("narrow-roles", "authorization:RoleAssignment", put("roleDefinitionId", CONTRIBUTOR)),
    ("narrow-roles", "authorization:RoleAssignment", put("scope", "/subscriptions/1/resourceGroups/rg-contoso-prod")),
    ("signed-in-callers", "web:WebAppAuthSettingsV2", gone),
    ("signed-in-callers", "web:WebAppAuthSettingsV2", put("globalValidation.excludedPaths", ["/health", "/hub"])),
    ("no-storage-keys", "storage:StorageAccount", put("allowSharedKeyAccess", True)),
    ("no-broker-keys", "servicebus:Namespace", put("disableLocalAuth", False)),
    ("no-topic-keys", "eventgrid:Topic", put("disableLocalAuth", False)),
    ("no-telemetry-keys", "applicationinsights:Component", put("disableLocalAuth", False)),
    ("relay-signs-in", "relay:HybridConnection", put("requiresClientAuthorization", False)),
    ("vault-by-role", "keyvault:Vault", put("properties.enableRbacAuthorization", False)),
    ("no-deployment-passwords", "web:WebAppScmAllowed", put("allow", True)),
    ("stage-queues", "servicebus:Queue", lambda it: it.update(queueName="deliver", requiresSession=False)),
    ("stage-queues", "servicebus:Queue", lambda it: it.update(queueName="deliver", defaultMessageTimeToLive="P14D")),
    ("dead-events", "eventgrid:EventSubscription", lambda it: it.pop("deadLetterWithResourceIdentity") and None),
    ("flex", "web:WebApp", put("siteConfig.netFrameworkVersion", "v4.6")),
    ("flex", "web:WebApp", put(f"{DEPLOYMENT}.authentication.type", "StorageAccountConnectionString")),
    ("logged", "monitor:DiagnosticSetting", gone),
    ("tls", "eventgrid:Topic", put("minimumTlsVersionAllowed", "1.0")),
    ("vault-remembers", "keyvault:Vault", put("properties.enableSoftDelete", False)),
    ("archive-remembers", "storage:BlobServiceProperties", put("isVersioningEnabled", False)),
    ("well-formed", "apimanagement:Policy", rewrite("&quot;", '"')),
    ("well-formed", "apimanagement:ApiPolicy", rewrite("<base />", "")),
    ("signed-in", "apimanagement:ApiPolicy", rewrite("validate-azure-ad-token", "validate-jwt")),
    ("silent", "apimanagement:Policy", rewrite("<outbound>", '<outbound><trace source="x" />')),
    ("silent", "apimanagement:Diagnostic", put("frontend.request.body.bytes", 512)),
    ("silent", "apimanagement:Diagnostic", put("backend.request.dataMasking.queryParams", [])),
    ("fits-tier", "apimanagement:ProductPolicy", rewrite("<quota ", "<quota-by-key ")),
    ("fits-tier", "apimanagement:ApiManagementService", put("sku.name", "Consumption")),
    ("fits-tier", "apimanagement:Diagnostic logs-azuremonitor", put("operationNameFormat", "Name")),
    ("asked", "apimanagement:ApiManagementService", put("hostnameConfigurations.0.negotiateClientCertificate", False)),
    ("asked", "apimanagement:ApiManagementService", put("hostnameConfigurations", [])),
    ("limited", "apimanagement:ProductPolicy", gone),
    ("subscribed", "apimanagement:Api", lambda it: it.update(apiId="hub", subscriptionRequired=False)),
    ("subscribed", "apimanagement:Api", put("protocols", ["http", "https"])),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "kind", "change"), BY_RULE, ids=[f"{rule}, {kind}" for rule, kind, _ in BY_RULE])
def test_a_planted_mistake_breaks_its_rule_and_no_other_is_needed(prod, rule, kind, change):
    """A rule that never fires is a comfort, not a rule."""
    assert rule in broken_rules(changed(prod, kind, change), is_private=True)


def test_every_rule_has_a_mistake_planted_for_it(dev):
    """Large messages are refused on Standard alone, so it is asked there."""
    resources = changed(dev, "servicebus:Queue", put("maxMessageSizeInKilobytes", 102400))
    assert broken_rules(resources, is_private=False) == {"large-messages"}
    assert {rule for rule, _, _ in BY_RULE} | {"large-messages"} == {rule.name for rule in RULES}


BY_TYPE = [
    ("storage:StorageAccount", put("sku.name", "Standard_XRS")),
    ("storage:StorageAccount", put("allowBlobPublicAcess", False)),
    ("storage:StorageAccount", put("networkRuleSet.byPass", "AzureServices")),
    ("servicebus:Namespace", put("sku.capacity", "one")),
    ("servicebus:Queue", put("maxDeliveryCuont", 3)),
    ("servicebus:Queue", put("requiresSession", "yes")),
    ("eventgrid:Topic", put("inputSchema", "CloudEventSchemaV9")),
    ("eventgrid:EventSubscription", put("deliveryWithResourceIdentity.identity.type", "Robot")),
    ("apimanagement:Backend", put("circuitBreaker.rules.0.failureCondition.countt", 3)),
    ("apimanagement:ApiManagementService", put("sku.name", "StandardV7")),
    ("web:WebApp", put("functionAppConfig.deployment.storage.type", "blobBucket")),
    ("web:WebApp", put("functionAppConfig.scaleAndConcurrency.maximumInstances", 100)),
    ("keyvault:Vault", put("properties.sku.name", "free")),
    ("keyvault:Key", put("properties.kty", "DES")),
    ("network:VirtualNetwork", put("subnets.0.delegation", [])),
    ("authorization:RoleAssignment", put("principalType", "Robot")),
    ("monitor:MetricAlert", put("criteria.allOf.0.timeAggregation", "Median")),
    ("consumption:Budget", put("timeGrain", "Weekly")),
    ("healthcareapis:FhirService", put("kind", "fhir-R6")),
    ("app:ContainerApp", put("configuration.activeRevisionsMode", "Twin")),
    ("relay:Namespace", put("sku.tier", "Premium")),
    ("privatedns:VirtualNetworkLink", put("registrationEnabled", "no")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change"), BY_TYPE, ids=lambda value: value if isinstance(value, str) else "")
def test_a_planted_slip_is_not_of_azures_types(prod, kind, change):
    """What Azure would refuse, or worse, pass over."""
    untouched = prod.of(kind)[0]
    assert check(untouched) == []
    assert any(check(one) for one in changed(prod, kind, change) if one.kind == kind)
