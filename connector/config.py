"""What `connector.toml` says: one model for each table; an unknown key is an error."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator

from connector.keys import KINDS
from relay import HybridConnection
from shared.message.toml_types import Number, Whole


def _secret(text: str) -> str:
    if not text.startswith(KINDS) or not text.partition(":")[2]:
        raise ValueError("says where the secret is: `file:/path`, `env:NAME` or `keyring:service/name`")
    return text


def _relay(text: str) -> str:
    HybridConnection.parse(text)
    return text


def _hub(text: str) -> str:
    parts = urlsplit(text)
    is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not (parts.scheme == "https" or is_local) or not parts.hostname or parts.username or parts.query:
        raise ValueError("expected https://<host>[/path] (http to this machine alone)")
    return text.rstrip("/")


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.port is None or parts.path.strip("/") or parts.username:
        raise ValueError("expected http://<host>:<port>; user and password have keys of their own")
    return text.rstrip("/")


def _network(text: str) -> str:
    ip_network(text)  # says itself what is wrong
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", text):
        raise ValueError("expected lower-case letters, digits, _ and -, a letter first, 41 at most")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", text):
        raise ValueError("expected the name of a host, or .example.org for all below it")
    return text


def _user(text: str) -> str:
    if not re.fullmatch(r"[^:\x00-\x1f]+", text):
        raise ValueError("expected a name without a colon")
    return text


def _mllp(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("mllp", "mllps") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("expected mllp://<host>:<port>, or mllps:// for TLS")
    return text


Name = Annotated[str, AfterValidator(_name)]
Secret = Annotated[str, AfterValidator(_secret)]
RelayUrl = Annotated[str, AfterValidator(_relay)]
Port = Annotated[int, Strict(), Field(ge=1, le=65535)]
Seconds = Annotated[float, Strict(), Field(gt=0, le=86_400)]
Host = Annotated[str, AfterValidator(_host)]
User = Annotated[str, AfterValidator(_user)]
Network = Annotated[str, AfterValidator(_network)]


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class ConnectorTable(Table):
    """Who this is."""

    name: Name = Field(description="Part of every stream's name; it never changes, and no other connector has it")
    folder: Path = Field(description="Where the spool is; it survives an upgrade")


class SpoolTable(Table):
    """What was acknowledged and is not yet at its destination."""

    key: Secret | None = Field(default=None, description="Encrypts payloads at rest; without it the disk must")
    mirror: Path | None = Field(
        default=None, description="A folder on another disk for a second copy; it must be there, and is never made"
    )
    on_mirror_lost: Literal["stall", "degrade"] = Field(
        default="stall", description="stall: nothing is acknowledged until it is back; degrade: one copy, and an alert"
    )
    limit_megabytes: Whole = Field(default=10_240, ge=1, description="Beyond it the spool is full, see `on_full`")
    keep_outcomes_days: Number = Field(default=30, gt=0, description="Outcomes of deliveries can be asked for so long")


class ProxyTable(Table):
    """The only way out, where there is one: for the hub, for the relay in both directions, and for signing in."""

    url: Annotated[str, AfterValidator(_proxy)] = Field(
        description="http://host:port; it opens tunnels (CONNECT), and TLS stays between us and the other end"
    )
    user: User | None = Field(default=None, description="Who we are to it (Basic); without it, it knows this machine")
    password: Secret | None = Field(default=None, description="Where the password is")
    straight: tuple[Host, ...] = Field(
        default=(), description="Names that are reached without it; `.example.org` is all below it"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.user is None) is not (self.password is None):
            raise ValueError("`user` and `password` come together")
        return self


class HubTable(Table):
    """The way up."""

    transport: Literal["https", "relay"] = Field(default="https", description="Straight, or through Azure Relay")
    url: Annotated[str, AfterValidator(_hub)] | None = Field(default=None, description="https: the hub's address")
    relay: RelayUrl | None = Field(default=None, description="relay: the hybrid connection of `relay.bridge`")
    authentication: Literal["entra", "certificate", "key", "none"] = Field(
        default="entra", description="What is shown to the hub or the relay; `none` on a laptop alone"
    )
    scope: str | None = Field(default=None, description="entra over https: the hub's scope, api://.../.default")
    certificate: Path | None = Field(default=None, description="certificate: PEM, with its chain")
    certificate_key: Path | None = Field(default=None, description="certificate: PEM")
    key_name: str | None = Field(default=None, description="key: name of the relay's key that may send")
    key: Secret | None = Field(default=None, description="key: where it is")
    authority: Path | None = Field(default=None, description="PEM of the authority that signs the hub's certificate")
    answer_seconds: Seconds = Field(default=30, description="A request without an answer by then is sent again")
    batch_messages: Whole = Field(default=200, ge=1, le=500, description="In one request at most, all of one stream")
    linger_seconds: Number = Field(
        default=2, ge=0, le=2, description="What the spool has acknowledged waits so long for company in its request"
    )
    retry_base_seconds: Seconds = Field(default=1, description="Upper end of the first wait; it doubles every time")
    retry_cap_seconds: Seconds = Field(default=60, description="No wait is longer")

    @property
    def way(self) -> str:
        """Where messages are sent to."""
        return (self.relay if self.transport == "relay" else self.url) or ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = {"https": ["url"], "relay": ["relay"]}[self.transport]
        needed += {"certificate": ["certificate", "certificate_key"], "key": ["key_name", "key"]}.get(
            self.authentication, []
        )
        if self.authentication == "entra" and self.transport == "https":
            needed.append("scope")
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"needs {', '.join(f'`{name}`' for name in missing)}")
        if self.authentication == "certificate" and self.transport == "relay":
            raise ValueError("a relay takes `entra` or `key`")
        if self.authentication == "key" and self.transport == "https":
            raise ValueError("`key` is for a relay")
        return self


class Tls(Table):
    """Encryption of a listener or a destination; TLS 1.2 or later."""

    certificate: Path | None = Field(default=None, description="PEM, with its chain; a listener needs one")
    key: Path | None = Field(default=None, description="PEM")
    authority: Path | None = Field(
        default=None, description="PEM; a listener then asks every sender for a certificate it signed"
    )


class ListenTable(Table):
    """One way in; each has its own stream."""

    name: Name = Field(description="Part of the stream's name; it does not change")
    kind: Literal["mllp", "http", "folder"] = Field(default="mllp", description="How messages come")
    address: str = Field(default="127.0.0.1", description="Network interface to listen on; 0.0.0.0 is every one")
    port: Port | None = Field(default=None, description="mllp and http: where to listen")
    folder: Path | None = Field(default=None, description="folder: each file is a message or a batch")
    pattern: str = Field(default="*.hl7", description="folder: which files")
    interface: Name | None = Field(default=None, description="The hub's interface; without it the header decides")
    tls: Tls | None = Field(default=None, description="Encrypt; without it anybody on the network can read")
    allow: tuple[Network, ...] = Field(default=(), description="Addresses or networks that may connect; empty: all")
    acknowledge: Literal["hybrid", "spool", "end_to_end"] = Field(
        default="hybrid", description="Whose word an acknowledgement is"
    )
    hybrid_seconds: Seconds = Field(default=2, description="hybrid: so long the hub's answer is waited for")
    end_to_end_seconds: Seconds = Field(default=25, description="end_to_end: then the sender hears AE")
    on_full: Literal["stall", "AE", "CE"] = Field(default="stall", description="What a sender hears of a full spool")
    frame_megabytes: Whole = Field(default=16, ge=1, le=256, description="A larger message closes the connection")
    frame_seconds: Seconds = Field(
        default=60, description="A frame that was begun is whole by then; silence is allowed"
    )
    connections: Whole = Field(default=64, ge=1, le=10_000, description="Open at a time")
    connections_per_sender: Whole = Field(
        default=16, ge=1, description="From one address; a new one then takes the place of the quietest"
    )
    lanes: Whole = Field(
        default=1, ge=1, le=16, description="1: one order for all; more: by `lane_key`, several at once"
    )
    lane_key: Literal["PID-3.1"] = Field(default="PID-3.1", description="Messages with the same keep their order")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = "folder" if self.kind == "folder" else "port"
        if getattr(self, needed) is None:
            raise ValueError(f"a {self.kind} listener needs `{needed}`")
        if self.tls is not None and (self.tls.certificate is None or self.tls.key is None):
            raise ValueError("a listener with `tls` needs `tls.certificate` and `tls.key`")
        return self


class RelayTable(Table):
    """The way down: where the hub brings deliveries."""

    url: RelayUrl = Field(description="The hybrid connection of this spool, and of no other")
    key_name: str | None = Field(default=None, description="With `key`; without them Entra is asked")
    key: Secret | None = Field(default=None, description="Where the key is that may listen")
    channels: Whole = Field(default=1, ge=1, le=25, description="Control channels of this process")
    authority: Path | None = Field(default=None, description="PEM of the authority that signs the relay's certificate")


class DeliverTable(Table):
    """A system on the hospital's network that takes messages."""

    name: Name = Field(description="What the hub calls it")
    address: Annotated[str, AfterValidator(_mllp)] = Field(description="mllp://host:port, or mllps://host:port")
    tls: Tls | None = Field(default=None, description="mllps: our certificate, and the authority that signs theirs")
    order: Literal["feed", "key"] = Field(default="feed", description="One line for all, or a line for each key")
    connections: Whole = Field(default=1, ge=1, le=64, description="key: open at a time")
    answer_seconds: Seconds = Field(default=30, description="No acknowledgement by then is ambiguous")
    on_reject: Literal["hold", "continue"] = Field(default="hold", description="What waits behind AE, AR, CR")
    on_ambiguous: Literal["resend", "review"] = Field(default="resend", description="Sent, and no answer that counts")
    retry_base_seconds: Seconds = Field(default=1, description="Upper end of the first wait; it doubles every time")
    retry_cap_seconds: Seconds = Field(default=60, description="No wait is longer")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.order == "feed" and self.connections > 1:
            raise ValueError('`order = "feed"` has one connection: two would overtake each other')
        if self.tls is not None and not self.address.startswith("mllps:"):
            raise ValueError("`tls` needs an address that begins with mllps://")
        return self


class StatusTable(Table):
    """The page for whoever stands at the machine; on 127.0.0.1 alone."""

    port: Port = Field(default=8125, description="http://127.0.0.1:<port>/")


class HeartbeatTable(Table):
    """An echo message that travels the real way."""

    seconds: Seconds = Field(default=300, description="Between two of them")
    listener: Name | None = Field(default=None, description="Whose stream it takes; without it the first one's")


class Config(Table):
    """The whole file."""

    connector: ConnectorTable
    spool: SpoolTable = SpoolTable()
    proxy: ProxyTable | None = None
    hub: HubTable | None = None
    listen: tuple[ListenTable, ...] = ()
    relay: RelayTable | None = None
    deliver: tuple[DeliverTable, ...] = ()
    status: StatusTable | None = None
    heartbeat: HeartbeatTable | None = None
