"""An interface's own functions: `steps.py` in its folder, loaded by path."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from shared.hl7 import Message

FILE = "steps.py"

Step = Callable[[dict[str, Any], Message], dict[str, Any]]


class StepsUnreadable(Exception):
    """steps.py cannot be imported; ``line`` is where it failed."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def load_step(folder: Path, function: str) -> Step | None:
    """Return a function of an interface's steps.py; None when there is none of that name.

    Raises:
        StepsUnreadable: the file is there and cannot be imported.
    """
    if not (folder / FILE).is_file():
        return None
    found = getattr(_load(folder), function, None)
    return found if callable(found) else None


@lru_cache(maxsize=1024)
def _load(folder: Path) -> ModuleType:
    name = f"interfaces.{folder.name}.steps"
    spec = importlib.util.spec_from_file_location(name, folder / FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001  # somebody's file: whatever it raises is named with its line
        raise StepsUnreadable(line_in(folder / FILE, error), f"{type(error).__name__}: {error}") from None
    return module


def line_in(file: Path, error: Exception, elsewhere: int = 1) -> int:
    """Return the line of a file in which an exception arose or from which it was called; else the one ``elsewhere``."""
    if isinstance(error, SyntaxError):
        return error.lineno or elsewhere
    line, trace = elsewhere, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
