"""Take messages in FHIR: recognise and commit them; only then answer (rule R1)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.fhir_in.claims import claims_of
from shared.fhir_in.convert import check_document
from shared.fhir_in.document import CODE, Document, read_document
from shared.fhir_in.reading import LARGE_BYTES
from shared.ingest.commit import Committer, Taken
from shared.ingest.ordering import OrderingKeys
from shared.ingest.outcome import refused, taken
from shared.ingest.reply import IDEMPOTENCY_HEADER, Reply
from shared.ingest.traffic import Traffic
from shared.message.errors.base import IntegrationError
from shared.message.errors.fhir import FhirInvalid, FhirMediaTypeNotTaken, FhirNotTaken, FhirRefused
from shared.message.errors.pipeline import InterfaceRetired, NotForThisStage, RequestInvalid, UnknownSender
from shared.message.identifiers import InterfaceId
from shared.message.record import MessageRecord
from shared.mpi import claim_defaults
from shared.observe.log import log
from shared.registry.fhir_source import fhir_source

if TYPE_CHECKING:
    from shared.fhir_in.source import Source
    from shared.mapping.claims.claim import Claim
    from shared.registry import Interface, Registry

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_JSON = frozenset({"application/fhir+json", "application/json+fhir", "application/json"})
# https://hl7.org/fhir/R5/versioning.html: the value of fhirVersion is major and minor.
_VERSIONS = {"3.0": "STU3", "4.0": "R4", "5.0": "R5"}
_CONTROL_ID_DIGITS = 20
# What the message or its address is to blame for. A store that fails is not: told 422, the sender would give up.
NOT_TAKEN = (FhirRefused, UnknownSender, InterfaceRetired)


@dataclass(frozen=True, slots=True)
class SentFhir:
    """The header of a message in FHIR, as ingest asks for that of an HL7 message.

    Attributes:
        control_id: What its sender calls it, or the beginning of its digest.
    """

    control_id: str
    event: str
    code: str = CODE

    def get(self, path: str) -> str | None:
        """Return the control id under its HL7 name: it is what a duplicate is known by."""
        return self.control_id if path == "MSH-10" else None


class FhirIngest:
    """The part of ``POST /ingest/{interface}`` that takes FHIR."""

    def __init__(self, *, registry: Registry, keys: OrderingKeys, committer: Committer, traffic: Traffic) -> None:
        self._registry = registry
        self._keys = keys
        self._committer = committer
        self._traffic = traffic

    async def take(self, body: bytes, addressed: InterfaceId | None, media_type: str, key: str = "") -> Reply:
        """Return 202 once a message is durable, or why it is not taken.

        Args:
            body: A resource or a Bundle as received.
            addressed: The interface that the sender addressed.
            media_type: Content-Type.
            key: The sender's own name for the request; empty without one.
        """
        try:
            interface = self._interface_of(addressed)
            check_media_type(media_type, interface)
            if key and not _KEY.fullmatch(key):
                raise FhirNotTaken(IDEMPOTENCY_HEADER)
            one = await self._recognise(body, interface, key)
        except NOT_TAKEN as error:
            log("message_refused", code=error.code)
            return refused(error)
        await self._committer.commit([one])
        self._traffic.heard([interface])
        return refused(one.refusal) if one.refusal is not None else taken(one.record.message)

    async def take_corrected(self, body: bytes, interface: Interface) -> MessageRecord:
        """Take a message that a person corrected, once it is durable, as if its sender had sent it so.

        Raises:
            RequestInvalid: it is none that the interface takes.
        """
        try:
            one = await self._recognise(body, interface)
        except NOT_TAKEN:
            one = None
        if one is None or one.refusal is not None:
            raise RequestInvalid("the corrected message is none that its interface takes")
        await self._committer.commit([one])
        return one.record

    def _interface_of(self, addressed: InterfaceId | None) -> Interface:
        found = self._registry.interfaces.get(addressed) if addressed is not None else None
        if found is None:
            raise UnknownSender("address")
        if found.lifecycle == "retired":
            raise InterfaceRetired(found.id)
        return found

    async def _recognise(self, body: bytes, interface: Interface, key: str = "") -> Taken:
        source = fhir_source(interface, claim_defaults(interface))
        # A large body is read beside the loop: whoever waits for an acknowledgement has a turn meanwhile.
        is_large = len(body) > LARGE_BYTES
        document, claims = await asyncio.to_thread(_read, body, source) if is_large else _read(body, source)
        own, *others = await self._keys.keys_of_claims(claims, interface)
        digest = hashlib.sha256(body).hexdigest()[:_CONTROL_ID_DIGITS]
        sent = SentFhir(key or document.control_id or digest, document.event)
        return Taken(body, sent, interface, _refusal(document, source, interface), own, tuple(others))


def _read(body: bytes, source: Source) -> tuple[Document, list[Claim]]:
    document = read_document(body)
    return document, claims_of(document, source)


def check_media_type(media_type: str, interface: Interface) -> None:
    """Let a media type pass that is JSON in the release of the interface, or names none.

    Raises:
        FhirMediaTypeNotTaken: it is another, or the interface takes no FHIR.
    """
    kind, *parameters = media_type.split(";")
    named = {
        name.strip().lower(): value.strip().strip('"') for name, _, value in (one.partition("=") for one in parameters)
    }
    if interface.fhir is None or kind.strip().lower() not in _JSON:
        raise FhirMediaTypeNotTaken("Content-Type")
    version = named.get("fhirversion")
    if version is not None and _VERSIONS.get(version) != interface.fhir.release:
        raise FhirMediaTypeNotTaken(f"fhirVersion, {interface.fhir.release} is agreed")


def _refusal(document: Document, source: Source, interface: Interface) -> IntegrationError | None:
    if interface.accepts and document.processing_id not in interface.accepts:
        return NotForThisStage("meta.security")
    if interface.on_invalid == "nack":
        try:
            check_document(document, source)
        except FhirInvalid as error:
            return error
    return None
