"""What `pulumi up` declares: the stack's file and the interfaces are read and checked, then the hub is put together."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pulumi_azure_native import authorization

from infra.components.api_gateway import has_endpoint
from infra.config import of_project, read_stack
from infra.deployment.package import code_digest
from infra.deployment.resources import REPOSITORY
from infra.hub import Hub, Occasion, refuse_shut_in, refuse_strangers
from infra.names import Names
from shared.message.errors.base import IntegrationError
from shared.registry import load_registry


def main() -> None:
    """Declare the stack that Pulumi has selected; what is wrong with its files is one sentence."""
    try:
        stack = read_stack(pulumi.get_stack(), of_project({**get_config_env(), **CONFIG.get()}))
        registry = load_registry(REPOSITORY / "interfaces", stack.stage)
        refuse_strangers(stack, registry)
        refuse_shut_in(stack, registry)
    except IntegrationError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    client = authorization.get_client_config()
    occasion = Occasion(
        subscription=client.subscription_id,
        tenant=client.tenant_id,
        code=code_digest(REPOSITORY),
        month=_first_of_month(datetime.now(UTC).date()),
        gateway_has_endpoint=not stack.gateway_public and has_endpoint(Names(stack.prefix, stack.stage)),
    )
    hub = Hub(stack, registry, occasion)
    pulumi.export("gateway", hub.gateway.service.gateway_url)
    pulumi.export("hub", hub.app.url)
    pulumi.export("relay", hub.relay.host)


def _first_of_month(day: date) -> str:
    return f"{day.replace(day=1).isoformat()}T00:00:00Z"
