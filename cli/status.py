"""What needs a person, at one look: `status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import typer

from cli.destinations import trouble_of
from cli.failure import REFUSED
from cli.hub_client import HubClient
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, counted, print_json

_PAGE = 500


def status(hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Say what needs a person, and what is next. Exit code 1: something does."""
    client = HubClient(hub)
    told = {
        "health": client.get("/health", accept=(200, 503)),
        **client.get("/hub/destinations"),
        "quarantine": client.get("/hub/quarantine", {"limit": _PAGE}),
        "summary": client.get("/hub/summary"),
        **client.get("/hub/connectors"),
    }
    lines = list(_lines(told))
    if as_json:
        print_json({"needs_a_person": lines, **told})
    else:
        for line in lines or [_all_is_well(told)]:
            console().print(line, markup=False)
    if lines:
        raise typer.Exit(REFUSED)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """Yield what needs a person: the hub itself first, then what nobody gets, then what was stopped by somebody."""
    for one in told["health"]["checks"]:
        if one["code"] != "ok":
            yield "hub: " + ": ".join(filter(None, (one["name"], one["code"], one.get("reason"))))
    for one in told["destinations"]:
        waiting = f"{one['waiting']} waiting"
        if one["state"] == "paused":
            yield f"destination {one['id']}: paused, {waiting}; `caduceus destination resume {one['id']}`"
        elif one["state"] == "failing":
            said = trouble_of(one) if one.get("trouble") else f"{one['id']}: failing; `caduceus destination list`"
            yield f"destination {said}; {waiting}"
    yield from _stopped(told["quarantine"])
    summary = told["summary"]
    for name in summary["paused"]:
        held = summary["held"].get(name, 0)
        yield f"interface {name}: paused, {held} held; `caduceus interfaces resume {name}`"
    for one in told["connectors"]:
        for concern in one["concerns"]:
            yield f"connector {one['name']}: {concern['code']}: {concern['reason']}"


def _stopped(quarantine: dict[str, Any]) -> Iterator[str]:
    rows = [*quarantine["messages"], *quarantine["deliveries"]]
    if rows:
        codes = ", ".join(f"{count} x {code or 'no code'}" for code, count in _codes(rows))
        more = " and more" if quarantine.get("more") else ""
        yield f"stopped: {len(rows)}{more} ({codes}); `caduceus quarantine list` says why, and what can be done"


def _codes(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return Counter(one["code"] for one in rows).most_common()


def _all_is_well(told: dict[str, Any]) -> str:
    messages = sum(told["summary"]["messages"].values())
    waiting = sum(one["waiting"] for one in told["destinations"])
    return f"nothing needs a person; the hub is well, {counted(messages, 'message')}, {waiting} on their way"
