"""Run the measurements and print them as one table: ``python -m bench [NAME ...] [--json]``."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import shared
from bench.measure import Row

MODULES = (
    "hl7_parse",
    "convert",
    "fhir_validate",
    "local_adapters",
    "pipeline",
    "held_keys",
    "memory",
    "cold_start",
    "relay",
    "connector",
    "scale",
    "azure_operations",
)
ON_REQUEST = ("ledger_size",)  # takes minutes, and gigabytes
EVERY_NAME = (*MODULES, *ON_REQUEST)
MISSED = 1


def subject(name: str) -> str:
    """Return what a measurement says of itself in its first line; it is not imported, for some take a second."""
    source = Path(__file__).with_name(f"{name}.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def run(name: str) -> Sequence[Row]:
    """Return what a measurement has found."""
    rows: Sequence[Row] = importlib.import_module(f"bench.{name}").run()
    return rows


def _known(names: list[str] | None) -> list[str] | None:
    unknown = sorted(set(names or ()) - set(EVERY_NAME))
    if unknown:
        raise typer.BadParameter(f"no such measurement: {', '.join(unknown)}; there are {', '.join(EVERY_NAME)}")
    return names


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        callback=_known,
        help=f"Which measurements; left out: all but {', '.join(ON_REQUEST)}.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(
    epilog="\n\n".join(
        ("Example: python -m bench hl7_parse convert", *(f"{name}: {subject(name)}" for name in EVERY_NAME))
    )
)
def measure(names: Names = None, as_json: Json = False) -> None:
    """Measure ratios on this machine, and print them beside their goals. Exit code 1: a goal was missed."""
    rows: list[Row] = []
    for name in names or MODULES:
        print(f"measuring {name}", file=sys.stderr)
        rows += run(name)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print(rows)
    if not all(row.met for row in rows):
        raise typer.Exit(MISSED)


def _print(rows: Sequence[Row]) -> None:
    table = Table(title=f"Ratios in one run on this machine, of {shared.RUNNING}")
    for heading in ("what", "ours", "against", "ratio", "goal", ""):
        table.add_column(heading)
    for row in rows:
        ratio = f"{row.ratio:,.1f}x" if row.ratio is not None else ""
        table.add_row(row.what, row.ours, row.against, ratio, row.goal, "met" if row.met else "missed")
    Console().print(table)


if __name__ == "__main__":
    app(prog_name="python -m bench")
