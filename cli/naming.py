"""Names for what becomes of files, so that no output overwrites another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path


def output_names(files: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each file: its stem where only one file has it, else with its folders, else with its suffix.

    ``a/x.hl7`` and ``b/x.hl7`` become ``a-x`` and ``b-x``; ``a/x.hl7`` and ``a/x.txt`` become ``x.hl7`` and ``x.txt``.
    """
    whole = {file: file.resolve() for file in files}
    root = Path(os.path.commonpath([path.parent for path in whole.values()]))
    forms: tuple[Callable[[Path], str], ...] = (
        lambda path: _bare(path).name,
        lambda path: "-".join(_bare(path.relative_to(root)).parts),
        lambda path: "-".join(path.relative_to(root).parts),
    )
    names: dict[Path, str] = {}
    for form in forms:
        left = {file: form(path) for file, path in whole.items() if file not in names}
        # On some file systems X.json and x.json are one file.
        seen = Counter(name.casefold() for name in (*names.values(), *left.values()))
        names.update({file: name for file, name in left.items() if seen[name.casefold()] == 1})
    return names


def _bare(file: Path) -> Path:
    """Return a path without the suffix of its last part: ``x.hl7`` and ``x.fhir.json`` are both ``x``."""
    bare = file.with_suffix("")
    return bare.with_suffix("") if bare.suffix == ".fhir" else bare


def message_name(name: str, number: int, count: int) -> str:
    """Return the name of one message of a file: the file's, and a number where it holds several."""
    return name if count == 1 else f"{name}.{number:04}"
