"""The way to hospitals that open no port: Azure Relay, and the listener on the hub's side of it."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import app, managedidentity, relay

from infra.components.observability import Observability
from infra.place import Place, child

UP, DOWN = "up", "down"
FIRST_HEALTH_PORT = 8080  # the containers of a replica share its network: each has a port of its own


class Relay(pulumi.ComponentResource):
    """The namespace, and two hybrid connections for each connector.

    ``up`` carries messages to ingest: the connector sends, our listener takes. ``down`` carries deliveries: the hub
    sends, the connector takes. The namespace has a public address by design: connectors reach it from hospitals,
    outbound 443 only, and sign in with Entra.
    """

    namespace: relay.Namespace
    connections: dict[tuple[str, str], relay.HybridConnection]

    def __init__(self, place: Place) -> None:
        super().__init__("caduceus:Relay", "relay")
        self._place = place
        self.namespace = relay.Namespace(
            "namespace",
            resource_group_name=place.group,
            namespace_name=place.names.of("relay"),
            location=place.stack.location,
            sku=relay.SkuArgs(name="Standard", tier="Standard"),
            public_network_access="Enabled",
            tags=place.tags,
            opts=child(self),
        )
        self.connections = {
            (connector, way): self._connection(connector, way)
            for connector in place.stack.relay.connectors
            for way in (UP, DOWN)
        }
        self.register_outputs({})

    @property
    def host(self) -> pulumi.Output[str]:
        """The namespace's name in the network."""
        return pulumi.Output.concat(self.namespace.name, ".servicebus.windows.net")

    def _connection(self, connector: str, way: str) -> relay.HybridConnection:
        return relay.HybridConnection(
            f"{connector}-{way}",
            resource_group_name=self._place.group,
            namespace_name=self.namespace.name,
            hybrid_connection_name=f"{connector}-{way}",
            requires_client_authorization=True,
            opts=child(self),
        )


class Listener(pulumi.ComponentResource):
    """The cloud side of every ``up`` connection: a container, for a Function App cannot hold a connection open."""

    environment: app.ManagedEnvironment
    container: app.ContainerApp

    def __init__(
        self,
        place: Place,
        *,
        image: str,
        identity: managedidentity.UserAssignedIdentity,
        observability: Observability,
        subnet: pulumi.Input[str] | None,
        client_id: pulumi.Output[str],
        relay_host: pulumi.Output[str],
        hub_url: pulumi.Output[str],
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("caduceus:Listener", "listener")
        stack = place.stack
        self.environment = app.ManagedEnvironment(
            "environment",
            resource_group_name=place.group,
            environment_name=place.names.of("cae"),
            location=stack.location,
            app_logs_configuration=app.AppLogsConfigurationArgs(destination="azure-monitor"),
            vnet_configuration=app.VnetConfigurationArgs(infrastructure_subnet_id=subnet, internal=True)
            if subnet is not None
            else None,
            public_network_access=place.public_access,
            # A plain dict: WorkloadProfileArgs adds enableFips, which the service's own API does not know.
            workload_profiles=[{"name": "Consumption", "workload_profile_type": "Consumption"}],
            zone_redundant=stack.zone_redundant,
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        observability.diagnose("listener", self.environment)
        replicas = stack.relay.listener_replicas
        self.container = app.ContainerApp(
            "container",
            resource_group_name=place.group,
            container_app_name=place.names.of("ca-listener"),
            location=stack.location,
            environment_id=self.environment.id,
            workload_profile_name="Consumption",
            identity=app.ManagedServiceIdentityArgs(type="UserAssigned", user_assigned_identities=[identity.id]),
            configuration=app.ConfigurationArgs(
                active_revisions_mode="Single", registries=_registries(image, identity.id)
            ),
            template=app.TemplateArgs(
                containers=[
                    _container(place, image, connector, port, client_id, relay_host, hub_url)
                    for port, connector in enumerate(sorted(stack.relay.connectors), FIRST_HEALTH_PORT)
                ],
                # Always the same number: it waits on connections, and there is no queue to scale by.
                scale=app.ScaleArgs(min_replicas=replicas, max_replicas=replicas),
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        self.register_outputs({})


def _registries(image: str, identity: pulumi.Input[str]) -> list[app.RegistryCredentialsArgs]:
    """Return how to sign in where the image lies: at a registry of Azure's as the listener, elsewhere not at all."""
    server = image.partition("/")[0]
    if not server.endswith(".azurecr.io"):
        return []
    return [app.RegistryCredentialsArgs(server=server, identity=identity)]


def _container(
    place: Place,
    image: str,
    connector: str,
    health_port: int,
    client_id: pulumi.Output[str],
    relay_host: pulumi.Output[str],
    hub_url: pulumi.Output[str],
) -> app.ContainerArgs:
    where = pulumi.Output.concat("sb://", relay_host, f"/{connector}-{UP}")
    scope = f"{place.stack.entra.audience}/.default"
    return app.ContainerArgs(
        name=connector,
        image=image,
        args=["--relay", where, "--hub", hub_url, "--scope", scope, "--health-port", str(health_port)],
        env=[app.EnvironmentVarArgs(name="AZURE_CLIENT_ID", value=client_id)],
        resources=app.ContainerResourcesArgs(cpu=0.25, memory="0.5Gi"),
        # A new revision takes over once it holds a channel; one without any for five minutes is started anew.
        probes=[_probe("Readiness", health_port, failures=3), _probe("Liveness", health_port, failures=10)],
    )


def _probe(kind: str, port: int, failures: int) -> app.ContainerAppProbeArgs:
    return app.ContainerAppProbeArgs(
        type=kind,
        http_get=app.ContainerAppProbeHttpGetArgs(port=port, path="/", scheme="HTTP"),
        period_seconds=30,
        timeout_seconds=5,
        failure_threshold=failures,
    )
