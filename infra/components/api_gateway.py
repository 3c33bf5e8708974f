"""The one door for callers: API Management, and what it keeps out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import pulumi
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from pulumi_azure_native import apimanagement, applicationinsights

from infra.deployment.resources import Action
from infra.gateway.policies import global_policy
from infra.gateway.tiers import TIERS
from infra.names import Names
from infra.place import Place, child

BACKEND, ACCESS_KEY = "hub", "hub-access"
_OWN_LOG = "azuremonitor"  # the word Azure has for the log of a gateway's own calls


class ApiGateway(pulumi.ComponentResource):
    """The service, its backend and its logs. The APIs are in `apis.py`."""

    service: apimanagement.ApiManagementService
    backend: apimanagement.Backend

    def __init__(
        self,
        place: Place,
        *,
        hub_url: pulumi.Input[str],
        insights: applicationinsights.Component,
        subnet: pulumi.Input[str] | None,
        is_closed: bool = False,
    ) -> None:
        super().__init__("caduceus:ApiGateway", "api-gateway")
        self._place = place
        self.tier = TIERS[place.stack.gateway.tier]
        self.service = self._service(subnet, is_closed=is_closed)
        self.backend = self._backend(hub_url)
        self._prepared = self._prepare()
        self._log(insights)
        self.register_outputs({})

    @property
    def principal(self) -> pulumi.Output[str]:
        """Who the gateway is, for the hub and for Key Vault."""
        found: pulumi.Output[str] = self.service.identity.principal_id
        return found

    def read_key(self, secret_url: pulumi.Input[str], after: list[pulumi.Resource]) -> apimanagement.NamedValue:
        """Have the gateway read its access key of the hub from Key Vault, and again every four hours."""
        return apimanagement.NamedValue(
            "access-key",
            resource_group_name=self._place.group,
            service_name=self.service.name,
            named_value_id=ACCESS_KEY,
            display_name=ACCESS_KEY,
            secret=True,
            key_vault=apimanagement.KeyVaultContractCreatePropertiesArgs(secret_identifier=secret_url),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def guard(self, after: pulumi.Resource) -> apimanagement.Policy:
        """Apply what holds for every call."""
        return apimanagement.Policy(
            "global-policy",
            resource_group_name=self._place.group,
            service_name=self.service.name,
            policy_id="policy",
            format="rawxml",
            value=global_policy(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after, self._prepared]),
        )

    def _service(self, subnet: pulumi.Input[str] | None, *, is_closed: bool) -> apimanagement.ApiManagementService:
        place, gateway = self._place, self._place.stack.gateway
        is_consumption = gateway.tier == "Consumption"
        asks = bool(gateway.partner_certificates)
        return apimanagement.ApiManagementService(
            "service",
            resource_group_name=place.group,
            service_name=place.names.of("apim"),
            location=place.stack.location,
            publisher_name=gateway.publisher_name,
            publisher_email=gateway.publisher_email,
            sku=apimanagement.ApiManagementServiceSkuPropertiesArgs(
                name=gateway.tier, capacity=0 if is_consumption else gateway.units
            ),
            identity=apimanagement.ApiManagementServiceIdentityArgs(type="SystemAssigned"),
            # Without it `validate-client-certificate` sees none, and refuses every partner.
            enable_client_certificate=True if asks and not self.tier.asks_by_host else None,
            hostname_configurations=[_asking(place)] if asks and self.tier.asks_by_host else None,
            certificates=[_trusted(pem) for pem in gateway.partner_authorities] or None,
            virtual_network_type="External" if subnet is not None else None,
            virtual_network_configuration=apimanagement.VirtualNetworkConfigurationArgs(subnet_resource_id=subnet)
            if subnet is not None
            else None,
            # Azure refuses to create it closed. `close_door` does it once its private endpoint is there; from then on
            # it is declared closed, for Pulumi writes a service whole, whatever is changed in it.
            public_network_access="Disabled" if is_closed else "Enabled",
            tags=place.tags,
            opts=child(self, protect=place.stack.protect),
        )

    def _backend(self, hub_url: pulumi.Input[str]) -> apimanagement.Backend:
        """Declare the hub as backend; when it fails again and again, callers hear so at once."""
        rule = apimanagement.CircuitBreakerRuleArgs(
            name="hub-fails",
            failure_condition=apimanagement.CircuitBreakerFailureConditionArgs(
                count=20,
                interval="PT1M",
                status_code_ranges=[apimanagement.FailureStatusCodeRangeArgs(min=502, max=504)],
            ),
            trip_duration="PT30S",
            accept_retry_after=True,
        )
        return apimanagement.Backend(
            "backend",
            resource_group_name=self._place.group,
            service_name=self.service.name,
            backend_id=BACKEND,
            protocol="http",
            url=hub_url,
            tls=apimanagement.BackendTlsPropertiesArgs(validate_certificate_chain=True, validate_certificate_name=True),
            circuit_breaker=apimanagement.BackendCircuitBreakerArgs(rules=[rule]) if self.tier.has_breaker else None,
            opts=child(self),
        )

    def _prepare(self) -> Action:
        props = {"service_id": self.service.id, "log": _OWN_LOG if self.tier.has_logs else ""}
        return Action("prepare-gateway", "prepare-gateway", "1", props, child(self))

    def _log(self, insights: applicationinsights.Component) -> None:
        """Log calls by operation: no body, no header, no query, no address of a caller.

        Each call is logged once: by the gateway itself, and where it has no logs of its own by Application Insights.
        """
        logger = apimanagement.Logger(
            "logger",
            resource_group_name=self._place.group,
            service_name=self.service.name,
            logger_id="insights",
            logger_type="applicationInsights",
            resource_id=insights.id,
            credentials={"connectionString": insights.connection_string, "identityClientId": "SystemAssigned"},
            opts=child(self),
        )
        # How calls are named and joined is for Application Insights alone: Azure refuses it for the other log.
        named = {"operation_name_format": "Name", "http_correlation_protocol": "W3C"}
        self._diagnose("applicationinsights", logger.id, 0 if self.tier.has_logs else 100, named)
        if self.tier.has_logs:
            self._diagnose(_OWN_LOG, pulumi.Output.concat(self.service.id, "/loggers/", _OWN_LOG), 100, {})

    def _diagnose(
        self, name: str, logger: pulumi.Input[str], percentage: float, named: Mapping[str, pulumi.Input[str]]
    ) -> None:
        silent = apimanagement.PipelineDiagnosticSettingsArgs(request=_nothing_of(), response=_nothing_of())
        apimanagement.Diagnostic(
            f"logs-{name}",
            resource_group_name=self._place.group,
            service_name=self.service.name,
            diagnostic_id=name,
            logger_id=logger,
            always_log="allErrors",
            log_client_ip=False,
            verbosity="error",
            sampling=apimanagement.SamplingSettingsArgs(sampling_type="fixed", percentage=percentage),
            frontend=silent,
            backend=silent,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._prepared]),
            **named,
        )


def has_endpoint(names: Names) -> bool:
    """Return whether the gateway is there and can be reached privately.

    Raises:
        Exception: Azure did not say. To take that for a no would open a gateway that is closed.
    """
    try:
        found = apimanagement.get_api_management_service(
            resource_group_name=names.of("rg"), service_name=names.of("apim")
        )
    except Exception as error:  # Pulumi has no class for it; the service's code is in the text
        if "NotFound" not in str(error):
            raise
        return False
    return bool(found.private_endpoint_connections)


def _asking(place: Place) -> apimanagement.HostnameConfigurationArgs:
    """Return the gateway's own host name, which asks for a certificate at the handshake and does not insist on one.

    Asked for later, in the middle of a request, a body above some 60 kB would wait for ever (Microsoft Learn, "Secure
    APIs using client certificate authentication").
    """
    return apimanagement.HostnameConfigurationArgs(
        type="Proxy",
        host_name=f"{place.names.of('apim')}.azure-api.net",
        certificate_source="BuiltIn",
        default_ssl_binding=True,
        negotiate_client_certificate=True,
    )


def _trusted(pem: str) -> apimanagement.CertificateConfigurationArgs:
    """Return an authority for the gateway: one that signed itself is a root."""
    found = load_pem_x509_certificate(pem.encode())
    return apimanagement.CertificateConfigurationArgs(
        store_name="Root" if found.issuer == found.subject else "CertificateAuthority",
        encoded_certificate=b64encode(found.public_bytes(Encoding.DER)).decode(),
    )


def _nothing_of() -> apimanagement.HttpMessageDiagnosticArgs:
    """Return a message's share of the log: none of its body and headers, and every query value hidden."""
    hidden = apimanagement.DataMaskingEntityArgs(mode="Hide", value="*")
    return apimanagement.HttpMessageDiagnosticArgs(
        body=apimanagement.BodyDiagnosticSettingsArgs(bytes=0),
        headers=[],
        data_masking=apimanagement.DataMaskingArgs(headers=[hidden], query_params=[hidden]),
    )
