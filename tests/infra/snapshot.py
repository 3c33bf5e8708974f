"""What a stack declares, as lines of text: written anew with ``python -m tests.infra.snapshot``, compared by a test."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.infra.graph import STACKS, SUBSCRIPTION, Declared, Graph, declare

FOLDER = Path(__file__).parent / "snapshots"
_LONG = 160  # policies and the workbook: their digest will do, their text has tests of its own


def lines_of(graph: Graph) -> str:
    """Return one paragraph for each resource: type and name, what it refers to, and each input on its line."""
    return "\n".join(line for one in graph.resources for line in _paragraph(one, graph)) + "\n"


def _paragraph(resource: Declared, graph: Graph) -> Iterator[str]:
    yield f"{resource.kind} {resource.name}"
    inputs = json.dumps(resource.inputs, default=str)
    known = sorted(
        f"{one.kind} {one.name}" for one in graph.resources if one is not resource and f'"{one.id}' in inputs
    )
    yield from (f"  -> {name}" for name in known)
    yield from (f"  {path} = {value}" for path, value in _leaves(resource.inputs, ""))
    yield ""


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            if key not in ("repository", "__provider"):  # where it lies on this machine
                yield from _leaves(value[key], f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            yield from _leaves(one, f"{path}[{number}]")
    else:
        yield path, _short(value)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False).replace(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/", "~/")
    return text if len(text) <= _LONG else f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def main() -> int:
    """Write the snapshots of all stacks."""
    FOLDER.mkdir(exist_ok=True)
    for name, graph in declare(*STACKS).items():
        (FOLDER / f"{name}.txt").write_text(lines_of(graph), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
