"""One file to bundles and reports: what each process of `convert` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from cli.failure import UNREACHABLE, CommandFailed
from cli.files import FileMessage, is_fhir, read_messages, write_result
from cli.naming import message_name
from shared.fhir import exact_json
from shared.fhir.validate import validate_bundle
from shared.fhir_in.document import read_document
from shared.fhir_in.report import fhir_report, leaves_of
from shared.fhir_in.source import Source
from shared.hl7 import NULL, parse
from shared.hl7.null import NULL_TEXT
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter
from shared.mapping.report import mapping_report
from shared.message.errors.base import IntegrationError
from shared.message.errors.fhir import FhirInvalid
from shared.message.errors.hl7 import PathInvalid
from shared.message.errors.mapping import BundleInvalid
from shared.message.identifiers import InterfaceId

if TYPE_CHECKING:
    from shared.hl7 import Message
    from shared.mapping.report import Report
    from shared.registry import Interface, Registry
    from shared.transform.contexts import MappingContexts

# Not a secret: without a hub there is no key to keep, and two runs must give the same ids.
_KEY = b"caduceus convert, without a hub"
_FOLDER = Path(__file__).parents[1] / "interfaces"


@dataclass(frozen=True, slots=True)
class Job:
    """A file and the name of its outputs."""

    file: Path
    name: str
    out: Path


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of one message: the name of its outputs, and the error when there is no bundle."""

    file: Path
    name: str
    code: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """What became of every value of one message of a file.

    Attributes:
        number: Its place in the file, from 1.
        interface: Who takes it; None: nobody.
        report: None when the message cannot be converted; then ``code`` and ``error`` say why.
        values: The text of each value of the report, in its order.
    """

    file: Path
    number: int
    interface: str | None = None
    report: Report | None = None
    values: tuple[str, ...] = ()
    code: str = ""
    error: str = ""


class Converter:
    """Converts files. Each process builds its own registry and contexts when it meets its first message.

    Args:
        interfaces: Their folder; None: that of the repository.
        named: The interface of messages in FHIR, which have no header that says whose they are; None: the one in whose
            folder the file lies.
    """

    def __init__(self, interfaces: Path | None, named: str | None = None) -> None:
        self._folder = interfaces or _FOLDER
        self._named = named

    def __getstate__(self) -> dict[str, Any]:
        return {"_folder": self._folder, "_named": self._named}

    def check(self) -> None:
        """Return if the interfaces can be used.

        Raises:
            RegistryInvalid: they cannot.
        """
        _ = self._registry

    def convert_file(self, job: Job) -> list[Converted]:
        """Write a bundle and a report for each message of a file."""
        try:
            messages = read_messages(job.file)
        except CommandFailed as error:
            return [Converted(job.file, job.name, "not read", str(error))]
        return [self._convert_one(job, message, len(messages)) for message in messages]

    @cached_property
    def _registry(self) -> Registry:
        from shared.registry import load_registry

        return load_registry(self._folder, "laptop")

    @cached_property
    def _contexts(self) -> MappingContexts:
        from shared.transform.contexts import MappingContexts

        return MappingContexts(self._registry, _KEY)

    def _convert_one(self, job: Job, message: FileMessage, count: int) -> Converted:
        name = message_name(job.name, message.number, count)
        bundle_file, report_file = job.out / f"{name}.json", job.out / f"{name}.report.json"
        try:
            bundle, report = self._bundle_of(message)
        except IntegrationError as error:
            bundle_file.unlink(missing_ok=True)  # of an earlier run
            write_result(report_file, _json({"error": {"code": error.code, "text": str(error)}}))
            return Converted(job.file, name, error.code, str(error))
        write_result(bundle_file, bundle)
        write_result(report_file, _json(report))
        return Converted(job.file, name)

    def explain(self, sent: FileMessage) -> Explained:
        """Return what becomes of every value of a message."""
        try:
            interface, report = self._report_of(sent)
        except IntegrationError as error:
            return Explained(sent.file, sent.number, code=error.code, error=str(error))
        values = _values_of(sent.raw, interface, report)
        return Explained(sent.file, sent.number, interface.id if interface else None, report, values)

    def _report_of(self, sent: FileMessage) -> tuple[Interface | None, Report]:
        if is_fhir(sent.raw):
            interface = self._fhir_interface(sent.file)
            source = self._contexts.source_of(interface) if interface else Source("no interface", "R4")
            repeats = interface.mapping.repeats if interface else "snapshot"
            return interface, fhir_report(sent.raw, source, Minter(_KEY), repeats)
        raw = sent.before + sent.raw  # as the hub would take it
        message = parse(raw)
        interface = self._registry.match(message)
        if interface is not None and interface.charset:
            message = parse(raw, interface.charset)
        return interface, mapping_report(message, self._context(interface))

    def _fhir_interface(self, file: Path) -> Interface | None:
        """Return whose message in FHIR a file holds; None: nobody's, and it is R4.

        Raises:
            CommandFailed: the interface that was named takes no FHIR.
        """
        places = (self._named,) if self._named else tuple(folder.name for folder in file.resolve().parents)
        takes_fhir = {one.id: one for one in self._registry.interfaces.values() if one.fhir is not None}
        found = next((takes_fhir[InterfaceId(name)] for name in places if name in takes_fhir), None)
        if found is None and self._named:
            raise CommandFailed(f"--interface {self._named}: no interface of that name takes FHIR", UNREACHABLE)
        return found

    def _bundle_of(self, sent: FileMessage) -> tuple[bytes, dict[str, Any]]:
        from shared.transform.profiles import profile_findings

        interface, report = self._report_of(sent)
        bundle = report.conversion.bundle
        # A reference of FHIR may lead to what came before it; HL7 makes all that it refers to.
        faults = validate_bundle(bundle, is_closed=not is_fhir(sent.raw))
        if faults and is_fhir(sent.raw):
            raise FhirInvalid.of(*faults)
        if faults:
            raise BundleInvalid(f"{len(faults)} faults, first {faults[0].code} at {faults[0].place}")
        said = report.to_dict()
        if interface is not None:
            found = profile_findings(interface, bundle)
            said["findings"] += [{"code": one.code, "place": one.place, "detail": one.detail} for one in found]
        return exact_json.dumps(bundle), {"interface": interface.id if interface else None, **said}

    def _context(self, interface: Interface | None) -> MappingContext:
        """Return the context of an interface. Each message is converted as if it were the only one.

        Persons known from an earlier file would make the result depend on which process read what.
        """
        resolver = MemoryResolver(Minter(_KEY))
        if interface is None:
            return MappingContext(mint=Minter(_KEY), resolver=resolver, identity=ClaimDefaults())
        return replace(self._contexts.of(interface), resolver=resolver)


def _values_of(raw: bytes, interface: Interface | None, report: Report) -> tuple[str, ...]:
    """Return the text of each value of a report, in its order."""
    if is_fhir(raw):
        sent = read_document(raw).resource
        texts = {place: str(value) for place, value in leaves_of(sent, str(sent["resourceType"]))}
        return tuple(texts.get(fate.place, "") for fate in report.fates)
    message = parse(raw, interface.charset if interface is not None else None)
    return tuple(_text_at(message, fate.place) for fate in report.fates)


def _text_at(message: Message, place: str) -> str:
    """Return the text at a place of the report; empty at a line that is no segment, for which there is no path."""
    try:
        value = message.get(place)
    except PathInvalid:
        return ""
    return NULL_TEXT if value is NULL else value or ""


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
