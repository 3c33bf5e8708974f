"""What becomes of every field of a message, without a hub: `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.files import Paths, find_files, read_messages
from cli.options import Interface, Interfaces, Json
from cli.screen import console, print_json, print_table

if TYPE_CHECKING:
    from cli.conversion import Explained

_SHOWN = 200
OUTCOMES = ("mapped", "ignored", "lost")


def explain(
    paths: Paths,
    only: Annotated[
        str | None, typer.Option(metavar="OUTCOME", help="Only these values: mapped, ignored or lost.")
    ] = None,
    interfaces: Interfaces = None,
    interface: Interface = None,
    as_json: Json = False,
) -> None:
    """Line up each value of HL7 v2 messages with its FHIR element and the row of HL7's guide it came from.

    A value is mapped (to which element, by which row), ignored (why) or lost. Exit code 1: a message cannot be read.
    """
    from cli.conversion import Converter

    if only not in (None, *OUTCOMES):
        raise CommandFailed(f"--only {only}: it is one of {', '.join(OUTCOMES)}", UNREACHABLE)
    converter = Converter(interfaces, interface)
    converter.check()
    messages = [message for file in find_files(paths) for message in read_messages(file)]
    explained = [converter.explain(message) for message in messages]
    if as_json:
        print_json({"messages": [_said(one, only) for one in explained]})
    else:
        for one in explained:
            _show(one, only)
    if any(one.error for one in explained):
        raise typer.Exit(REFUSED)


def _said(one: Explained, only: str | None) -> dict[str, Any]:
    if one.report is None:
        return {"file": str(one.file), "number": one.number, "error": {"code": one.code, "text": one.error}}
    report = one.report.to_dict()
    values = [
        {**said, "value": value}
        for said, value in zip(report["values"], one.values, strict=True)
        if only in (None, said["outcome"])
    ]
    return {"file": str(one.file), "number": one.number, "interface": one.interface, **report, "values": values}


def _show(one: Explained, only: str | None) -> None:
    if one.report is None:
        console(error=True).print(f"{one.file}: {one.error}", markup=False)
        return
    rows = [
        (fate.place, _shown(value), fate.outcome.value, fate.target or fate.reason, fate.guide)
        for fate, value in zip(one.report.fates, one.values, strict=True)
        if only in (None, fate.outcome.value)
    ]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in one.report.counts.items())
    title = f"{one.file} ({one.interface or 'no interface'}): {counts}"
    columns = ("field", "value", "outcome", "FHIR element, or why not", "guide")
    print_table(title, columns, rows, f"{title}; no value is {only}")


def _shown(value: str) -> str:
    """Return the beginning of a value, and how long it is: nobody reads a document here."""
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]} ... {len(value):,} characters"
