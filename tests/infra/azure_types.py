"""Azure's own types: for each kind of resource, its ARM type, what names it, and its model in Microsoft's SDK."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AzureType:
    """One kind of resource.

    Attributes:
        arm: Type in Azure Resource Manager.
        named_by: Inputs that are segments of its id, outermost first; ``=default`` is that word.
        package: Of PyPI's azure-mgmt-*, without that; with a version where the newest has moved.
        model: Class of its body; empty where the SDK has none.
        scoped_by: Input that holds the id it is attached to.
    """

    arm: str
    named_by: tuple[str, ...]
    package: str
    model: str
    scoped_by: str = ""


def _in(package: str, namespace: str, *rows: tuple[str, str, str, str]) -> dict[str, AzureType]:
    return {
        f"azure-native:{token}": AzureType(f"{namespace}/{arm}", tuple(named_by.split()), package, model)
        for token, arm, named_by, model in rows
    }


_APIM = "apimanagement"
_STORAGE = "storageAccounts/blobServices"
_SERVICE = "serviceName"

AZURE_TYPES: dict[str, AzureType] = {
    **_in(
        "apimanagement",
        "Microsoft.ApiManagement",
        (f"{_APIM}:Api", "service/apis", f"{_SERVICE} apiId", "ApiCreateOrUpdateParameter"),
        (f"{_APIM}:ApiManagementService", "service", _SERVICE, "ApiManagementServiceResource"),
        (f"{_APIM}:ApiOperation", "service/apis/operations", f"{_SERVICE} apiId operationId", "OperationContract"),
        (
            f"{_APIM}:ApiOperationPolicy",
            "service/apis/operations/policies",
            f"{_SERVICE} apiId operationId policyId",
            "PolicyContract",
        ),
        (f"{_APIM}:ApiPolicy", "service/apis/policies", f"{_SERVICE} apiId policyId", "PolicyContract"),
        (f"{_APIM}:ApiVersionSet", "service/apiVersionSets", f"{_SERVICE} versionSetId", "ApiVersionSetContract"),
        (f"{_APIM}:Backend", "service/backends", f"{_SERVICE} backendId", "BackendContract"),
        (f"{_APIM}:Diagnostic", "service/diagnostics", f"{_SERVICE} diagnosticId", "DiagnosticContract"),
        (f"{_APIM}:Logger", "service/loggers", f"{_SERVICE} loggerId", "LoggerContract"),
        (f"{_APIM}:NamedValue", "service/namedValues", f"{_SERVICE} namedValueId", "NamedValueCreateContract"),
        (f"{_APIM}:Policy", "service/policies", f"{_SERVICE} policyId", "PolicyContract"),
        (f"{_APIM}:Product", "service/products", f"{_SERVICE} productId", "ProductContract"),
        (f"{_APIM}:ProductApi", "service/products/apis", f"{_SERVICE} productId apiId", ""),
        (f"{_APIM}:ProductPolicy", "service/products/policies", f"{_SERVICE} productId policyId", "PolicyContract"),
    ),
    **_in(
        "appcontainers",
        "Microsoft.App",
        ("app:ContainerApp", "containerApps", "containerAppName", "ContainerApp"),
        ("app:ManagedEnvironment", "managedEnvironments", "environmentName", "ManagedEnvironment"),
    ),
    **_in(
        "applicationinsights",
        "Microsoft.Insights",
        ("applicationinsights:Component", "components", "resourceName", "ApplicationInsightsComponent"),
        ("applicationinsights:Workbook", "workbooks", "resourceName", "Workbook"),
    ),
    "azure-native:authorization:RoleAssignment": AzureType(
        "Microsoft.Authorization/roleAssignments",
        ("roleAssignmentName",),
        "authorization.v2022_04_01",
        "RoleAssignmentCreateParameters",
        "scope",
    ),
    "azure-native:consumption:Budget": AzureType(
        "Microsoft.Consumption/budgets", ("budgetName",), "consumption", "Budget", "scope"
    ),
    "azure-native:eventgrid:EventSubscription": AzureType(
        "Microsoft.EventGrid/eventSubscriptions", ("eventSubscriptionName",), "eventgrid", "EventSubscription", "scope"
    ),
    **_in("eventgrid", "Microsoft.EventGrid", ("eventgrid:Topic", "topics", "topicName", "Topic")),
    **_in(
        "healthcareapis",
        "Microsoft.HealthcareApis",
        ("healthcareapis:FhirService", "workspaces/fhirservices", "workspaceName fhirServiceName", "FhirService"),
        ("healthcareapis:Workspace", "workspaces", "workspaceName", "Workspace"),
    ),
    **_in(
        "keyvault",
        "Microsoft.KeyVault",
        ("keyvault:Key", "vaults/keys", "vaultName keyName", "KeyCreateParameters"),
        ("keyvault:Vault", "vaults", "vaultName", "VaultCreateOrUpdateParameters"),
    ),
    **_in(
        "msi",
        "Microsoft.ManagedIdentity",
        ("managedidentity:UserAssignedIdentity", "userAssignedIdentities", "resourceName", "Identity"),
    ),
    "azure-native:monitor:DiagnosticSetting": AzureType(
        "Microsoft.Insights/diagnosticSettings", ("name",), "monitor", "", "resourceUri"
    ),
    **_in(
        "monitor",
        "Microsoft.Insights",
        ("monitor:ActionGroup", "actionGroups", "actionGroupName", "ActionGroupResource"),
        ("monitor:MetricAlert", "metricAlerts", "ruleName", "MetricAlertResource"),
        ("monitor:ScheduledQueryRule", "scheduledQueryRules", "ruleName", "ScheduledQueryRuleResource"),
    ),
    **_in(
        "network",
        "Microsoft.Network",
        ("network:NatGateway", "natGateways", "natGatewayName", "NatGateway"),
        ("network:NetworkSecurityGroup", "networkSecurityGroups", "networkSecurityGroupName", "NetworkSecurityGroup"),
        (
            "network:PrivateDnsZoneGroup",
            "privateEndpoints/privateDnsZoneGroups",
            "privateEndpointName privateDnsZoneGroupName",
            "PrivateDnsZoneGroup",
        ),
        ("network:PrivateEndpoint", "privateEndpoints", "privateEndpointName", "PrivateEndpoint"),
        ("network:PublicIPAddress", "publicIPAddresses", "publicIpAddressName", "PublicIPAddress"),
        ("network:VirtualNetwork", "virtualNetworks", "virtualNetworkName", "VirtualNetwork"),
    ),
    **_in(
        "loganalytics",
        "Microsoft.OperationalInsights",
        ("operationalinsights:Workspace", "workspaces", "workspaceName", "Workspace"),
    ),
    **_in(
        "privatedns",
        "Microsoft.Network",
        ("privatedns:PrivateZone", "privateDnsZones", "privateZoneName", "PrivateZone"),
        (
            "privatedns:VirtualNetworkLink",
            "privateDnsZones/virtualNetworkLinks",
            "privateZoneName virtualNetworkLinkName",
            "VirtualNetworkLink",
        ),
    ),
    **_in(
        "relay",
        "Microsoft.Relay",
        (
            "relay:HybridConnection",
            "namespaces/hybridConnections",
            "namespaceName hybridConnectionName",
            "HybridConnection",
        ),
        ("relay:Namespace", "namespaces", "namespaceName", "RelayNamespace"),
    ),
    **_in(
        "resource.resources",
        "Microsoft.Resources",
        ("resources:ResourceGroup", "resourceGroups", "resourceGroupName", "ResourceGroup"),
    ),
    **_in(
        "servicebus",
        "Microsoft.ServiceBus",
        ("servicebus:Namespace", "namespaces", "namespaceName", "SBNamespace"),
        (
            "servicebus:NamespaceNetworkRuleSet",
            "namespaces/networkRuleSets",
            "namespaceName =default",
            "NetworkRuleSet",
        ),
        ("servicebus:Queue", "namespaces/queues", "namespaceName queueName", "SBQueue"),
    ),
    **_in(
        "storage",
        "Microsoft.Storage",
        ("storage:BlobContainer", f"{_STORAGE}/containers", "accountName =default containerName", "BlobContainer"),
        (
            "storage:BlobContainerImmutabilityPolicy",
            f"{_STORAGE}/containers/immutabilityPolicies",
            "accountName =default containerName immutabilityPolicyName",
            "ImmutabilityPolicy",
        ),
        ("storage:BlobServiceProperties", _STORAGE, "accountName blobServicesName", "BlobServiceProperties"),
        (
            "storage:ManagementPolicy",
            "storageAccounts/managementPolicies",
            "accountName managementPolicyName",
            "ManagementPolicy",
        ),
        ("storage:Table", "storageAccounts/tableServices/tables", "accountName =default tableName", "Table"),
        ("storage:StorageAccount", "storageAccounts", "accountName", "StorageAccountCreateParameters"),
    ),
    **_in(
        "web",
        "Microsoft.Web",
        ("web:AppServicePlan", "serverfarms", "name", "AppServicePlan"),
        ("web:WebApp", "sites", "name", "Site"),
        ("web:WebAppAuthSettingsV2", "sites/config", "name =authsettingsV2", "SiteAuthSettingsV2"),
        (
            "web:WebAppFtpAllowed",
            "sites/basicPublishingCredentialsPolicies",
            "name =ftp",
            "CsmPublishingCredentialsPoliciesEntity",
        ),
        (
            "web:WebAppScmAllowed",
            "sites/basicPublishingCredentialsPolicies",
            "name =scm",
            "CsmPublishingCredentialsPoliciesEntity",
        ),
    ),
}
