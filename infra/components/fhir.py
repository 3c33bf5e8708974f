"""The FHIR store, where the stack makes its own: Azure Health Data Services."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import healthcareapis

from infra.place import Place, child


class Fhir(pulumi.ComponentResource):
    """A workspace with one FHIR R4 service that keeps every version of every resource.

    Azure closes its public address when the workspace gets a private endpoint; there is no property to set.
    """

    workspace: healthcareapis.Workspace
    service: healthcareapis.FhirService

    def __init__(self, place: Place) -> None:
        super().__init__("caduceus:Fhir", "fhir")
        stack = place.stack
        self.workspace = healthcareapis.Workspace(
            "workspace",
            resource_group_name=place.group,
            workspace_name=f"hds{stack.prefix}{stack.stage}",  # letters and digits only
            location=stack.location,
            tags=place.tags,
            opts=child(self, protect=stack.protect),
        )
        self.url = f"https://hds{stack.prefix}{stack.stage}-fhir.fhir.azurehealthcareapis.com"
        self.service = healthcareapis.FhirService(
            "service",
            resource_group_name=place.group,
            workspace_name=self.workspace.name,
            fhir_service_name="fhir",
            location=stack.location,
            kind="fhir-R4",
            authentication_configuration=healthcareapis.FhirServiceAuthenticationConfigurationArgs(
                authority=f"https://login.microsoftonline.com/{stack.entra.tenant_id}", audience=self.url
            ),
            resource_version_policy_configuration=healthcareapis.ResourceVersionPolicyConfigurationArgs(
                default="versioned"
            ),
            identity=healthcareapis.ServiceManagedIdentityIdentityArgs(type="SystemAssigned"),
            tags=place.tags,
            opts=child(self, protect=stack.protect),
        )
        self.register_outputs({})
