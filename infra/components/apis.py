"""The APIs at the gateway: one for each interface, one for FHIR, one for operators; and who may subscribe to them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pulumi
from pulumi_azure_native import apimanagement

from infra.components.api_gateway import ApiGateway
from infra.gateway.operations import CACHEABLE, CONNECTOR, FHIR, HUB, INGEST, Operation
from infra.gateway.policies import (
    cached_policy,
    connector_policy,
    fhir_policy,
    hub_policy,
    ingest_policy,
    product_policy,
)
from infra.place import Place, child
from shared.registry import Interface

CONNECTOR_PATH = "connector"

# A feed is allowed ten times its common hour, so that a backlog drains; one without a figure, and people, get these.
_BURST = 10
_FEED_PER_HOUR = 3600.0
_CLINICAL, _OPERATIONS = (600, 200_000), (300, 50_000)  # calls a minute, calls a day


class Apis(pulumi.ComponentResource):
    """APIs, their operations and policies, and one product for each kind of subscriber."""

    def __init__(
        self,
        place: Place,
        gateway: ApiGateway,
        interfaces: Sequence[Interface],
        connectors: Sequence[pulumi.Input[str]],
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("caduceus:Apis", "apis")
        self._place, self._gateway, self._after = place, gateway, after
        entra, config = place.stack.entra, place.stack.gateway
        for one in interfaces:
            thumbprints = config.partner_certificates.get(one.id, ())
            policy = ingest_policy(entra, one.id, thumbprints, is_pinned=config.partner_certificates_pinned)
            api = self._api(f"ingest-{_id(one.id)}", one.title, f"ingest/{one.id}", [INGEST], policy)
            self._product(f"partner-{_id(one.id)}", one.title, api, *calls_allowed(one), is_approved_by_hand=True)
        if connectors:
            policies = pulumi.Output.all(*connectors).apply(lambda found: connector_policy(entra, found))
            self._api("connector", "Connectors on premises", CONNECTOR_PATH, CONNECTOR, policies, is_subscribed=False)
        fhir = self._api("fhir", "FHIR R4", "fhir", FHIR, fhir_policy(entra, config.deprecations.get("fhir")))
        self._product("clinical", "Readers of FHIR", fhir, *_CLINICAL, is_approved_by_hand=True)
        hub = self._api("hub", "Operators", "", HUB, hub_policy(entra, config.deprecations.get("hub")))
        self._product("operations", "Operators", hub, *_OPERATIONS, is_approved_by_hand=True)
        self.register_outputs({})

    def _api(
        self,
        name: str,
        title: str,
        path: str,
        operations: Sequence[Operation],
        policy: pulumi.Input[str],
        *,
        is_subscribed: bool = True,
    ) -> apimanagement.Api:
        versions = apimanagement.ApiVersionSet(
            f"versions-{name}",
            resource_group_name=self._place.group,
            service_name=self._gateway.service.name,
            version_set_id=name,
            display_name=title,
            versioning_scheme="Header",
            version_header_name="Api-Version",
            opts=child(self),
        )
        api = apimanagement.Api(
            f"api-{name}",
            resource_group_name=self._place.group,
            service_name=self._gateway.service.name,
            api_id=name,
            display_name=title,
            path=path,
            protocols=["https"],
            api_type="http",
            # The first version answers without the header; the next one is asked for by name.
            api_version_set_id=versions.id,
            subscription_required=is_subscribed,
            subscription_key_parameter_names=apimanagement.SubscriptionKeyParameterNamesContractArgs(
                header="Ocp-Apim-Subscription-Key",
                query="subscription-key-in-header-only",  # a key in an URL ends in logs
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._gateway.backend, *self._after]),
        )
        for operation in operations:
            self._operation(name, api, operation)
        apimanagement.ApiPolicy(
            f"policy-{name}",
            resource_group_name=self._place.group,
            service_name=self._gateway.service.name,
            api_id=api.name,
            policy_id="policy",
            format="rawxml",
            value=policy,
            opts=child(self),
        )
        return api

    def _operation(self, name: str, api: apimanagement.Api, operation: Operation) -> None:
        declared = apimanagement.ApiOperation(
            f"operation-{name}-{operation.id}",
            resource_group_name=self._place.group,
            service_name=self._gateway.service.name,
            api_id=api.name,
            operation_id=operation.id,
            display_name=operation.id,
            method=operation.method,
            url_template=operation.path,
            template_parameters=[
                apimanagement.ParameterContractArgs(name=parameter, type="string", required=True)
                for parameter in operation.parameters
            ],
            opts=child(self),
        )
        if operation.id in CACHEABLE and self._gateway.tier.has_cache:
            apimanagement.ApiOperationPolicy(
                f"cache-{name}-{operation.id}",
                resource_group_name=self._place.group,
                service_name=self._gateway.service.name,
                api_id=api.name,
                operation_id=declared.name,
                policy_id="policy",
                format="rawxml",
                value=cached_policy(),
                opts=child(self),
            )

    def _product(
        self, name: str, title: str, api: apimanagement.Api, per_minute: int, per_day: int, *, is_approved_by_hand: bool
    ) -> None:
        service = {"resource_group_name": self._place.group, "service_name": self._gateway.service.name}
        product = apimanagement.Product(
            f"product-{name}",
            **service,
            product_id=name,
            display_name=title,
            state="published",
            subscription_required=True,
            approval_required=is_approved_by_hand,
            opts=child(self),
        )
        apimanagement.ProductApi(
            f"product-api-{name}", **service, product_id=product.name, api_id=api.name, opts=child(self)
        )
        apimanagement.ProductPolicy(
            f"product-policy-{name}",
            **service,
            product_id=product.name,
            policy_id="policy",
            format="rawxml",
            value=product_policy(per_minute, per_day),
            opts=child(self),
        )


def calls_allowed(interface: Interface) -> tuple[int, int]:
    """Return how many calls a sender has in a minute and in a day, from the traffic its interface expects."""
    per_hour = interface.traffic.messages_per_hour if interface.traffic else _FEED_PER_HOUR / _BURST
    return max(60, math.ceil(per_hour * _BURST / 60)), max(2000, math.ceil(per_hour * 24 * _BURST))


def _id(interface: str) -> str:
    return interface.replace("_", "-")
