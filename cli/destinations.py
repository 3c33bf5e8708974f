"""Systems that take messages: `destination list|pause|resume`."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.failure import REFUSED, CommandFailed
from cli.hub_client import HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import clock_time, console, print_json, print_table

destination = typer.Typer(no_args_is_help=True, help="Systems that take messages: list them, pause and resume one.")

Id = Annotated[str, typer.Argument(metavar="ID", help="File name of the destination, such as billing.")]


@destination.command("list", epilog="Example: caduceus destination list")
def list_(hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Show every destination: whether it takes messages, and how many wait for it."""
    client = HubClient(hub)
    answer = client.get("/hub/destinations")
    if as_json:
        print_json(answer)
        return
    rows = (
        (one["id"], one["title"], one["kind"], one["order"], _state(one["state"], one["open_until"]), one["waiting"])
        for one in answer["destinations"]
    )
    print_table("", ("id", "title", "kind", "order", "state", "waiting"), rows, "no destinations")
    for one in answer["destinations"]:
        if one["state"] == "failing" and one.get("trouble"):
            console().print(trouble_of(one), markup=False)
    if any(one["waiting"] for one in answer["destinations"]):
        _print_stopped(client)


def trouble_of(row: dict[str, Any]) -> str:
    """Return why a failing destination fails, and what is next."""
    name, trouble = row["id"], row["trouble"]
    why = ": ".join(filter(None, (trouble["code"], trouble["reason"])))
    after = f"once it is back, `caduceus destination resume {name}` tries it at once"
    return f"{name}: {why}; {after} (`caduceus trace {trouble['message']}`)"


def _print_stopped(client: HubClient) -> None:
    """Say where what waits may stand behind something that waits for a person: the destination itself is ready."""
    stopped = Counter(one["destination"] for one in client.get("/hub/quarantine")["deliveries"])
    for name, count in sorted(stopped.items()):
        said = f"{name}: {count} stopped, and what is behind them may wait for a person"
        console().print(f"{said}; `caduceus quarantine list`", markup=False)


@destination.command(epilog="Example: caduceus destination pause billing")
def pause(name: Id, hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Stop sending to one destination. Its messages wait in order; nothing is lost."""
    _order(
        name, "pause", f"{name} is paused; its messages wait until `caduceus destination resume {name}`", hub, as_json
    )


@destination.command(epilog="Example: caduceus destination resume billing")
def resume(name: Id, hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Send to a destination again at once, from where it stopped: one that is paused, or that failed and is back."""
    done = f"{name} is tried at once, in order; `caduceus destination list` shows how it goes"
    _order(name, "resume", done, hub, as_json)


def _order(name: str, order: str, done: str, hub: str, as_json: bool) -> None:
    answer = HubClient(hub).post(f"/hub/destinations/{segment(name)}/{order}")
    if as_json:
        print_json(answer)
    elif order == "resume" and answer["paused"]:
        raise CommandFailed(f"{name} stands still all the same: its file in destinations/ says paused = true", REFUSED)
    else:
        console().print(done, markup=False)


def _state(state: str, open_until: str | None) -> str:
    """Return the state; of a failing one, when it is tried: from then on with the first delivery that is due."""
    if state != "failing" or not open_until:
        return state
    is_over = datetime.fromisoformat(open_until) <= datetime.now(UTC)
    return f"{state}, next try {'with what is due first' if is_over else clock_time(open_until)}"
