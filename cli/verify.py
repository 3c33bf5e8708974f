"""Prove the ledger: `verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.failure import UNREACHABLE, CommandFailed
from cli.hub_client import HubClient
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, counted, print_json


def verify(
    heads: Annotated[
        Path | None,
        typer.Option(
            "--heads",
            "--anchor",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="An earlier --json answer, to compare.",
        ),
    ] = None,
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Find any message or settled delivery that was changed, removed or put in after the hub wrote it."""
    answer = HubClient(hub).post("/hub/verify", _kept(heads))
    if as_json:
        print_json(answer)
    else:
        settled = counted(answer["deliveries"], "settled delivery", "settled deliveries")
        chained = f"{counted(answer['entries'], 'entry', 'entries')} in {counted(len(answer['heads']), 'chain')}"
        console().print(f"{counted(answer['messages'], 'message')} and {settled}, {chained}", markup=False)
        for fault in answer["faults"]:
            console().print(fault, markup=False)
        console().print("as they were written" if answer["is_intact"] else "NOT as they were written", markup=False)
    if not answer["is_intact"]:
        raise typer.Exit(1)


def _kept(file: Path | None) -> dict[str, object]:
    if file is None:
        return {"heads": []}
    try:
        told: dict[str, object] = json.loads(file.read_text("utf-8"))
        return {"heads": told["heads"]} | ({"anchor": told["anchor"]} if told.get("anchor") else {})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CommandFailed(f"{file} is no answer of `caduceus verify --json`", UNREACHABLE) from None
