"""Run the measurements and print them as one table: ``python -m bench [NAME ...] [--json]``."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict

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


def main(arguments: list[str]) -> int:
    """Return 0 when every goal was met, 1 otherwise."""
    chosen = [name for name in arguments if not name.startswith("-")] or MODULES
    unknown = sorted(set(chosen) - {*MODULES, *ON_REQUEST})
    if unknown:
        print(
            f"no such measurement: {', '.join(unknown)}; there are {', '.join((*MODULES, *ON_REQUEST))}",
            file=sys.stderr,
        )
        return 2
    rows: list[Row] = []
    for name in chosen:
        print(f"measuring {name}", file=sys.stderr)
        rows += importlib.import_module(f"bench.{name}").run()
    if "--json" in arguments:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print(rows)
    return 0 if all(row.met for row in rows) else 1


def _print(rows: list[Row]) -> None:
    table = Table(title=f"Ratios in one run on this machine, of {shared.RUNNING}")
    for heading in ("what", "ours", "against", "ratio", "goal", ""):
        table.add_column(heading)
    for row in rows:
        ratio = f"{row.ratio:,.1f}x" if row.ratio is not None else ""
        table.add_row(row.what, row.ours, row.against, ratio, row.goal, "met" if row.met else "missed")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
