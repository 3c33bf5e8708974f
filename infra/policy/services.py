"""What each service needs so that nothing is lost, and what Azure refuses only when it is too late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from infra.components.messaging import STAGE_QUEUES
from infra.policy.rule import Finding, Resources, Rule, at, where

# Refused on Flex Consumption, region by region (ARM error 51021).
_NOT_ON_FLEX = frozenset(
    {
        "netFrameworkVersion", "linuxFxVersion", "windowsFxVersion", "ftpsState", "use32BitWorkerProcess",
        "preWarmedInstanceCount",
    }
)  # fmt: skip
_NO_FLEX_SETTINGS = frozenset(
    {
        "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENTSHARE",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD",
        "WEBSITE_TIME_ZONE", "TZ",
    }
)  # fmt: skip
_LOGGED = (
    "servicebus:Namespace", "eventgrid:Topic", "keyvault:Vault", "relay:Namespace",
    "apimanagement:ApiManagementService", "web:WebApp", "healthcareapis:FhirService", "app:ManagedEnvironment",
)  # fmt: skip


def _stage_queues(resources: Resources) -> Iterator[Finding]:
    demands = {
        "requiresSession": "without sessions there is no order",
        "requiresDuplicateDetection": "no duplicate detection",
        "deadLetteringOnMessageExpiration": "what expires is lost in silence",
    }
    for one in resources.of("servicebus:Queue"):
        if one.inputs["queueName"] not in STAGE_QUEUES:
            continue
        for key, what in demands.items():
            if one.inputs.get(key) is not True:
                yield one.name, what
        if one.inputs.get("defaultMessageTimeToLive") != "P3650D":
            yield one.name, "messages expire"
        if one.inputs.get("maxDeliveryCount", 10) < 100:
            yield one.name, "the broker gives up before the hub does (R5)"


def _dead_events(resources: Resources) -> Iterator[Finding]:
    for one in resources.of("eventgrid:EventSubscription"):
        if not at(one.inputs, "deadLetterWithResourceIdentity.deadLetterDestination.blobContainerName"):
            yield one.name, "an event that is refused is dropped: no dead-letter container"
        if not at(one.inputs, "deliveryWithResourceIdentity.identity.type"):
            yield one.name, "delivers without an identity"


def _flex(resources: Resources) -> Iterator[Finding]:
    plans = {one.id for one in resources.of("web:AppServicePlan") if at(one.inputs, "sku.tier") == "FlexConsumption"}
    apps = [one for one in resources.of("web:WebApp") if one.inputs.get("serverFarmId") in plans]
    for plan, count in Counter(one.inputs["serverFarmId"] for one in apps).items():
        if count > 1:
            yield str(plan), "a Flex Consumption plan has one app"
    for one in apps:
        config = one.inputs.get("siteConfig", {})
        for key in sorted(_NOT_ON_FLEX & set(config)):
            yield one.name, f"siteConfig.{key} is refused on Flex Consumption"
        for setting in config.get("appSettings", []):
            if setting["name"] in _NO_FLEX_SETTINGS:
                yield one.name, f"the setting {setting['name']} is refused on Flex Consumption"
        if at(one.inputs, "functionAppConfig.deployment.storage.authentication.type") != "UserAssignedIdentity":
            yield one.name, "the package is read with a key"


def _logged(resources: Resources) -> Iterator[Finding]:
    logged = {one.inputs["resourceUri"] for one in resources.of("monitor:DiagnosticSetting")}
    for one in resources.of(*_LOGGED):
        # Consumption has neither logs nor metrics of its own; its calls are in Application Insights.
        if one.id not in logged and at(one.inputs, "sku.name") != "Consumption":
            yield one.name, "its own log goes nowhere"


def _large_messages(resources: Resources) -> Iterator[Finding]:
    is_premium = any(at(one.inputs, "sku.tier") == "Premium" for one in resources.of("servicebus:Namespace"))
    for one in resources.of("servicebus:Queue"):
        if one.inputs.get("maxMessageSizeInKilobytes") and not is_premium:
            yield one.name, "maxMessageSizeInKilobytes needs Premium"


def _tls(resources: Resources) -> Iterator[Finding]:
    wanted = {
        "storage:StorageAccount": ("minimumTlsVersion", "TLS1_2"),
        "servicebus:Namespace": ("minimumTlsVersion", "1.2"),
        "eventgrid:Topic": ("minimumTlsVersionAllowed", "1.2"),
        "web:WebApp": ("siteConfig.minTlsVersion", "1.2"),
    }
    for kind, (path, version) in wanted.items():
        for one in resources.of(kind):
            if at(one.inputs, path) != version:
                yield one.name, f"{path} is not {version}"


RULES = (
    Rule("stage-queues", "The queue of a stage keeps order, and keeps everything.", _stage_queues),
    Rule("dead-events", "An event that cannot be delivered is kept.", _dead_events),
    Rule("flex", "Nothing that Flex Consumption refuses.", _flex, joins_ids=True),
    Rule("logged", "Every service logs into the workspace.", _logged, joins_ids=True),
    Rule("large-messages", "Large messages need Premium.", _large_messages),
    Rule("tls", "TLS 1.2 at least, everywhere.", _tls),
    Rule(
        "vault-remembers",
        "What is deleted from the vault can be brought back.",
        where("keyvault:Vault", lambda it: at(it, "properties.enableSoftDelete") is True, "no soft delete"),
    ),
    Rule(
        "archive-remembers",
        "What is overwritten in the archive can be brought back.",
        where("storage:BlobServiceProperties", lambda it: it.get("isVersioningEnabled") is True, "no versions"),
    ),
)
