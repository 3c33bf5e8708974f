"""A system that takes messages: one file each in `interfaces/destinations/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from shared.message.identifiers import DestinationId
from shared.message.toml_types import Flag, Number, Whole
from shared.registry.model import Model, Name, Stage
from shared.trust import trust

Kind = Literal["fhir_store", "mllp", "https", "event", "file", "null"]

SECRET = "secret:"  # noqa: S105  # the prefix of a secret's name, not a secret

# The hub's own store, the publisher and the null destination need no address.
ADDRESSED: frozenset[Kind] = frozenset({"mllp", "https", "file"})

_REACHED_BY_TLS: frozenset[Kind] = frozenset({"mllp", "https", "event"})

# What a destination does unless its file says otherwise, by kind: the choice that cannot lose, repeat or reorder.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "fhir_store": {"order": "key", "idempotent": True, "replay": "free"},
    "mllp": {"order": "feed", "idempotent": False, "on_ambiguous": "resend"},
    "https": {"order": "key", "idempotent": False, "on_ambiguous": "review"},
    "event": {"order": "key", "idempotent": True, "replay": "never"},
    "file": {"order": "key", "idempotent": True},
    "null": {"order": "key", "idempotent": True, "replay": "free"},
}
_BY_ORDER: Mapping[str, Mapping[str, Any]] = {
    "feed": {"concurrency": 1, "connections": 1, "on_reject": "hold_feed"},
    "key": {"concurrency": 4, "connections": 8, "on_reject": "hold_key"},
}

_PRIVATE_KEY = "PRIVATE KEY-----"
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)")
_PLAIN_ELSEWHERE = re.compile(r"mllp://(?!(127\.0\.0\.1|localhost):)")


class Retry(Model):
    """How long a delivery that failed for the moment is tried again: exponential, with full jitter."""

    base_seconds: Number = Field(default=1, gt=0, description="Upper end of the first wait; it doubles every time")
    cap_seconds: Number = Field(default=300, gt=0, description="No wait is longer")
    budget_hours: Number = Field(default=72, gt=0, description="After it the delivery goes to quarantine")


class DestinationConfig(Model):
    """How a destination is reached, and what it can bear."""

    id: DestinationId = Field(description="Name of the file")
    title: Name = Field(description="What people call the system")
    kind: Kind = Field(description="Which adapter brings messages to it")
    address: dict[Stage, str] = Field(
        default_factory=dict, description="By stage of life: `mllp://host:port`, an URL, a folder, or `secret:NAME`"
    )
    authority: str | None = Field(
        default=None, description="PEM of who signs its certificate, believed alone; left out: the system's authorities"
    )
    order: Literal["feed", "key"] = Field(description="`feed`: all in one line. `key`: in line by ordering key")
    concurrency: Whole = Field(ge=1, le=64, description="Deliver sessions at a time")
    connections: Whole = Field(ge=1, le=256, description="Open connections at most, in one process")
    rate_per_second: Number | None = Field(
        default=None, gt=0, le=10_000, description="Sends at most, evenly spaced; unset: as fast as it answers"
    )
    paused: Flag = Field(default=False, description="Nothing is sent to it, whatever is ordered; what comes waits")
    idempotent: Flag = Field(description="It takes a second copy as the first (it honours `Idempotency-Key`)")
    on_reject: Literal["hold_feed", "hold_key", "continue"] = Field(
        description="What waits while a rejected delivery is in quarantine"
    )
    on_ambiguous: Literal["resend", "review"] = Field(
        default="resend",
        description="What follows when it was sent and nothing answered; asked only if not `idempotent`",
    )
    on_quarantine: Literal["hold_key", "pass"] = Field(
        default="hold_key",
        description="What later messages of the key do while one is in quarantine for an error of the hub",
    )
    replay: Literal["never", "ask", "free"] = Field(default="ask", description="Whether a replay may send to it again")
    retry: Retry = Field(default=Retry(), description="How long a transient failure is tried again")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:  # raw input, of any shape
        if not isinstance(data, Mapping):
            return data
        filled = {**_DEFAULTS.get(str(data.get("kind")), {"order": "key", "idempotent": False}), **data}
        return {**_BY_ORDER.get(str(filled["order"]), _BY_ORDER["key"]), **filled}

    @field_validator("authority")
    @classmethod
    def _can_be_read(cls, pem: str | None) -> str | None:
        if pem and _PRIVATE_KEY in pem:
            raise ValueError(
                "is not for a private key: take it out, and trust it no more if anybody has seen this file"
            )
        try:
            trust(pem)
        except (OSError, ValueError):
            text = "is not a certificate in PEM: the text itself stands here, from BEGIN CERTIFICATE to END CERTIFICATE"
            raise ValueError(text) from None
        return pem

    @model_validator(mode="after")
    def _one_line_is_one_line(self) -> Self:
        if self.order == "feed" and (self.concurrency > 1 or self.connections > 1):
            raise ValueError('order = "feed" needs concurrency = 1 and connections = 1')
        if self.order == "key" and self.on_reject == "hold_feed":
            raise ValueError('on_reject = "hold_feed" needs order = "feed"')
        return self

    @model_validator(mode="after")
    def _an_authority_is_of_another_system(self) -> Self:
        if self.authority is not None and self.kind not in _REACHED_BY_TLS:
            raise ValueError(f"a destination of kind `{self.kind}` shows no certificate: `authority` has no use")
        return self


def authority_fault(config: DestinationConfig) -> str | None:
    """Return why the authority that is named has no use, None when it has one."""
    addresses = config.address.values()
    is_of_use = any(one.startswith(("mllps://", SECRET)) for one in addresses)
    if config.authority is None or is_of_use or not any(map(_PLAIN_ELSEWHERE.match, addresses)):
        return None
    return "`authority` has no use, for nothing is encrypted: write the address as `mllps://host:port`"


def address_fault(kind: Kind, address: str) -> str | None:
    """Return what is wrong with an address, None when nothing is."""
    if _PASSWORD.search(address):
        return "the address holds a password: write `secret:NAME` and keep the address in the secret store"
    if address.startswith(SECRET):
        return None if len(address) > len(SECRET) else "`secret:` needs the name of a secret"
    if kind == "mllp":
        place = re.fullmatch(r"mllps?://[^/:\s]+:(\d{1,5})", address)
        if place is None:
            return "an MLLP address is `mllp://host:port` or `mllps://host:port`"
        return None if 1 <= int(place[1]) <= 65535 else "a port is 1 to 65535"
    if kind == "https" and not (address.startswith("https://") or _LOOPBACK.match(address)):
        return "a web hook is `https://…`; plain `http://` is for this machine only"
    return None
