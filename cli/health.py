"""Is the hub well: `health`."""

from __future__ import annotations

import typer

from cli.failure import REFUSED
from cli.hub_client import HubClient
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, print_json, print_table


def health(hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Ask the hub to prove each thing it depends on, with traffic. Exit code 1: one of them fails."""
    answer = HubClient(hub).get("/health", accept=(200, 503))
    is_well = answer["status"] == "pass"
    if as_json:
        print_json(answer)
    else:
        rows = ((one["name"], one["code"], f"{one['milliseconds']} ms") for one in answer["checks"])
        print_table("", ("depends on", "result", "took"), rows, "nothing was checked")
        for one in answer["checks"]:
            if one["code"] != "ok":
                console().print(": ".join(filter(None, (one["name"], one["code"], one.get("reason")))), markup=False)
        console().print("the hub is well" if is_well else "the hub is not well: docs/runbooks has a page for each code")
    if not is_well:
        raise typer.Exit(REFUSED)
