"""Who may do what in production: the whole table, so that a new row is seen by whoever reviews it."""

from __future__ import annotations

from infra.components.role_grants import ROLES
from tests.infra.graph import Graph

_GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-contoso-prod/providers/"
_CONNECTOR = "00000000-0000-0000-0000-000000000000"  # from the stack's file

# Principal, role, scope: a hub reads and writes its own data, and is allowed nothing on any resource itself.
PRODUCTION = {
    ("hub", "Storage Blob Data Owner", "Microsoft.Storage/storageAccounts/sthcontosoprod"),
    ("hub", "Storage Blob Data Contributor",
     "Microsoft.Storage/storageAccounts/stdcontosoprod/blobServices/default/containers/archive"),
    ("hub", "Storage Table Data Contributor", "Microsoft.Storage/storageAccounts/stdcontosoprod"),
    ("hub", "Azure Service Bus Data Sender", "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/transform"),
    ("hub", "Azure Service Bus Data Receiver", "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/transform"),
    ("hub", "Azure Service Bus Data Sender", "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/route"),
    ("hub", "Azure Service Bus Data Receiver", "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/route"),
    ("hub", "Azure Service Bus Data Sender", "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/deliver"),
    ("hub", "Azure Service Bus Data Receiver", "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/deliver"),
    ("hub", "EventGrid Data Sender", "Microsoft.EventGrid/topics/evgt-contoso-prod"),
    ("hub", "Key Vault Secrets User", "Microsoft.KeyVault/vaults/kv-contoso-prod"),
    ("hub", "Monitoring Metrics Publisher", "Microsoft.Insights/components/appi-contoso-prod"),
    ("hub", "FHIR Data Contributor", "Microsoft.HealthcareApis/workspaces/hdscontosoprod/fhirservices/fhir"),
    ("hub", "Azure Relay Sender", "Microsoft.Relay/namespaces/relay-contoso-prod/hybridConnections/northgate-down"),
    ("gateway", "Key Vault Secrets User", "Microsoft.KeyVault/vaults/kv-contoso-prod/secrets/hub-access"),
    ("gateway", "Monitoring Metrics Publisher", "Microsoft.Insights/components/appi-contoso-prod"),
    ("topic", "Storage Blob Data Contributor",
     "Microsoft.Storage/storageAccounts/stdcontosoprod/blobServices/default/containers/dead-events"),
    ("topic", "Azure Service Bus Data Sender",
     "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/events-patient_app"),
    ("encryption", "Key Vault Crypto Service Encryption User", "Microsoft.KeyVault/vaults/kv-contoso-prod"),
    ("listener", "AcrPull", "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-images/providers/"
     "Microsoft.ContainerRegistry/registries/contoso"),
    ("listener", "Azure Relay Listener",
     "Microsoft.Relay/namespaces/relay-contoso-prod/hybridConnections/northgate-up"),
    (_CONNECTOR, "Azure Relay Sender", "Microsoft.Relay/namespaces/relay-contoso-prod/hybridConnections/northgate-up"),
    (_CONNECTOR, "Azure Relay Listener",
     "Microsoft.Relay/namespaces/relay-contoso-prod/hybridConnections/northgate-down"),
    (_CONNECTOR, "Azure Service Bus Data Receiver",
     "Microsoft.ServiceBus/namespaces/sb-contoso-prod/queues/events-patient_app"),
}  # fmt: skip

_PRINCIPALS = {
    "principal of identity-hub": "hub",
    "principal of identity-encryption": "encryption",
    "principal of identity-listener": "listener",
    "principal of service": "gateway",
    "principal of topic": "topic",
}


def table_of(graph: Graph) -> list[tuple[str, str, str]]:
    """Return every role assignment, in words."""
    names = {id_: name for name, id_ in ROLES.items()}
    group = _GROUP.replace("-prod/", f"-{graph.stack.stage}/")
    return [
        (
            _PRINCIPALS.get(one.inputs["principalId"], one.inputs["principalId"]),
            names[one.inputs["roleDefinitionId"].rpartition("/")[2]],
            one.inputs["scope"].removeprefix(group),
        )
        for one in graph.of("authorization:RoleAssignment")
    ]


def test_production_grants_these_and_no_others(prod):
    """A role that nobody listed is a way in that nobody watches."""
    assert sorted(table_of(prod)) == sorted(PRODUCTION)


def test_development_grants_a_part_of_it(dev):
    """Nothing is allowed in development that production does not know."""
    rows = {(who, role, scope.replace("dev", "prod")) for who, role, scope in table_of(dev)}
    assert rows <= PRODUCTION


def test_the_listeners_image_is_pulled_without_a_password(prod):
    """A registry of Azure's takes AcrPull (docs/deploy.md); without an identity the container never starts."""
    container = prod.one("app:ContainerApp").inputs
    [identity] = container["identity"]["userAssignedIdentities"]
    server = prod.stack.relay.listener_image.partition("/")[0]
    assert container["configuration"]["registries"] == [{"identity": identity, "server": server}]


def test_names_of_assignments_stay_the_same(prod):
    """Azure names assignments by a GUID; another one at each run would take the role away for a moment."""
    names = [one.inputs["roleAssignmentName"] for one in prod.of("authorization:RoleAssignment")]
    assert len(set(names)) == len(names)
