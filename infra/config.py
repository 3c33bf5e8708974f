"""The configuration of one stack: `Pulumi.<stack>.yaml`, validated whole before anything is declared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from cryptography.x509 import load_pem_x509_certificate
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from shared.message.errors.configuration import StackInvalid

PROJECT = "caduceus"
_STRICT = ConfigDict(extra="forbid", alias_generator=to_camel, validate_by_name=False, validate_by_alias=True)

LISTENERS_IN_REPLICA = 16  # of a quarter of a core each: a replica on the consumption profile has four cores at most

_SERVICE_TAG = re.compile(r"^[A-Z][A-Za-z0-9]+(\.[A-Za-z0-9]+)?$")  # Storage.westeurope

Stage = Literal["dev", "test", "prod"]
GatewayTier = Literal["Consumption", "Developer", "StandardV2", "PremiumV2"]
Redundancy = Literal["Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS"]
Text = Annotated[str, Field(min_length=1)]
Guid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Thumbprint = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{40}$")]
Thumbprints = Annotated[tuple[Thumbprint, ...], Field(min_length=1)]
Image = Annotated[str, Field(pattern=r"^[a-z0-9.:-]+/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$")]
Registry = Annotated[
    str,
    Field(
        pattern=r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry/registries/[^/]+$"
    ),
]
ConnectorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


def _is_certificate(text: str) -> str:
    try:
        load_pem_x509_certificate(text.encode())
    except ValueError:
        raise ValueError("is no certificate in PEM") from None
    return text


Pem = Annotated[str, AfterValidator(_is_certificate)]


def _is_network(text: str) -> str:
    if IPv4Network(text).prefixlen > 22:
        raise ValueError("is smaller than a /22: five subnets do not fit")
    return text


def is_service_tag(text: str) -> bool:
    """Return whether an address is a name of Azure's for many: ``Storage.westeurope``."""
    return _SERVICE_TAG.match(text) is not None


def _is_elsewhere(text: str) -> str:
    if is_service_tag(text):
        if text in ("AzureCloud", "Internet", "VirtualNetwork"):
            raise ValueError("is everywhere")
    elif IPv4Network(text).prefixlen < 8:
        raise ValueError("is everywhere")
    return text


Elsewhere = Annotated[str, AfterValidator(_is_elsewhere)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
PlaceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,60}$")]


@dataclass(frozen=True, config=_STRICT)
class Outbound:
    """One place outside that the hub of a private stack may reach.

    Attributes:
        addresses: IPv4 networks, or service tags; none for a destination behind a connector.
    """

    addresses: tuple[Elsewhere, ...] = ()
    ports: Annotated[tuple[PortNumber, ...], Field(min_length=1)] = (443,)


@dataclass(frozen=True, config=_STRICT)
class Entra:
    """The app registration that stands for the hub: who may call it is decided there."""

    tenant_id: Guid
    client_id: Guid
    audience: Text


@dataclass(frozen=True, config=_STRICT)
class ServiceBus:
    """The broker. Private endpoints, customer-managed keys and geo replication need Premium."""

    tier: Literal["Standard", "Premium"] = "Standard"
    messaging_units: Literal[1, 2, 4, 8, 16] = 1


@dataclass(frozen=True, config=_STRICT)
class Functions:
    """How the Function App scales.

    Attributes:
        partitions: One for each 50 messages a second (rule R2): more of them make emptier envelopes.
    """

    partitions: Annotated[int, Field(ge=1, le=64)] = 1
    memory_mb: Literal[512, 2048, 4096] = 2048
    maximum_instances: Annotated[int, Field(ge=1, le=1000)] = 40
    always_ready_ingest: Annotated[int, Field(ge=0, le=20)] = 0
    always_ready_stages: Annotated[int, Field(ge=0, le=20)] = 0


@dataclass(frozen=True, config=_STRICT)
class Deprecation:
    """An API that goes away: what its callers are told with every answer."""

    since: Day
    sunset: Day
    link: Annotated[str, Field(pattern=r"^https://\S+$")]


@dataclass(frozen=True, config=_STRICT)
class Gateway:
    """API Management: the one door for callers.

    Attributes:
        partner_certificates: By interface: who sends to it must show one of these certificates too.
        partner_authorities: Who issued them, as PEM, where that is none of the public authorities.
        partner_certificates_pinned: The thumbprint and the dates alone decide, whoever issued it.
    """

    publisher_name: Text
    publisher_email: Email
    tier: GatewayTier = "Consumption"
    units: Annotated[int, Field(ge=1, le=10)] = 1
    partner_certificates: dict[str, Thumbprints] = field(default_factory=dict)
    partner_authorities: tuple[Pem, ...] = ()
    partner_certificates_pinned: bool = False
    deprecations: dict[Literal["fhir", "hub"], Deprecation] = field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class Relay:
    """Connectors on premises that reach the hub, and are reached, through Azure Relay.

    Attributes:
        listener_image: By its digest: what a tag names can be changed by whoever may push.
        registry: Where it lies, if that is a registry of Azure's: the listener is allowed to pull from it.
    """

    connectors: dict[ConnectorName, Guid] = field(default_factory=dict)
    listener_image: Image | None = None
    registry: Registry | None = None
    listener_replicas: Annotated[int, Field(ge=1, le=10)] = 2


@dataclass(frozen=True, config=_STRICT)
class Fhir:
    """The FHIR store: one that is made here, or one that exists."""

    managed: bool = True
    url: Annotated[str, Field(pattern=r"^https://\S+[^/]$")] | None = None


@dataclass(frozen=True, config=_STRICT)
class Logs:
    """Telemetry. It holds codes, ids and counts: no patient data."""

    retention_days: Annotated[int, Field(ge=30, le=730)] = 30
    daily_cap_gb: Annotated[float, Field(gt=0)] = 1.0


@dataclass(frozen=True, config=_STRICT)
class Stack:
    """One hub in Azure.

    Attributes:
        prefix: Short name of the organisation; part of every resource name, so it must be unique in the world.
        private: Everything but the gateway's and the Relay's own doors is reached through private endpoints only.
        gateway_public: Whether the gateway has a public address; if not, callers come through its private endpoint.
        protect: Pulumi refuses to delete what holds data.
        event_subscribers: By destination of kind `event`: the principal that reads its queue.
        outbound: What a private stack's hub may reach beside Azure's own services; destinations by their names.
        archive_immutable_days: The archive refuses to change or delete a payload for so long; 0: not enforced.
        monthly_budget: In the currency of the subscription; an e-mail goes out at 80 % and when 100 % is forecast.
    """

    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{2,11}$")]
    stage: Stage
    location: Annotated[str, Field(pattern=r"^[a-z0-9]+$")]
    alert_emails: Annotated[tuple[Email, ...], Field(min_length=1)]
    entra: Entra
    gateway: Gateway
    private: bool = False
    gateway_public: bool = True
    zone_redundant: bool = False
    customer_managed_keys: bool = False
    protect: bool = False
    geo_location: Annotated[str, Field(pattern=r"^[a-z0-9]+$")] | None = None
    network: Annotated[str, AfterValidator(_is_network)] = "10.40.0.0/16"
    storage_redundancy: Redundancy = "Standard_LRS"
    archive_immutable_days: Annotated[int, Field(ge=0, le=146_000)] = 0
    monthly_budget: Annotated[int, Field(ge=1)] = 200
    service_bus: ServiceBus = field(default_factory=ServiceBus)
    functions: Functions = field(default_factory=Functions)
    relay: Relay = field(default_factory=Relay)
    fhir: Fhir = field(default_factory=Fhir)
    logs: Logs = field(default_factory=Logs)
    event_subscribers: dict[str, Guid] = field(default_factory=dict)
    outbound: dict[PlaceName, Outbound] = field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for is_wrong, what in self._contradictions():
            if is_wrong:
                raise ValueError(what)
        return self

    def _contradictions(self) -> tuple[tuple[bool, str], ...]:
        is_premium, tier = self.service_bus.tier == "Premium", self.gateway.tier
        return (
            (self.private and not is_premium, "private needs serviceBus.tier Premium"),
            (self.private and not tier.endswith("V2"), "private needs gateway.tier StandardV2 or PremiumV2"),
            (not self.private and not self.gateway_public, "gatewayPublic: false needs private: true"),
            (not self.private and bool(self.outbound), "outbound needs private: true"),
            (
                self.private and self.relay.listener_image is not None and self.relay.registry is None,
                "relay.listenerImage: a private stack pulls from relay.registry alone",
            ),
            (self.customer_managed_keys and not is_premium, "customerManagedKeys needs serviceBus.tier Premium"),
            (self.geo_location is not None and not is_premium, "geoLocation needs serviceBus.tier Premium"),
            (self.geo_location == self.location, "geoLocation is the location itself"),
            (self._is_crowded(), f"relay.listenerImage: one replica holds {LISTENERS_IN_REPLICA} connectors at most"),
            (
                tier != "Developer" and bool(self.gateway.partner_authorities),
                f"gateway.partnerAuthorities: {tier} knows public authorities only",
            ),
            (
                self.zone_redundant and not self.private and self.relay.listener_image is not None,
                "zoneRedundant: a listener stands in zones only in a network: it needs private: true",
            ),
            (self.fhir.managed == (self.fhir.url is not None), "fhir needs either managed: true or an url"),
        )  # fmt: skip

    def _is_crowded(self) -> bool:
        return self.relay.listener_image is not None and len(self.relay.connectors) > LISTENERS_IN_REPLICA


def read_stack_file(folder: Path, name: str) -> Stack:
    """Return the configuration that `Pulumi.<name>.yaml` has, without Pulumi.

    Raises:
        StackInvalid: see `read_stack`; or there is no such file.
    """
    file = folder / f"Pulumi.{name}.yaml"
    try:
        written = yaml.safe_load(file.read_text("utf-8"))["config"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise StackInvalid(f"{file.name}: {type(error).__name__}") from None
    plain = json.loads(json.dumps(written, default=str))  # a day is text, as it is for Pulumi
    return read_stack(name, of_project(plain))


def of_project(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of this project without its name; a value that Pulumi hands on as JSON text is read."""
    prefix = f"{PROJECT}:"
    return {key.removeprefix(prefix): _plain(value) for key, value in config.items() if key.startswith(prefix)}


def _plain(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def read_stack(name: str, given: Mapping[str, Any]) -> Stack:
    """Return the configuration of a stack.

    Args:
        name: The stack, as `pulumi stack select` takes it, without an organisation.
        given: Its keys without the project, with their values as JSON has them.
    Raises:
        StackInvalid: a key is unknown, missing, of the wrong kind, or contradicts another one.
    """
    try:
        stack = TypeAdapter(Stack).validate_python(dict(given))
    except ValidationError as error:
        faults = "; ".join(_fault(one["loc"], one["msg"]) for one in error.errors())
        raise StackInvalid(f"Pulumi.{name}.yaml: {faults}") from None
    if stack.stage != name:
        raise StackInvalid(f"Pulumi.{name}.yaml: {PROJECT}:stage: is {stack.stage}, and the stack is {name}")
    return stack


def _fault(where: tuple[str | int, ...], said: str) -> str:
    path = ".".join(str(part) for part in where)
    words = {"Unexpected keyword argument": "unknown key", "Field required": "missing"}
    return f"{PROJECT}:{path}: {words.get(said, said.removeprefix('Value error, '))}" if path else said
