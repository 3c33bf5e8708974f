"""One stream of messages from one partner: what is taken, how it is read, and where it goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from shared.hl7.charset import codec_of
from shared.hl7.structure import VERSIONS
from shared.mapping.custom import TARGETS, ValueType
from shared.message.errors.hl7 import CharsetUnsupported
from shared.message.identifiers import DestinationId, InterfaceId
from shared.message.toml_types import Flag, Number, Whole
from shared.registry.model import STAGES, Hl7Path, Model, Name, Names, SegmentName, Stage, TypePattern, like

STEPS = "steps:"
_URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+", re.ASCII)
HL7_SHAPES = ("hl7", "hl7_from_fhir")
_HL7_ONLY = ("version", "set", "drop", "charset")


def _is_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # not found, not a legal name, a folder of the database
        raise ValueError("is not a time zone such as Europe/Vienna") from None
    return text


def _is_charset(text: str) -> str:
    try:
        codec_of(text)
    except CharsetUnsupported:
        raise ValueError("is not a character set of HL7 table 0211 such as UNICODE UTF-8 or 8859/1") from None
    return text


def _is_version(text: str) -> str:
    if text not in VERSIONS:
        raise ValueError("is not a version of HL7 such as 2.3 or 2.5.1 (table 0104)")
    return text


def _is_uri(text: str) -> str:
    if not _URI.fullmatch(text):
        raise ValueError("is not an absolute URI such as https://example.org/fhir/bed-kind or urn:oid:1.2.3")
    return text


Uri = Annotated[str, AfterValidator(_is_uri)]


def _is_written(text: str) -> str:
    from shared.rendering.messages import KINDS

    if text not in KINDS:
        raise ValueError(f"is not a message that is written from FHIR: {', '.join(KINDS)}")
    return text


Zone = Annotated[str, AfterValidator(_is_zone)]
Charset = Annotated[str, AfterValidator(_is_charset)]


class Match(Model):
    """One kind of message that belongs to the interface; what is left out is not asked."""

    types: tuple[TypePattern, ...] = Field(default=(), description="`ADT^A01`, or `ADT^*` for every event")
    sending_application: Names = Field(default=(), description="MSH-3: namespace or universal id")
    sending_facility: Names = Field(default=(), description="MSH-4")
    receiving_application: Names = Field(default=(), description="MSH-5")
    receiving_facility: Names = Field(default=(), description="MSH-6")


class Duplicate(Model):
    """What makes a message the same as an earlier one."""

    key: tuple[Hl7Path, ...] = Field(
        default=("MSH-10",), min_length=1, description="Fields that together name a message"
    )
    window_hours: Number = Field(default=24 * 7, gt=0, description="How long the hub looks back")


class CustomField(Model):
    """A field that only this sender has, and where it goes."""

    field: Annotated[str, like(r"[A-Z][A-Z0-9]{2}-[1-9]\d*(\.[1-9]\d*)?", "`ZPI-3` or `ZPI-3.2`")] = Field(
        description="`ZPI-3`, or `ZPI-3.2` for one component; any segment"
    )
    target: Annotated[
        str, like(r"[A-Z][A-Za-z]+\.(extension|identifier)", "`Patient.extension` or `Patient.identifier`")
    ] = Field(
        description="`Patient.extension` or `Patient.identifier`: the resource that the segment belongs to or follows"
    )
    url: Uri | None = Field(default=None, description="Of the extension")
    type: ValueType = Field(default="string", description="FHIR type of the extension's value")
    system: Uri | None = Field(default=None, description="Of the identifier; left out: as the field says it")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        resource, _, element = self.target.partition(".")
        if resource not in TARGETS:
            raise ValueError(f"`target` may be of {', '.join(sorted(TARGETS))}")
        if (element == "extension") != (self.url is not None):
            raise ValueError("an extension needs a `url`, and nothing else has one")
        if self.system is not None and element != "identifier":
            raise ValueError("`system` is for an identifier")
        if element == "identifier" and resource == "MessageHeader":
            raise ValueError("a MessageHeader has no identifier")
        return self


class FhirSystem(Model):
    """What HL7 senders write instead of a FHIR system, so that one number is one number in both."""

    system: Uri = Field(description="Of the identifiers")
    assigner: Name = Field(description="What HL7 senders write in CX-4")
    type: str = Field(
        default="", description="Type (table 0203) of an identifier that names none; left out: a record number"
    )


class FhirChoices(Model):
    """What a sender of FHIR sends."""

    release: Literal["STU3", "R4", "R5"] = Field(default="R4", description="Of everything it sends; another is refused")
    resources: tuple[Annotated[str, like(r"[A-Z][A-Za-z]+", "`Patient`")], ...] = Field(
        default=(), description="Types it may send; empty: any"
    )
    base: Uri | None = Field(default=None, description="Its server, where its references are absolute")
    systems: tuple[FhirSystem, ...] = Field(
        default=(), description="Assigners of its identifiers, as HL7 senders call them"
    )


class MappingChoices(Model):
    """How the standard mapping is used."""

    version: Name = Field(default="1", description="Pinned to each message at ingest")
    owns: dict[str, tuple[str, ...]] | None = Field(
        default=None, description="By message code, the resource types it may update; others it only creates"
    )
    lists: dict[SegmentName, Literal["snapshot", "action"]] = Field(
        default_factory=dict,
        description="Whether repeated segments replace what is stored, or follow their action code",
    )
    repeats: Literal["snapshot", "action"] = Field(default="snapshot", description="The same for repeating fields")
    lost_budget: Whole | None = Field(
        default=None, ge=0, description="Values a sample may lose at most; left out: not checked"
    )
    custom: tuple[CustomField, ...] = Field(
        default=(), description="Fields that only this sender has (Z-segments), and where they go"
    )


class SetField(Model):
    """One field that a re-shaped HL7 message gets."""

    path: Hl7Path = Field(description="Where, such as `MSH-5.1`")
    value: str = Field(description="What; empty removes the content")


class Route(Model):
    """When a message goes to a destination, and in which shape."""

    to: DestinationId = Field(description="File name of the destination")
    shape: Annotated[
        str,
        like(
            r"fhir|hl7|hl7_from_fhir|event|steps:[a-z_][a-z0-9_]*",
            "`fhir`, `hl7`, `hl7_from_fhir`, `event` or `steps:name_of_a_function`",
        ),
    ] = Field(
        default="fhir",
        description="`fhir` bundle, `hl7` re-shaped, `hl7_from_fhir`, thin `event`, or `steps:function` of steps.py",
    )
    types: tuple[TypePattern, ...] = Field(default=(), description="Only these; empty: all")
    where: dict[Hl7Path, Names] = Field(default_factory=dict, description="Only if each path holds one of its values")
    reason: str = Field(default="", description="Why the route is there, shown in the trace")
    message: Annotated[str, AfterValidator(_is_written)] | None = Field(
        default=None, description="`hl7_from_fhir`: type of the message; left out: what the bundle says"
    )
    version: Annotated[str, AfterValidator(_is_version)] | None = Field(default=None, description="`hl7`: MSH-12")
    set: tuple[SetField, ...] = Field(default=(), description="`hl7`: fields that are replaced")
    drop: tuple[SegmentName, ...] = Field(default=(), description="`hl7`: segments that are left out")
    charset: Charset | None = Field(default=None, description="`hl7`: encoding; what it cannot hold is an error")

    @model_validator(mode="after")
    def _reshapes_hl7(self) -> Self:
        for name in _HL7_ONLY:
            if self.shape not in HL7_SHAPES and getattr(self, name):
                raise ValueError(f'`{name}` needs shape = "hl7"')
        if self.message and self.shape != "hl7_from_fhir":
            raise ValueError('`message` needs shape = "hl7_from_fhir"')
        if "MSH" in self.drop:
            raise ValueError("MSH cannot be dropped: a message begins with it")
        return self

    @property
    def function(self) -> str | None:
        """Name of the function in steps.py; None when the shape is a standard one."""
        return self.shape.removeprefix(STEPS) if self.shape.startswith(STEPS) else None

    @property
    def needs_raw(self) -> bool:
        """Whether shaping reads the message as received."""
        return self.shape == "hl7" or self.function is not None

    @property
    def needs_bundle(self) -> bool:
        """Whether shaping reads the canonical bundle."""
        return self.shape != "hl7"

    def takes(self, message_type: str) -> bool:
        """Tell whether the route is for messages of this type (``ADT^A01``)."""
        return not self.types or message_type in self.types or f"{message_type.partition('^')[0]}^*" in self.types


class Traffic(Model):
    """What is usual, so that silence is noticed."""

    messages_per_hour: Number = Field(gt=0, description="In a common hour")
    silent_after_minutes: Number = Field(gt=0, description="Nothing for so long is worth an alert")


class ServiceLevel(Model):
    """What the partner was promised."""

    deliver_within_seconds: Number = Field(gt=0, description="From acknowledgement to every destination")
    percent: Number = Field(default=99, gt=0, le=100, description="Of the messages of a month")


class Interface(Model):
    """One folder of `interfaces/`."""

    id: InterfaceId = Field(description="Name of the folder")
    folder: Path = Field(description="The folder itself")
    title: Name = Field(description="One line for people")
    owner: Name = Field(description="Team that answers for it")
    contact: Name = Field(description="How to reach them at 3 a.m.")
    lifecycle: Literal["draft", "active", "retired"] = Field(
        default="active",
        description="`draft` is not used in production; `retired` takes nothing and is kept for its history",
    )
    paused: Flag = Field(
        default=False, description="What it takes waits before `transform`, whatever is ordered; senders notice nothing"
    )
    stages: tuple[Stage, ...] = Field(default=STAGES, min_length=1, description="Where it exists")
    match: tuple[Match, ...] = Field(
        default=(), description="HL7 messages that belong to it; any one is enough. **Needed** without `fhir`"
    )
    fhir: FhirChoices | None = Field(
        default=None, description="It takes FHIR, at `/ingest/ID`, and no HL7: [fhir-in.md](fhir-in.md)"
    )
    accepts: tuple[str, ...] = Field(default=("P",), description="MSH-11; empty: any")
    assigner: Name | None = Field(
        default=None, description="Of identifiers that name none; left out: the sender (MSH-3, MSH-4)"
    )
    assigners: tuple[Name, ...] = Field(default=(), description="Assigners that are trusted first, best first")
    identifier_types: tuple[Name, ...] = Field(
        default=(),
        description="Types (table 0203), best first, shared ones (SN, MB) too if listed; empty: the standard order",
    )
    charset: Charset | None = Field(default=None, description="Beats MSH-18")
    zone: Zone = Field(default="UTC", description="Of times without an offset")
    ordering_key: Literal["patient", "visit", "interface"] = Field(
        default="patient", description="What must stay in order"
    )
    duplicate: Duplicate = Field(default=Duplicate(), description="How a second copy is known")
    on_invalid: Literal["quarantine", "nack"] = Field(
        default="quarantine",
        description="`nack`: an event or version of no use, and a patient without identifier, are refused",
    )
    profiles: tuple[Literal["us-core"], ...] = Field(
        default=(), description="`us-core`: what US Core requires and a message does not give is a finding"
    )
    mapping: MappingChoices = Field(default=MappingChoices(), description="How the standard mapping is used")
    routes: tuple[Route, ...] = Field(
        default=(), description="Where messages go; a message that no route takes is kept"
    )
    traffic: Traffic | None = Field(default=None, description="What is usual")
    sla: ServiceLevel | None = Field(default=None, description="What was promised")
    data_classes: tuple[Name, ...] = Field(default=(), description="What kind of data it carries")
    retention_days: Whole = Field(default=3650, ge=1, description="How long the archive keeps payloads")
    legal_hold: str = Field(default="", description="Why nothing of it may be purged; empty: there is no hold")

    @model_validator(mode="after")
    def _takes_one_form(self) -> Self:
        if self.fhir is None:
            if not self.match:
                raise ValueError("needs a [[match]] table, or [fhir] where the sender speaks FHIR")
            return self
        if self.match:
            raise ValueError("[fhir] and [[match]] cannot stand together: a sender speaks HL7 or FHIR")
        if any(route.needs_raw or route.where for route in self.routes):
            raise ValueError(
                "FHIR has no HL7 fields: its routes have the shape `fhir`, `hl7_from_fhir` or `event`, and no `where`"
            )
        if self.charset or self.mapping.custom or self.mapping.lists:
            raise ValueError("`charset`, `mapping.custom` and `mapping.lists` are about HL7, and [fhir] takes none")
        return self

    def route_to(self, destination: DestinationId, message_type: str) -> Route | None:
        """Return the route that brings messages of a type to a destination; there is one at most."""
        routes = (route for route in self.routes if route.to == destination and route.takes(message_type))
        return next(routes, None)

    @property
    def takes_any_sender(self) -> bool:
        """Whether messages of unknown senders belong to it, as they do to a catch-all."""
        return any(not match.sending_application and not match.sending_facility for match in self.match)
