"""Private endpoints: each service under its own name, at an address of the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network, privatedns

from infra.components.network import Network
from infra.place import Place, child

# Sub-resource of a private endpoint -> the DNS zones its names live in (Azure Private Link documentation).
ZONES = {
    "blob": ("privatelink.blob.core.windows.net",),
    "table": ("privatelink.table.core.windows.net",),
    "namespace": ("privatelink.servicebus.windows.net",),
    "topic": ("privatelink.eventgrid.azure.net",),
    "vault": ("privatelink.vaultcore.azure.net",),
    "sites": ("privatelink.azurewebsites.net",),
    "Gateway": ("privatelink.azure-api.net",),
    "healthcareworkspace": (
        "privatelink.workspace.azurehealthcareapis.com",
        "privatelink.fhir.azurehealthcareapis.com",
    ),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One service that gets a private endpoint; ``group`` is a key of `ZONES`."""

    name: str
    resource: pulumi.CustomResource
    group: str


class PrivateAccess(pulumi.ComponentResource):
    """Endpoints, zones, and the entries that make a service's public name lead to its private address.

    One after the other: an account takes one change at a time ("StorageAccountOperationInProgress"), and so does a
    network ("RetryableError"); of several at once, some fail in most runs (hashicorp/terraform-provider-azurerm#21293).
    """

    endpoints: dict[str, network.PrivateEndpoint]
    names: list[pulumi.Resource]

    def __init__(
        self, place: Place, where: Network, targets: Iterable[Target], after: Sequence[pulumi.Resource]
    ) -> None:
        """Declare them.

        Args:
            after: What joins the network, too, and must have done so.
        """
        super().__init__("caduceus:PrivateAccess", "private-access")
        self._place, self._where, self._ahead = place, where, list(after)
        self.names = []
        self._zones: dict[str, privatedns.PrivateZone] = {}
        self.endpoints = {target.name: self._endpoint(target) for target in targets}
        self.register_outputs({})

    def _endpoint(self, target: Target) -> network.PrivateEndpoint:
        place = self._place
        endpoint = network.PrivateEndpoint(
            f"endpoint-{target.name}",
            resource_group_name=place.group,
            private_endpoint_name=f"{place.names.of('pep')}-{target.name}",
            location=place.stack.location,
            subnet=network.SubnetArgs(id=self._where.subnets["endpoints"]),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=target.name, private_link_service_id=target.resource.id, group_ids=[target.group]
                )
            ],
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._ahead),
        )
        group = network.PrivateDnsZoneGroup(
            f"names-{target.name}",
            resource_group_name=place.group,
            private_endpoint_name=endpoint.name,
            private_dns_zone_group_name="default",
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(name=zone.replace(".", "-"), private_dns_zone_id=self._zone(zone).id)
                for zone in ZONES[target.group]
            ],
            opts=child(self),
        )
        self.names.append(group)
        self._ahead = [group]
        return endpoint

    def _zone(self, name: str) -> privatedns.PrivateZone:
        if name not in self._zones:
            zone = privatedns.PrivateZone(
                f"zone-{name}",
                resource_group_name=self._place.group,
                private_zone_name=name,
                location="global",
                tags=self._place.tags,
                opts=child(self),
            )
            link = privatedns.VirtualNetworkLink(
                f"link-{name}",
                resource_group_name=self._place.group,
                private_zone_name=zone.name,
                virtual_network_link_name=self._place.names.of("link"),
                location="global",
                registration_enabled=False,
                virtual_network=privatedns.SubResourceArgs(id=self._where.virtual_network.id),
                tags=self._place.tags,
                opts=child(self),
            )
            self.names.append(link)
            self._zones[name] = zone
        return self._zones[name]
