"""Thin events: one topic, one subscription for each destination of kind `event`, nothing lost without a trace."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_azure_native import eventgrid, servicebus, storage

from infra.components.storage import DEAD_EVENTS
from infra.place import Place, child


class Events(pulumi.ComponentResource):
    """The topic. Its own identity delivers to the queues, and writes what could not be delivered to a container."""

    topic: eventgrid.Topic
    subscriptions: dict[str, eventgrid.EventSubscription]

    def __init__(self, place: Place) -> None:
        super().__init__("caduceus:Events", "events")
        self.topic = eventgrid.Topic(
            "topic",
            resource_group_name=place.group,
            topic_name=place.names.of("evgt"),
            location=place.stack.location,
            input_schema="CloudEventSchemaV1_0",
            disable_local_auth=True,
            minimum_tls_version_allowed="1.2",
            public_network_access=place.public_access,
            identity=eventgrid.IdentityInfoArgs(type="SystemAssigned"),
            tags=place.tags,
            opts=child(self),
        )
        self.subscriptions = {}
        self.register_outputs({})

    @property
    def principal(self) -> pulumi.Output[str]:
        """Who delivers."""
        found: pulumi.Output[str] = self.topic.identity.principal_id
        return found

    def deliver(
        self, queues: Mapping[str, servicebus.Queue], dead: storage.StorageAccount, after: list[pulumi.Resource]
    ) -> None:
        """Subscribe each queue to its own events.

        Args:
            after: The roles of the topic's identity: Azure tries them when the subscription is made.
        """
        for name, queue in queues.items():
            self.subscriptions[name] = self._subscription(name, queue, dead, after)

    def _subscription(
        self, name: str, queue: servicebus.Queue, dead: storage.StorageAccount, after: list[pulumi.Resource]
    ) -> eventgrid.EventSubscription:
        return eventgrid.EventSubscription(
            f"subscription-{name}",
            scope=self.topic.id,
            event_subscription_name=f"to-{name.replace('_', '-')}",
            event_delivery_schema="CloudEventSchemaV1_0",
            delivery_with_resource_identity=eventgrid.DeliveryWithResourceIdentityArgs(
                identity=_own_identity(),
                destination=eventgrid.ServiceBusQueueEventSubscriptionDestinationArgs(
                    endpoint_type="ServiceBusQueue", resource_id=queue.id
                ),
            ),
            # Without it, what a receiver refuses (400, 413) is dropped and nobody hears of it.
            dead_letter_with_resource_identity=eventgrid.DeadLetterWithResourceIdentityArgs(
                identity=_own_identity(),
                dead_letter_destination=eventgrid.StorageBlobDeadLetterDestinationArgs(
                    endpoint_type="StorageBlob", resource_id=dead.id, blob_container_name=DEAD_EVENTS
                ),
            ),
            # A topic is one place for all: each subscriber sees the events of its own deliveries, and no others.
            filter=eventgrid.EventSubscriptionFilterArgs(
                advanced_filters=[
                    eventgrid.StringInAdvancedFilterArgs(
                        operator_type="StringIn", key="data.destination", values=[name]
                    )
                ]
            ),
            retry_policy=eventgrid.RetryPolicyArgs(max_delivery_attempts=30, event_time_to_live_in_minutes=1440),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )


def _own_identity() -> eventgrid.EventSubscriptionIdentityArgs:
    return eventgrid.EventSubscriptionIdentityArgs(type="SystemAssigned")
