"""Payloads whose retention is over: `purge`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.failure import UNREACHABLE, CommandFailed
from cli.hub_client import HubClient
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import clock_time, console, print_json, print_table


def purge(
    reason: Annotated[str | None, typer.Option(help="Why; it goes into the audit. Needed with --yes.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase it; without this the plan is all.")] = False,
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Show which payloads are older than their interface keeps them, and erase them with --yes. The ledger stays."""
    if yes and not (reason or "").strip():
        raise CommandFailed("--yes needs --reason: why it is erased; it goes into the audit", UNREACHABLE)
    client = HubClient(hub)
    told = client.post("/hub/purge", {"reason": reason}) if yes else client.get("/hub/purge")
    if as_json:
        print_json(told)
        return
    _print(told)
    console().print("erased" if yes else "nothing was erased; --yes --reason R does it", markup=False)


def _print(told: dict[str, Any]) -> None:
    rows = [
        [one["id"], clock_time(one["before"]), f"{one['units']:,}", f"{one['bytes']:,}", f"{one['kept_units']:,}"]
        for one in told["interfaces"]
    ]
    columns = ("interface", "before", "units", "bytes", "kept: not settled")
    print_table(
        "Older than their interface keeps them", columns, rows, "nothing is old enough, or a replay is under way"
    )
    for one in told["held"]:
        console().print(f"{one['id']} is held: {one['why']}", markup=False)
