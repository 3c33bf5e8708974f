"""Nobody signs in with a key, and nobody may more than its work needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from infra.components.role_grants import ROLES
from infra.policy.rule import Finding, Resources, Rule, at, where

_SECRET = re.compile(r"AccountKey=|SharedAccessKey=|SharedAccessSignature=|[?&]sig=|://[^/@\s]+:[^/@\s]+@|-----BEGIN")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _texts(one)


def _no_secrets(resources: Resources) -> Iterator[Finding]:
    for one in resources:
        if any(_SECRET.search(text) for text in _texts(one.inputs)):
            yield one.name, "holds a key, a signature or a password"


def _narrow_roles(resources: Resources) -> Iterator[Finding]:
    for one in resources.of("authorization:RoleAssignment"):
        if str(one.inputs["roleDefinitionId"]).rpartition("/")[2] not in ROLES.values():
            yield one.name, "a role that is not in the table of data roles"
        if "/providers/" not in str(one.inputs["scope"]).partition("/resourceGroups/")[2]:
            yield one.name, "the scope is a whole group or more"


def _signed_in_callers(resources: Resources) -> Iterator[Finding]:
    guarded = {
        one.inputs["name"]: one.inputs
        for one in resources.of("web:WebAppAuthSettingsV2")
        if at(one.inputs, "globalValidation.requireAuthentication") is True
    }
    for one in resources.of("web:WebApp"):
        sign_in = guarded.get(one.inputs["name"])
        if sign_in is None:
            yield one.name, "takes callers that Entra does not know"
        elif list(at(sign_in, "globalValidation.excludedPaths") or ()) != ["/health"]:
            yield one.name, "more than /health is open"
        elif not at(
            sign_in,
            "identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy.allowedPrincipals.identities",
        ):
            yield one.name, "takes every identity of the tenant"


RULES = (
    Rule("no-secrets", "No input of any resource is a secret.", _no_secrets),
    Rule("narrow-roles", "Roles act on data, on one resource.", _narrow_roles),
    Rule("signed-in-callers", "The Function App takes named callers only.", _signed_in_callers),
    Rule(
        "no-storage-keys",
        "Storage has no shared keys.",
        where("storage:StorageAccount", lambda it: it.get("allowSharedKeyAccess") is False, "allowSharedKeyAccess"),
    ),
    Rule(
        "no-broker-keys",
        "Service Bus has no shared keys.",
        where("servicebus:Namespace", lambda it: it.get("disableLocalAuth") is True, "disableLocalAuth"),
    ),
    Rule(
        "no-topic-keys",
        "Event Grid has no shared keys.",
        where("eventgrid:Topic", lambda it: it.get("disableLocalAuth") is True, "disableLocalAuth"),
    ),
    Rule(
        "no-telemetry-keys",
        "Application Insights takes Entra only.",
        where("applicationinsights:Component", lambda it: it.get("disableLocalAuth") is True, "disableLocalAuth"),
    ),
    Rule(
        "relay-signs-in",
        "A hybrid connection takes nobody unknown.",
        where("relay:HybridConnection", lambda it: it.get("requiresClientAuthorization") is True, "open to anybody"),
    ),
    Rule(
        "vault-by-role",
        "Key Vault goes by roles, not by its own lists.",
        where("keyvault:Vault", lambda it: at(it, "properties.enableRbacAuthorization") is True, "access policies"),
    ),
    Rule(
        "no-deployment-passwords",
        "Code comes with Entra only.",
        where("web:WebAppScmAllowed", lambda it: it.get("allow") is False, "basic authentication is on"),
    ),
)
