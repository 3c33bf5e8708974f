"""One file to bundles and reports: what each process of `convert` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from cli.files import FileMessage, read_messages
from cli.naming import message_name
from shared.fhir import exact_json
from shared.fhir.validate import validate_bundle
from shared.hl7 import NULL, parse
from shared.hl7.null import NULL_TEXT
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter
from shared.mapping.report import mapping_report
from shared.message.errors.base import IntegrationError
from shared.message.errors.hl7 import PathInvalid
from shared.message.errors.mapping import BundleInvalid

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
    """Converts files. Each process builds its own registry and contexts when it meets its first message."""

    def __init__(self, interfaces: Path | None) -> None:
        self._folder = interfaces or _FOLDER

    def __getstate__(self) -> dict[str, Any]:
        return {"_folder": self._folder}

    def convert_file(self, job: Job) -> list[Converted]:
        """Write a bundle and a report for each message of a file."""
        messages = read_messages(job.file)
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
            bundle, report = self._bundle_of(message.raw)
        except IntegrationError as error:
            bundle_file.unlink(missing_ok=True)  # of an earlier run
            report_file.write_bytes(_json({"error": {"code": error.code, "text": str(error)}}))
            return Converted(job.file, name, error.code, str(error))
        bundle_file.write_bytes(bundle)
        report_file.write_bytes(_json(report))
        return Converted(job.file, name)

    def explain(self, sent: FileMessage) -> Explained:
        """Return what becomes of every value of a message."""
        try:
            interface, message, report = self._report_of(sent.raw)
        except IntegrationError as error:
            return Explained(sent.file, sent.number, code=error.code, error=str(error))
        values = tuple(_text_at(message, fate.place) for fate in report.fates)
        return Explained(sent.file, sent.number, interface.id if interface else None, report, values)

    def _report_of(self, raw: bytes) -> tuple[Interface | None, Message, Report]:
        message = parse(raw)
        interface = self._registry.match(message)
        if interface is not None and interface.charset:
            message = parse(raw, interface.charset)
        return interface, message, mapping_report(message, self._context(interface))

    def _bundle_of(self, raw: bytes) -> tuple[bytes, dict[str, Any]]:
        from shared.transform.profiles import profile_findings

        interface, _, report = self._report_of(raw)
        bundle = report.conversion.bundle
        faults = validate_bundle(bundle, is_closed=True)
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


def _text_at(message: Message, place: str) -> str:
    """Return the text at a place of the report; empty at a line that is no segment, for which there is no path."""
    try:
        value = message.get(place)
    except PathInvalid:
        return ""
    return NULL_TEXT if value is NULL else value or ""


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
