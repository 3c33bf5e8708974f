"""The laptop's receiving systems, to be switched off and on: `receivers`, `receiver NAME up|down`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli.hub_client import HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, print_json, print_table


class Switch(StrEnum):
    """What a receiver can be told."""

    UP = "up"
    DOWN = "down"


def receivers(hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Show the systems that receive on this laptop, and how much each has got."""
    answer = HubClient(hub).get("/local/receivers")
    if as_json:
        print_json(answer)
        return
    rows = (
        (one["name"], one["kind"], one["address"], Switch.UP if one["up"] else Switch.DOWN, one["received"])
        for one in answer
    )
    print_table("", ("name", "kind", "address", "state", "received"), rows, "no receivers: this hub is not a laptop's")


def receiver(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of `caduceus receivers`, such as billing.")],
    switch: Annotated[Switch, typer.Argument(metavar="up|down", help="Listen, or close the port.")],
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Switch a receiving system of the laptop off or on, and watch its messages wait and arrive."""
    answer = HubClient(hub).post(f"/local/receivers/{segment(name)}/{switch}")
    if as_json:
        print_json(answer)
        return
    hint = (
        "`caduceus destination list` shows what waits"
        if switch is Switch.DOWN
        else f"what waited arrives with the next attempt, in order; at once with `caduceus destination resume {name}`"
    )
    console().print(f"{name} is {switch}; {hint}", markup=False)
