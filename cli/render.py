"""Write FHIR bundles as HL7 v2.5.1, without a hub: `render`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.files import make_folder, write_result
from cli.naming import output_names
from cli.options import Json
from cli.screen import console, counted, print_json, print_table

if TYPE_CHECKING:
    from shared.message.finding import Finding
    from shared.rendering import Rendering

_RELEASES = ("STU3", "R5")
_MISSHAPEN = frozenset({"fhir_type", "fhir_unknown", "fhir_cardinality", "fhir_choice", "fhir_primitive"})


def render(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Bundles or resources, FHIR R4 as JSON.")],
    message_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="Message to write: ADT^A08; left out: what the bundle says."),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option("--from", metavar="RELEASE", help="FHIR release of the files: STU3 or R5; left out: R4."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for NAME.hl7; left out: the messages are printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write FHIR R4 bundles as HL7 v2.5.1 messages, without a hub.

    What a message has no field for is listed as a finding. Exit code 1: a bundle has no message.
    """
    names = output_names(files)
    if out is not None:
        make_folder(out)
    if release not in (None, *_RELEASES):
        raise CommandFailed(f"--from {release}: it is one of {', '.join(_RELEASES)}", UNREACHABLE)
    results = [_rendered(file, message_type, release) for file in files]
    for result in results:
        if out is not None and "message" in result:
            write_result(out / f"{names[result['file']]}.hl7", result["message"].encode())
    if as_json:
        print_json({"messages": [{**result, "file": str(result["file"])} for result in results]})
    else:
        for result in results:
            _show(result, is_message_shown=out is None)
    if any("error" in result for result in results):
        raise typer.Exit(REFUSED)


def _rendered(file: Path, message_type: str | None, release: str | None) -> dict[str, Any]:
    """Return the message of a file and its findings, or the error."""
    from shared.fhir import exact_json
    from shared.message.errors.base import IntegrationError
    from shared.rendering import render as rendered

    try:
        bundle = exact_json.loads(file.read_bytes())
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read ({error.strerror}); name another file", UNREACHABLE) from None
    except ValueError:
        raise CommandFailed(f"{file} is no JSON; name a FHIR bundle", UNREACHABLE) from None
    if not isinstance(bundle, dict) or "resourceType" not in bundle:
        raise CommandFailed(f"{file} is no FHIR: it has no resourceType; name a FHIR bundle", UNREACHABLE)
    try:
        bundle, before = _as_r4(bundle, release)
        _refuse_other(bundle)
        found: Rendering = rendered(bundle, message_type)
    except IntegrationError as error:
        return {"file": file, "error": {"code": error.code, "text": str(error)}}
    findings = [{"code": one.code, "place": one.place, "detail": one.detail} for one in (*before, *found.findings)]
    return {"file": file, "type": found.message.type, "message": found.message.text, "findings": findings}


def _as_r4(bundle: dict[str, Any], release: str | None) -> tuple[dict[str, Any], Sequence[Finding]]:
    """Return a bundle as R4, and what R4 has no home for."""
    if release is None:
        return bundle, ()
    from shared.fhir.releases import to_r4

    converted = to_r4(bundle, "STU3" if release == "STU3" else "R5")
    return converted.resource, converted.findings


def _refuse_other(bundle: dict[str, Any]) -> None:
    """Raise NotFhir where an element has not the form that R4 gives it; a rule that is broken stops nothing here."""
    from shared.fhir.validate import validate_bundle, validate_resource
    from shared.message.errors.mapping import NotFhir

    is_bundle = bundle["resourceType"] == "Bundle"
    for fault in validate_bundle(bundle) if is_bundle else validate_resource(bundle):
        if fault.code in _MISSHAPEN:
            raise NotFhir(f"{fault.code} at {fault.place}")


def _show(result: dict[str, Any], *, is_message_shown: bool) -> None:
    if "error" in result:
        console(error=True).print(f"{result['file']}: {result['error']['text']}", markup=False)
        return
    if is_message_shown:
        print(result["message"].replace("\r", "\n"), end="")  # as it is: a search or another program reads it
    findings: Sequence[dict[str, str]] = result["findings"]
    if findings:
        rows = [(one["code"], one["place"], one["detail"]) for one in findings]
        title = f"{result['file']}: {counted(len(rows), 'finding')}"
        print_table(title, ("finding", "place", "detail"), rows, "", error=True)
