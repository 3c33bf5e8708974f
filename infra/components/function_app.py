"""The hub itself: one Function App on Flex Consumption, which signs in everywhere as itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_azure_native import managedidentity, storage, web

from infra.components.messaging import STAGE_QUEUES
from infra.deployment.package import PYTHON
from infra.place import Place, child


class FunctionApp(pulumi.ComponentResource):
    """The plan and the app. On Flex Consumption a plan has one app, no slots, and scales each function by itself."""

    plan: web.AppServicePlan
    app: web.WebApp

    def __init__(
        self,
        place: Place,
        *,
        identity: managedidentity.UserAssignedIdentity,
        host: storage.StorageAccount,
        package: storage.BlobContainer,
        settings: Mapping[str, pulumi.Input[str]],
        subnet: pulumi.Input[str] | None,
    ) -> None:
        super().__init__("caduceus:FunctionApp", "function-app")
        self._place = place
        self.plan = web.AppServicePlan(
            "plan",
            resource_group_name=place.group,
            name=place.names.of("asp"),
            location=place.stack.location,
            kind="functionapp",
            reserved=True,
            zone_redundant=place.stack.zone_redundant,
            sku=web.SkuDescriptionArgs(name="FC1", tier="FlexConsumption"),
            tags=place.tags,
            opts=child(self),
        )
        self.app = web.WebApp(
            "app",
            resource_group_name=place.group,
            name=place.names.of("func"),
            location=place.stack.location,
            kind="functionapp,linux",
            server_farm_id=self.plan.id,
            https_only=True,
            public_network_access=place.public_access,
            virtual_network_subnet_id=subnet,
            ssh_enabled=False,
            identity=web.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[identity.id]),
            function_app_config=self._flex(identity, pulumi.Output.concat(host.primary_endpoints.blob, package.name)),
            # A plain dict: SiteConfigArgs adds netFrameworkVersion, which Flex Consumption refuses.
            site_config={
                "min_tls_version": "1.2",
                "scm_min_tls_version": "1.2",
                "http20_enabled": True,
                "app_settings": [{"name": name, "value": value} for name, value in sorted(settings.items())],
            },
            tags=place.tags,
            opts=child(self),
        )
        self._forbid_passwords()
        self.register_outputs({})

    @property
    def url(self) -> pulumi.Output[str]:
        """Where the app answers."""
        return pulumi.Output.concat("https://", self.app.default_host_name)

    def admit(self, principals: Sequence[pulumi.Input[str]]) -> web.WebAppAuthSettingsV2:
        """Let nobody in but callers that Entra knows as one of these; `/health` alone is open."""
        entra = self._place.stack.entra
        return web.WebAppAuthSettingsV2(
            "sign-in",
            resource_group_name=self._place.group,
            name=self.app.name,
            platform=web.AuthPlatformArgs(enabled=True),
            global_validation=web.GlobalValidationArgs(
                require_authentication=True, unauthenticated_client_action="Return401", excluded_paths=["/health"]
            ),
            http_settings=web.HttpSettingsArgs(require_https=True),
            login=web.LoginArgs(token_store=web.TokenStoreArgs(enabled=False)),
            identity_providers=web.IdentityProvidersArgs(
                azure_active_directory=web.AzureActiveDirectoryArgs(
                    enabled=True,
                    registration=web.AzureActiveDirectoryRegistrationArgs(
                        client_id=entra.client_id,
                        open_id_issuer=f"https://login.microsoftonline.com/{entra.tenant_id}/v2.0",
                    ),
                    validation=web.AzureActiveDirectoryValidationArgs(
                        allowed_audiences=[entra.client_id, entra.audience],  # as in a v2.0 and a v1.0 token
                        default_authorization_policy=web.DefaultAuthorizationPolicyArgs(
                            allowed_principals=web.AllowedPrincipalsArgs(identities=list(principals))
                        ),
                    ),
                )
            ),
            opts=child(self),
        )

    def _flex(
        self, identity: managedidentity.UserAssignedIdentity, package: pulumi.Output[str]
    ) -> web.FunctionAppConfigArgs:
        scale = self._place.stack.functions
        # All HTTP functions share instances, as group `http`; every other function has its own.
        ready = {"http": scale.always_ready_ingest}
        ready |= {f"function:{stage}": scale.always_ready_stages for stage in STAGE_QUEUES}
        return web.FunctionAppConfigArgs(
            runtime=web.FunctionsRuntimeArgs(name="python", version=PYTHON),
            deployment=web.FunctionsDeploymentArgs(
                storage=web.FunctionsDeploymentStorageArgs(
                    type="blobContainer",
                    value=package,
                    authentication=web.FunctionsDeploymentStorageAuthenticationArgs(
                        type="UserAssignedIdentity", user_assigned_identity_resource_id=identity.id
                    ),
                )
            ),
            # New code starts beside the old, which finishes what it holds; rule R3 keeps the two apart (R12).
            site_update_strategy=web.FunctionsSiteUpdateStrategyArgs(type="RollingUpdate"),
            scale_and_concurrency=web.FunctionsScaleAndConcurrencyArgs(
                instance_memory_mb=scale.memory_mb,
                maximum_instance_count=scale.maximum_instances,
                always_ready=[
                    web.FunctionsAlwaysReadyConfigArgs(name=name, instance_count=count)
                    for name, count in ready.items()
                    if count
                ],
            ),
        )

    def _forbid_passwords(self) -> None:
        """Leave Entra as the only way to deploy."""
        web.WebAppScmAllowed(
            "no-scm-password", resource_group_name=self._place.group, name=self.app.name, allow=False, opts=child(self)
        )
        web.WebAppFtpAllowed(
            "no-ftp-password", resource_group_name=self._place.group, name=self.app.name, allow=False, opts=child(self)
        )
