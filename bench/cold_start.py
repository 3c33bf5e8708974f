"""What the Function App's import costs beyond that of `azure.functions`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from bench.measure import Row

RUNS = 9
LIMIT_MILLISECONDS = 100


def run() -> list[Row]:
    """Return the row of the cold start: whole processes, in turn, after one of each to warm the file cache."""
    statements = {"bare": "pass", "azure": "import azure.functions", "app": "import function_app"}
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    for round_number in range(RUNS + 1):
        for name, statement in statements.items():
            took = _process_seconds(statement)
            if round_number:
                seconds[name].append(took)
    bare, azure, app = (statistics.median(seconds[name]) * 1000 for name in statements)
    more = app - azure
    return [
        Row(
            what="import function_app",
            ours=f"{app - bare:.0f} ms",
            against=f"azure.functions {azure - bare:.0f} ms",
            ratio=None,
            goal=f"at most {LIMIT_MILLISECONDS} ms more",
            met=more <= LIMIT_MILLISECONDS,
        )
    ]


def _process_seconds(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - began
