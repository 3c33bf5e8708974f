"""One message to its canonical record: parse, map, judge, encode. Pure, so that another process can do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from shared.changes.notes import IdentityEdit
from shared.changes.record import CanonicalRecord, encode_record
from shared.fhir.schema import are_valid
from shared.fhir.validate import write_and_validate
from shared.fhir_in.convert import convert_document
from shared.fhir_in.document import read_document
from shared.hl7 import parse
from shared.mapping import convert
from shared.mapping.identity import Minter
from shared.message.collector import collector_paused
from shared.message.errors.fhir import FhirInvalid
from shared.message.errors.mapping import BundleInvalid
from shared.message.finding import Finding
from shared.message.identifiers import InterfaceId, Sequence
from shared.mpi import Resolved
from shared.transform.contexts import MappingContexts
from shared.transform.profiles import profile_findings

if TYPE_CHECKING:
    from shared.mapping.convert import Conversion
    from shared.registry import Interface, Registry

# Compiled where the worker starts, so that the first message need not wait; a type that is not here compiles all anew.
_USUAL_TYPES = (
    *("Bundle", "MessageHeader", "Provenance", "Patient", "RelatedPerson", "Account", "Coverage", "EpisodeOfCare"),
    *("Encounter", "AllergyIntolerance", "Condition", "Procedure", "Appointment", "ServiceRequest", "Specimen"),
    *("DiagnosticReport", "Observation", "Organization", "Practitioner", "PractitionerRole", "Location", "Device"),
)

LARGE_BYTES = 256 * 1024  # a message of this size is some hundred thousand objects


class Job(NamedTuple):
    """A message that can be read, and who it is about.

    Attributes:
        ids: Of the persons, visits and accounts it speaks of, by place.
        former: Whom its persons' numbers mean now, and whom they meant before (`ChangeNotes.former`).
    """

    body: bytes
    interface: InterfaceId
    sequence: Sequence
    ids: Mapping[str, str]
    former: tuple[tuple[str, str], ...] = ()


class Converted(NamedTuple):
    """The encoded record of a message, what was noticed on the way, and the merges it asks for."""

    record: bytes
    findings: tuple[Finding, ...]
    edits: tuple[IdentityEdit, ...]


class Converter:
    """Makes canonical records. It can be pickled, and is ready for its first message where it is unpickled."""

    def __init__(self, registry: Registry, hub_key: bytes) -> None:
        self._registry = registry
        self._hub_key = hub_key
        self._contexts = MappingContexts(registry, hub_key)
        self._mint = Minter(hub_key)

    def __call__(self, job: Job) -> Converted:
        """Return what the message changes.

        Raises:
            Hl7Error: a field that the mapping needs cannot be read.
            FhirInvalid: a message in FHIR breaks the standard.
            BundleInvalid: the bundle breaks FHIR R4; it never leaves this stage.
        """
        with collector_paused(when=len(job.body) > LARGE_BYTES):
            return self._convert(job)

    def _convert(self, job: Job) -> Converted:
        interface = self._registry.interfaces[job.interface]
        conversion = self._conversion_of(job, interface)
        written, faults = write_and_validate(conversion.bundle)
        if faults and interface.fhir is not None:
            raise FhirInvalid.of(*faults)
        if faults:
            raise BundleInvalid(f"{len(faults)} faults, first {faults[0].code} at {faults[0].place}")
        changes = conversion.changes._replace(former=job.former)
        record = encode_record(CanonicalRecord(conversion.bundle, changes, job.sequence), written)
        findings = (*conversion.findings, *profile_findings(interface, conversion.bundle))
        return Converted(record, findings, conversion.changes.identity)

    def _conversion_of(self, job: Job, interface: Interface) -> Conversion:
        if interface.fhir is None:
            message = parse(job.body, interface.charset)
            return convert(message, self._contexts.of(interface), resolver=Resolved(job.ids))
        repeats = interface.mapping.repeats
        return convert_document(
            read_document(job.body), self._contexts.source_of(interface), job.ids, self._mint, repeats
        )

    def __reduce__(self) -> tuple[Callable[..., Converter], tuple[Registry, bytes]]:
        return _prepared, (self._registry, self._hub_key)


def _prepared(registry: Registry, hub_key: bytes) -> Converter:
    are_valid({resource_type: [] for resource_type in _USUAL_TYPES})
    return Converter(registry, hub_key)
