"""Who was affected: `affected`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.failure import UNREACHABLE, CommandFailed
from cli.given import check_any, check_reason, check_times
from cli.hub_client import LONG_SECONDS, HubClient
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, counted, print_deliveries, print_json, print_table


def affected(
    by: Annotated[str | None, typer.Option(metavar="MAPPING@VERSION", help="Mapped so: hospital_adt@1.")] = None,
    patient: Annotated[str | None, typer.Option(metavar="HASH", help="Of this patient, by the keyed hash.")] = None,
    finding: Annotated[str | None, typer.Option(metavar="CODE", help="With this finding or error.")] = None,
    interface: Annotated[str | None, typer.Option(help="Of this interface.")] = None,
    window: Annotated[str | None, typer.Option(metavar="A..B", help="Received from A on and before B.")] = None,
    destination: Annotated[str | None, typer.Option(metavar="ID", help="With a delivery to this destination.")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the patients; needs the role and --reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why they are shown; it goes into the audit.")] = None,
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Count the messages and patients that something touched; patients are keyed hashes."""
    since, until = _window(window)
    given = {
        "affected_by": by,
        "patient": patient,
        "finding": finding,
        "interface": interface,
        "from": since,
        "to": until,
        "destination": destination,
    }
    check_any(given, "say by what: --by, --patient, --finding, --interface, --destination or --window")
    if reveal:
        check_reason(reason, "it goes into the audit before anything is shown")
    client = HubClient(hub)
    if reveal:
        asked = {name: value for name, value in given.items() if value is not None}
        answer = client.post("/hub/affected/reveal", {**asked, "reason": reason or ""}, LONG_SECONDS)
    else:
        answer = client.get("/hub/affected", given, seconds=LONG_SECONDS)
    if as_json:
        print_json(answer)
    elif reveal:
        _print_patients(answer)
    else:
        _print_counts(answer)


def _window(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    since, separator, until = text.partition("..")
    if not separator:
        raise CommandFailed("a window is A..B, such as 2026-03-01T00:00Z..2026-03-02T00:00Z", UNREACHABLE)
    check_times(since, until, ("the beginning of --window", "the end of --window"))
    return since or None, until or None


def _print_counts(answer: dict[str, Any]) -> None:
    patients = answer["patients"]
    console().print(f"{counted(answer['messages'], 'message')}, {counted(patients['count'], 'patient')}", markup=False)
    more = " ..." if patients["count"] > len(patients["hashes"]) else ""
    if patients["hashes"]:
        console().print(" ".join(patients["hashes"]) + more, markup=False)
    print_deliveries(answer["destinations"])


def _print_patients(answer: dict[str, Any]) -> None:
    columns = ("hash", "resource", "number", "assigner", "message")
    rows = (tuple(one[column] for column in columns) for one in answer["patients"])
    print_table("", columns, rows, "nobody")
