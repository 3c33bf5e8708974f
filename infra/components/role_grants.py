"""Who may do what, as one table: identity, role, scope. What is not here is not allowed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

# Built-in roles: name -> id (Microsoft Learn, "Azure built-in roles"). All of them act on data, none on resources.
ROLES = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Azure Relay Listener": "26e0b698-aa6d-4085-9386-aadae190014d",
    "Azure Relay Sender": "26baccc8-eea7-41f1-98f4-1762cc7f685d",
    "Azure Service Bus Data Receiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    "Azure Service Bus Data Sender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "EventGrid Data Sender": "d5a91429-5739-47e2-a06b-3470a27159e7",
    "FHIR Data Contributor": "5a1fc7df-4bf1-4951-a576-89034ee01acd",
    "Key Vault Crypto Service Encryption User": "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One row: names of an identity, of a role in `ROLES`, and of a scope."""

    identity: str
    role: str
    scope: str

    @property
    def name(self) -> str:
        """Name of the resource in Pulumi; Azure's own name is derived from it."""
        return f"{self.identity} as {self.role} of {self.scope}"


# Every stack. Identities: `hub` is the Function App, `gateway` API Management, `topic` the Event Grid topic.
ALWAYS = (
    Grant("hub", "Storage Blob Data Owner", "host account"),  # what the Functions host asks for its own storage
    Grant("hub", "Storage Blob Data Contributor", "archive"),
    Grant("hub", "Storage Table Data Contributor", "data account"),
    Grant("hub", "Azure Service Bus Data Sender", "queue transform"),
    Grant("hub", "Azure Service Bus Data Receiver", "queue transform"),
    Grant("hub", "Azure Service Bus Data Sender", "queue route"),
    Grant("hub", "Azure Service Bus Data Receiver", "queue route"),
    Grant("hub", "Azure Service Bus Data Sender", "queue deliver"),
    Grant("hub", "Azure Service Bus Data Receiver", "queue deliver"),
    Grant("hub", "EventGrid Data Sender", "topic"),
    Grant("hub", "Key Vault Secrets User", "vault"),
    Grant("hub", "Monitoring Metrics Publisher", "insights"),
    Grant("gateway", "Monitoring Metrics Publisher", "insights"),
    Grant("topic", "Storage Blob Data Contributor", "dead events"),
)
WITH_ACCESS_KEY = (Grant("gateway", "Key Vault Secrets User", "secret hub-access"),)
WITH_FHIR = (Grant("hub", "FHIR Data Contributor", "fhir"),)
WITH_REGISTRY = (Grant("listener", "AcrPull", "registry"),)
WITH_OWN_KEY = (Grant("encryption", "Key Vault Crypto Service Encryption User", "vault"),)


def connector_grants(connector: str, *, has_listener: bool) -> tuple[Grant, ...]:
    """Return what one connector needs: it sends up and listens down; the hub's side does the opposite."""
    up, down = f"connection {connector}-up", f"connection {connector}-down"
    ours = (Grant("listener", "Azure Relay Listener", up),) if has_listener else ()
    return (
        Grant(f"connector {connector}", "Azure Relay Sender", up),
        Grant(f"connector {connector}", "Azure Relay Listener", down),
        Grant("hub", "Azure Relay Sender", down),
        *ours,
    )


def event_grants(destination: str, *, has_subscriber: bool) -> tuple[Grant, ...]:
    """Return who fills the queue of a subscriber, and who reads it."""
    queue = f"queue events-{destination}"
    reader = (Grant(f"subscriber {destination}", "Azure Service Bus Data Receiver", queue),) if has_subscriber else ()
    return (Grant("topic", "Azure Service Bus Data Sender", queue), *reader)


class RoleGrants(pulumi.ComponentResource):
    """The role assignments of a stack, row by row."""

    assignments: dict[Grant, authorization.RoleAssignment]

    def __init__(self, subscription: str) -> None:
        super().__init__("caduceus:RoleGrants", "role-grants")
        self._definitions = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions"
        self.assignments = {}
        self.register_outputs({})

    def give(
        self,
        grants: Iterable[Grant],
        identities: Mapping[str, pulumi.Input[str]],
        scopes: Mapping[str, pulumi.Input[str]],
        after: Sequence[pulumi.Resource] = (),
    ) -> list[pulumi.Resource]:
        """Assign each row; return the assignments, for what must not begin without them.

        Args:
            identities: Principal ids, by the names the rows use.
            scopes: Resource ids, likewise.
            after: What must be there before: Azure refuses a role on something that is not.
        """
        made = {
            grant: self._assign(grant, identities[grant.identity], scopes[grant.scope], list(after)) for grant in grants
        }
        self.assignments |= made
        return list(made.values())

    def _assign(
        self, grant: Grant, principal: pulumi.Input[str], scope: pulumi.Input[str], after: list[pulumi.Resource]
    ) -> authorization.RoleAssignment:
        where = pulumi.Output.from_input(scope)
        # Whose it is, is part of the name: Azure refuses to hand an assignment on to an identity that was made anew.
        named_by = pulumi.Output.all(where, principal)
        return authorization.RoleAssignment(
            grant.name,
            scope=where,
            principal_id=principal,
            principal_type="ServicePrincipal",
            role_definition_id=f"{self._definitions}/{ROLES[grant.role]}",
            role_assignment_name=named_by.apply(
                lambda by: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{by[0]}#{grant.name}#{by[1]}"))
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
