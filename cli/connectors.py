"""Connectors on hospitals' premises: `connectors`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.hub_client import HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import clock_time, console, print_json, print_table

Forget = Annotated[
    str | None, typer.Option("--forget", metavar="NAME", help="Take one off the list that is no longer in use.")
]


def connectors(forget: Forget = None, hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Show every connector: its last echo, what waits there, and what needs a person."""
    client = HubClient(hub)
    answer = client.post(f"/hub/connectors/{segment(forget)}/forget") if forget else client.get("/hub/connectors")
    if as_json:
        print_json(answer)
    elif forget:
        console().print(f"{forget} is off the list; its next echo brings it back", markup=False)
    else:
        columns = ("name", "version", "last echo", "waiting", "oldest", "certificates until", "state")
        print_table("", columns, map(_row, answer["connectors"]), "no connector was heard yet")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    concerns = ", ".join(each["code"] for each in one["concerns"])
    return (
        one["name"], one["version"], clock_time(one["last_echo"]), one["waiting"], clock_time(one["oldest"]),
        _lapses(one["certificates"]), concerns or "heard",
    )  # fmt: skip


def _lapses(certificates: list[dict[str, Any]]) -> str:
    """Return the day on which the first of them lapses."""
    if any(one["lapses"] is None for one in certificates):
        return "unreadable"
    return min((one["lapses"][:10] for one in certificates), default="")
