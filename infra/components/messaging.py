"""The broker: one queue for each stage, with sessions, so that order holds."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi
from pulumi_azure_native import servicebus

from infra.components.storage import Encryption
from infra.components.vault import KEY_NAME
from infra.place import Place, child

# The queue of a stage has the name of the stage. Ingest has none: it is called, and acknowledges.
STAGE_QUEUES = ("transform", "route", "deliver")


class Messaging(pulumi.ComponentResource):
    """The namespace, the queues of the stages, and one queue for each subscriber of events."""

    namespace: servicebus.Namespace
    stages: dict[str, servicebus.Queue]
    events: dict[str, servicebus.Queue]

    def __init__(self, place: Place, subscribers: Iterable[str], encryption: Encryption | None) -> None:
        super().__init__("caduceus:Messaging", "messaging")
        self._place = place
        self.namespace = self._namespace(encryption)
        self.stages = {name: self._stage_queue(name) for name in STAGE_QUEUES}
        self.events = {name: self._event_queue(name) for name in subscribers}
        if place.stack.private:
            self._close()
        self.register_outputs({})

    @property
    def host(self) -> pulumi.Output[str]:
        """The namespace's name in the network."""
        return pulumi.Output.concat(self.namespace.name, ".servicebus.windows.net")

    def _namespace(self, encryption: Encryption | None) -> servicebus.Namespace:
        place, tier = self._place, self._place.stack.service_bus.tier
        is_premium = tier == "Premium"
        return servicebus.Namespace(
            "namespace",
            resource_group_name=place.group,
            namespace_name=place.names.of("sb"),
            location=place.stack.location,
            sku=servicebus.SBSkuArgs(
                name=tier, tier=tier, capacity=place.stack.service_bus.messaging_units if is_premium else None
            ),
            premium_messaging_partitions=1 if is_premium else None,
            disable_local_auth=True,
            minimum_tls_version="1.2",
            public_network_access=place.public_access,
            zone_redundant=place.stack.zone_redundant if is_premium else None,
            geo_data_replication=_replicas(place),
            **(_owned_by(encryption) if encryption else {}),
            tags=place.tags,
            opts=pulumi.ResourceOptions(
                parent=self, protect=place.stack.protect, depends_on=encryption.ready if encryption else None
            ),
        )

    def _close(self) -> None:
        """Let nobody in by the public address but Event Grid, which delivers as a trusted service."""
        servicebus.NamespaceNetworkRuleSet(
            "rules",
            resource_group_name=self._place.group,
            namespace_name=self.namespace.name,
            default_action="Deny",
            public_network_access="Disabled",
            trusted_service_access_enabled=True,
            opts=child(self),
        )

    def _stage_queue(self, name: str) -> servicebus.Queue:
        """Return the queue of a stage; the hub settles each message by itself, so a dead letter is our fault (R5)."""
        return servicebus.Queue(
            f"queue-{name}",
            resource_group_name=self._place.group,
            namespace_name=self.namespace.name,
            queue_name=name,
            requires_session=True,
            requires_duplicate_detection=True,
            duplicate_detection_history_time_window="PT10M",
            lock_duration="PT5M",
            max_delivery_count=100,
            dead_lettering_on_message_expiration=True,
            default_message_time_to_live="P3650D",  # nothing expires in silence
            max_size_in_megabytes=5120,
            enable_batched_operations=True,
            opts=child(self, protect=self._place.stack.protect),
        )

    def _event_queue(self, name: str) -> servicebus.Queue:
        return servicebus.Queue(
            f"events-{name}",
            resource_group_name=self._place.group,
            namespace_name=self.namespace.name,
            queue_name=event_queue(name),
            lock_duration="PT1M",
            max_delivery_count=10,
            dead_lettering_on_message_expiration=True,
            default_message_time_to_live="P14D",
            max_size_in_megabytes=1024,
            opts=child(self),
        )


def event_queue(subscriber: str) -> str:
    """Return the queue a subscriber of events reads."""
    return f"events-{subscriber}"


def _replicas(place: Place) -> servicebus.GeoDataReplicationPropertiesArgs | None:
    """Return where else the namespace lives: every message is confirmed in both places before the hub goes on."""
    stack = place.stack
    if stack.geo_location is None:
        return None
    roles = {stack.location: "Primary", stack.geo_location: "Secondary"}
    return servicebus.GeoDataReplicationPropertiesArgs(
        locations=[
            servicebus.NamespaceReplicaLocationArgs(location_name=where, role_type=role)
            for where, role in roles.items()
        ],
        max_replication_lag_duration_in_seconds=0,
    )


def _owned_by(encryption: Encryption) -> dict[str, object]:
    """Return what makes the namespace encrypt with the stack's own key, newest version always."""
    identity = encryption.identity.id
    return {
        "identity": servicebus.IdentityArgs(type="UserAssigned", user_assigned_identities=[identity]),
        "encryption": servicebus.EncryptionArgs(
            key_source="Microsoft.KeyVault",
            require_infrastructure_encryption=True,
            key_vault_properties=[
                servicebus.KeyVaultPropertiesArgs(
                    key_name=KEY_NAME,
                    key_vault_uri=encryption.vault.properties.vault_uri,
                    identity=servicebus.UserAssignedIdentityPropertiesArgs(user_assigned_identity=identity),
                )
            ],
        ),
    }
