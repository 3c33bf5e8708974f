"""What our own Pulumi resources do. Each may run again and again; what is right already stays as it is."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.deployment.azure import MANAGEMENT, Azure, credential_here
from infra.deployment.package import build_package
from infra.deployment.send_code import send_code
from shared.message.errors.configuration import DeploymentFailed

SECRETS_VERSION = "api-version=2023-07-01"  # Microsoft.KeyVault
SITES_VERSION = "api-version=2024-04-01"  # Microsoft.Web
GATEWAY_VERSION = "api-version=2024-05-01"  # Microsoft.ApiManagement

# "Role assignments can take up to 10 minutes" (Microsoft Learn, "Troubleshoot Azure RBAC"); most are heeded after two.
ROLES_SPREAD_SECONDS = 300

HUB_KEY, HUB_KEY_BYTES = "hub-key", 32  # as `shared.adapters.local.secrets` makes it on a laptop


def send_hub_code(props: Mapping[str, Any]) -> None:
    """Package the repository and bring it to the app."""
    with TemporaryDirectory(prefix="caduceus-") as folder:
        package = Path(folder) / "package.zip"
        build_package(Path(props["repository"]), package)
        send_code(Azure(props["scm_url"], credential_here()), props["hub_url"], package.read_bytes())


def make_hub_key(props: Mapping[str, Any]) -> None:
    """Give the hub its key, once: with another one every resource id would change. Only the vault has it."""
    azure, path = _management(props), f"{props['vault_id']}/secrets/{HUB_KEY}?{SECRETS_VERSION}"
    if azure.ask("GET", path) is None:
        _put_secret(azure, path, secrets.token_hex(HUB_KEY_BYTES), "made once, never rotated; keep a copy in escrow")


def make_access_key(props: Mapping[str, Any]) -> None:
    """Make a key of the app's for one caller, and lay it where the caller reads it. A new revision is a new key."""
    azure, name = _management(props), props["name"]
    made = azure.ask(
        "PUT",
        f"{props['app_id']}/host/default/functionKeys/{name}?{SITES_VERSION}",
        {"properties": {"name": name, "value": secrets.token_urlsafe(40)}},
    )
    if made is None:
        raise DeploymentFailed("the Function App is not there")
    path = f"{props['vault_id']}/secrets/{name}?{SECRETS_VERSION}"
    _put_secret(azure, path, made["properties"]["value"], "a key of the Function App")


def prepare_gateway(props: Mapping[str, Any]) -> None:
    """Bring a new gateway into the one form that Pulumi takes for new.

    Azure gives it a policy for all, whose text changes with time; azure-native creates one only where it finds none, or
    the very text it knows. The log of the gateway's own calls may be there already or not, by tier and age.
    """
    azure, service = _management(props), props["service_id"]
    if props["log"]:
        log = {"properties": {"loggerType": "azureMonitor", "isBuffered": True}}
        if azure.ask("PUT", f"{service}/loggers/{props['log']}?{GATEWAY_VERSION}", log) is None:
            raise DeploymentFailed("the gateway is not there")
    azure.ask("DELETE", f"{service}/policies/policy?{GATEWAY_VERSION}", headers={"If-Match": "*"})


def close_door(props: Mapping[str, Any]) -> None:
    """Close the gateway's public address; Azure lets nobody create it closed."""
    path = f"{props['service_id']}?{GATEWAY_VERSION}"
    if _management(props).ask("PATCH", path, {"properties": {"publicNetworkAccess": "Disabled"}}) is None:
        raise DeploymentFailed("the gateway is not there")


def let_roles_spread(_props: Mapping[str, Any]) -> None:
    """Wait for roles that were just given: Azure lists them at once, heeds them later, and never says when."""
    time.sleep(ROLES_SPREAD_SECONDS)


def _management(props: Mapping[str, Any]) -> Azure:
    return Azure(props.get("management", MANAGEMENT), credential_here())


def _put_secret(azure: Azure, path: str, value: str, what: str) -> None:
    body = {"properties": {"value": value, "contentType": what, "attributes": {"enabled": True}}}
    if azure.ask("PUT", path, body) is None:
        raise DeploymentFailed("the key vault is not there")


ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "send-code": send_hub_code,
    "make-hub-key": make_hub_key,
    "make-access-key": make_access_key,
    "prepare-gateway": prepare_gateway,
    "close-door": close_door,
    "let-roles-spread": let_roles_spread,
}
