"""One hub, put together: components in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import managedidentity, resources

from infra.components import role_grants
from infra.components.alerts import Alerts
from infra.components.api_gateway import ACCESS_KEY, ApiGateway
from infra.components.apis import CONNECTOR_PATH, Apis
from infra.components.app_settings import Surroundings, app_settings
from infra.components.events import Events
from infra.components.fhir import Fhir
from infra.components.function_app import FunctionApp
from infra.components.messaging import Messaging, event_queue
from infra.components.network import Network
from infra.components.observability import Observability
from infra.components.private_access import PrivateAccess, Target
from infra.components.relay import Listener, Relay
from infra.components.role_grants import Grant, RoleGrants
from infra.components.storage import ARCHIVE, DEAD_EVENTS, DEPLOYMENTS, Encryption, Storage
from infra.components.vault import Vault
from infra.components.workbook import Workbook
from infra.config import Stack
from infra.deployment.resources import Action
from infra.names import Names
from infra.place import Place
from shared.message.errors.configuration import StackInvalid
from shared.registry import Interface, Registry


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the files do not say.

    Attributes:
        code: Digest of the code; another one sends it.
        month: Where a new budget begins.
        gateway_has_endpoint: Whether callers can reach it privately already, so that it can be closed.
    """

    subscription: str
    tenant: str
    code: str
    month: str
    gateway_has_endpoint: bool = False


class Hub:
    """Every component of one stack."""

    def __init__(self, stack: Stack, registry: Registry, occasion: Occasion) -> None:
        self.stack, self.occasion = stack, occasion
        self.interfaces = interfaces_of(registry)
        self.subscribers = event_destinations(registry)
        self.place = _place(stack)
        self._declare_ground()
        self._declare_data()
        self._declare_app()
        self._declare_gateway()
        ready = self._declare_grants()
        doors = self._declare_private_access()
        self._bring_to_life(ready, doors)
        self._watch()

    def _declare_ground(self) -> None:
        """Identities, logs, network, vault; and the key, where the stack wants its own."""
        self.identity = self._identity("hub")
        self.observability = Observability(self.place)
        self.network = Network(self.place) if self.stack.private else None
        self.vault = Vault(self.place, self.occasion.tenant)
        self.grants = RoleGrants(self.occasion.subscription)
        self.encryption: Encryption | None = None
        if self.stack.customer_managed_keys:
            owner = self._identity("encryption")
            may_use = self.grants.give(
                role_grants.WITH_OWN_KEY, {"encryption": owner.principal_id}, {"vault": self.vault.vault.id}
            )
            spread = self._act("let-roles-spread", {"of": owner.principal_id}, may_use, name="encryption-roles")
            self.encryption = Encryption(self.vault.vault, owner, [*self.vault.keys, spread])

    def _declare_data(self) -> None:
        """Everything a message passes through or rests in."""
        self.storage = Storage(self.place, self.encryption)
        self.messaging = Messaging(self.place, self.subscribers, self.encryption)
        self.events = Events(self.place)
        self.relay = Relay(self.place)
        self.fhir = Fhir(self.place) if self.stack.fhir.managed else None

    def _declare_app(self) -> None:
        endpoints = self.storage.data.primary_endpoints
        around = Surroundings(
            client_id=self.identity.client_id,
            host_account=self.storage.host.name,
            tables=endpoints.table,
            blobs=endpoints.blob,
            service_bus=self.messaging.host,
            event_topic=self.events.topic.endpoint,
            key_vault=self.vault.url,
            insights=self.observability.insights.connection_string,
            fhir=pulumi.Output.from_input(self.fhir.url if self.fhir else self.stack.fhir.url or ""),
        )
        self.app = FunctionApp(
            self.place,
            identity=self.identity,
            host=self.storage.host,
            package=self.storage.containers[DEPLOYMENTS],
            settings=app_settings(self.stack.stage, self.stack.functions.partitions, around),
            subnet=self._subnet("functions"),
        )

    def _declare_gateway(self) -> None:
        self.gateway = ApiGateway(
            self.place,
            hub_url=self.app.url,
            insights=self.observability.insights,
            subnet=self._subnet("gateway"),
            is_closed=not self.stack.gateway_public and self.occasion.gateway_has_endpoint,
        )
        self.listener_identity = self._identity("listener") if self.stack.relay.listener_image else None
        self.app.admit([self.gateway.principal])

    def _declare_grants(self) -> list[pulumi.Resource]:
        """Give every role of the table; return the assignments."""
        return self.grants.give(self._table(), self._principals(), self._scopes())

    def _table(self) -> tuple[Grant, ...]:
        has_listener = self.listener_identity is not None
        rows = [*role_grants.ALWAYS]
        rows += role_grants.WITH_FHIR if self.fhir else ()
        rows += role_grants.WITH_REGISTRY if has_listener and self.stack.relay.registry else ()
        for connector in self.stack.relay.connectors:
            rows += role_grants.connector_grants(connector, has_listener=has_listener)
        for name in self.subscribers:
            rows += role_grants.event_grants(name, has_subscriber=name in self.stack.event_subscribers)
        return tuple(rows)

    def _principals(self) -> dict[str, pulumi.Input[str]]:
        found: dict[str, pulumi.Input[str]] = {
            "hub": self.identity.principal_id,
            "gateway": self.gateway.principal,
            "topic": self.events.principal,
        }
        if self.listener_identity is not None:
            found["listener"] = self.listener_identity.principal_id
        found |= {f"connector {name}": principal for name, principal in self.stack.relay.connectors.items()}
        return found | {f"subscriber {name}": principal for name, principal in self.stack.event_subscribers.items()}

    def _scopes(self) -> dict[str, pulumi.Input[str]]:
        queues = self.messaging.stages | {event_queue(name): queue for name, queue in self.messaging.events.items()}
        found: dict[str, pulumi.Input[str]] = {
            "host account": self.storage.host.id,
            "data account": self.storage.data.id,
            "archive": self.storage.containers[ARCHIVE].id,
            "dead events": self.storage.containers[DEAD_EVENTS].id,
            "topic": self.events.topic.id,
            "vault": self.vault.vault.id,
            f"secret {ACCESS_KEY}": pulumi.Output.concat(self.vault.vault.id, "/secrets/", ACCESS_KEY),
            "insights": self.observability.insights.id,
        }
        if self.fhir is not None:
            found["fhir"] = self.fhir.service.id
        if self.stack.relay.registry is not None:
            found["registry"] = self.stack.relay.registry
        found |= {f"queue {name}": queue.id for name, queue in queues.items()}
        return found | {
            f"connection {connector}-{way}": connection.id
            for (connector, way), connection in self.relay.connections.items()
        }

    def _declare_private_access(self) -> list[pulumi.Resource]:
        """Return the endpoints, their names, and the closed door: none in a stack that is not private."""
        if self.network is None:
            return []
        targets = [
            Target("archive", self.storage.data, "blob"),
            Target("ledger", self.storage.data, "table"),
            Target("host", self.storage.host, "blob"),
            Target("broker", self.messaging.namespace, "namespace"),
            Target("topic", self.events.topic, "topic"),
            Target("vault", self.vault.vault, "vault"),
            Target("hub", self.app.app, "sites"),
            Target("gateway", self.gateway.service, "Gateway"),
        ]
        if self.fhir is not None:
            targets.append(Target("fhir", self.fhir.workspace, "healthcareworkspace"))
        access = PrivateAccess(self.place, self.network, targets, [self.app.app, self.gateway.service])
        doors = [*access.endpoints.values(), *access.names]
        if not self.stack.gateway_public:
            return [*doors, self._act("close-door", {"service_id": self.gateway.service.id}, doors)]
        return doors

    def _bring_to_life(self, ready: list[pulumi.Resource], doors: list[pulumi.Resource]) -> None:
        """Send the code once everything it needs is there; then let callers in."""
        vault: dict[str, pulumi.Input[str]] = {"vault_id": self.vault.vault.id}
        key = self._act("make-hub-key", vault, doors)
        code: dict[str, pulumi.Input[str]] = {"hub_url": self.app.url, "scm_url": _scm_url(self.place.names)}
        alive = self._act("send-code", code, [key, *ready, *doors], revision=self.occasion.code)
        access = {**vault, "app_id": self.app.app.id, "name": ACCESS_KEY}
        made = self._act("make-access-key", access, [alive])
        key_url = pulumi.Output.concat(self.vault.url, "secrets/", ACCESS_KEY)
        may_read = self.grants.give(role_grants.WITH_ACCESS_KEY, self._principals(), self._scopes(), [made])
        spread = self._act("let-roles-spread", {"of": self.gateway.principal}, may_read, name="gateway-roles")
        guarded = self.gateway.guard(self.gateway.read_key(key_url, [spread]))
        Apis(self.place, self.gateway, self.interfaces, self._connector_principals(), [guarded])
        # Both need roles that were given long ago by now, and the listener's environment joins the network.
        self.events.deliver(self.messaging.events, self.storage.data, [*ready, alive])
        self._listen([*ready, alive])

    def _connector_principals(self) -> list[pulumi.Input[str]]:
        """Return who sends for connectors: they themselves over HTTPS, and the listener for what comes by Relay."""
        listener = [self.listener_identity.principal_id] if self.listener_identity is not None else []
        return [*self.stack.relay.connectors.values(), *listener]

    def _listen(self, after: list[pulumi.Resource]) -> None:
        image = self.stack.relay.listener_image
        if image is None or self.listener_identity is None:
            return
        Listener(
            self.place,
            image=image,
            identity=self.listener_identity,
            observability=self.observability,
            subnet=self._subnet("listener"),
            client_id=self.listener_identity.client_id,
            relay_host=self.relay.host,
            hub_url=pulumi.Output.concat(self.gateway.service.gateway_url, "/", CONNECTOR_PATH),
            after=after,
        )

    def _watch(self) -> None:
        watched: dict[str, pulumi.CustomResource] = {
            "broker": self.messaging.namespace,
            "topic": self.events.topic,
            "vault": self.vault.vault,
            "relay": self.relay.namespace,
            "hub": self.app.app,
        }
        if self.gateway.tier.has_logs:
            watched["gateway"] = self.gateway.service
        if self.fhir is not None:
            watched["fhir"] = self.fhir.service
        for name, resource in watched.items():
            self.observability.diagnose(name, resource, has_metrics=name == "broker")
        alerts = Alerts(self.place, self.observability)
        events = [event_queue(name) for name in self.messaging.events]
        alerts.watch_broker(self.messaging.namespace, list(self.messaging.stages), events)
        alerts.watch_events(self.events.topic)
        alerts.watch_codes()
        alerts.watch_silence(self.interfaces)
        alerts.watch_bill(self.occasion.subscription, self.occasion.month)
        Workbook(self.place, self.observability, gateway_has_logs=self.gateway.tier.has_logs)

    def _identity(self, name: str) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            f"identity-{name}",
            resource_group_name=self.place.group,
            resource_name_=f"{self.place.names.of('id')}-{name}",
            location=self.stack.location,
            tags=self.place.tags,
        )

    def _subnet(self, name: str) -> pulumi.Output[str] | None:
        return self.network.subnets[name] if self.network else None

    def _act(
        self,
        action: str,
        props: Mapping[str, pulumi.Input[str]],
        after: list[pulumi.Resource],
        revision: str = "1",
        name: str = "",
    ) -> Action:
        return Action(name or action, action, revision, props, pulumi.ResourceOptions(depends_on=after))


def interfaces_of(registry: Registry) -> list[Interface]:
    """Return the interfaces that take messages in this stage, by name."""
    living = [one for one in registry.interfaces.values() if one.lifecycle != "retired"]
    return sorted(living, key=lambda one: one.id)


def event_destinations(registry: Registry) -> list[str]:
    """Return the destinations that hear of messages by event, by name."""
    return sorted(name for name, one in registry.destinations.items() if one.kind == "event")


def refuse_strangers(stack: Stack, registry: Registry) -> None:
    """Refuse a name in the stack's file that nothing in `interfaces/` has: what it asks for would guard nothing.

    Raises:
        StackInvalid: naming the first of them.
    """
    for key, named, known in (
        ("gateway.partnerCertificates", stack.gateway.partner_certificates, registry.interfaces),
        ("eventSubscribers", stack.event_subscribers, event_destinations(registry)),
    ):
        for name in sorted(set(named) - set(known)):
            raise StackInvalid(f"Pulumi.{stack.stage}.yaml: caduceus:{key}: nothing in interfaces/ is called {name}")


def refuse_shut_in(stack: Stack, registry: Registry) -> None:
    """Refuse a private stack that says of a destination neither where it is nor that it is behind a connector.

    Raises:
        StackInvalid: naming all of them: what is for them would be parked from the first message on.
    """
    leaving = ("https", "mllp") if stack.fhir.managed else ("https", "mllp", "fhir_store")
    outside = {name for name, one in registry.destinations.items() if one.kind in leaving}
    unsaid = ", ".join(sorted(outside - set(stack.outbound)))
    if stack.private and unsaid:
        raise StackInvalid(f"Pulumi.{stack.stage}.yaml: caduceus:outbound: says nothing of {unsaid}")


def _place(stack: Stack) -> Place:
    names = Names(stack.prefix, stack.stage)
    tags = {"application": "caduceus", "data": "health", "managed-by": "pulumi", "stage": stack.stage}
    group = resources.ResourceGroup(
        "group",
        resource_group_name=names.of("rg"),
        location=stack.location,
        tags=tags,
        opts=pulumi.ResourceOptions(protect=stack.protect),
    )
    return Place(stack=stack, names=names, group=group.name, tags=tags)


def _scm_url(names: Names) -> str:
    """Return where the app takes its code."""
    return f"https://{names.of('func')}.scm.azurewebsites.net"
