"""The compiled build: the same modules as machine code, used only where it was made of exactly these sources.

It lies apart, where Python finds nothing by itself (`make compile` puts it there), so that one that is old can never
come before its source: it is left alone, and the plain source runs.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

SOURCES: Final = Path(__file__).resolve().parent
SUFFIX: Final = EXTENSION_SUFFIXES[0]  # names Python's version and the machine: .cpython-312-x86_64-linux-gnu.so
FOLDER: Final = SOURCES.parent / ".compiled" / SUFFIX.strip(".").partition(".")[0]
STAMP: Final = "sources.sha256"
GROUP: Final = "caduceus_compiled_"  # begins the names of the libraries that hold the modules
SWITCH: Final = "CADUCEUS_COMPILED"  # in the environment: "off" runs the plain source, a path the build that lies there
COMPILED: Final = "the compiled build"


class _Finder:
    """Finds the modules of the build before Python looks for their sources."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if not name.startswith(("shared.", GROUP)):
            return None
        file = self._folder / (name.replace(".", "/") + SUFFIX)
        return spec_from_file_location(name, file) if file.exists() else None


def use_if_it_fits() -> str:
    """Let the build be used from here on, if it was made of these sources; return what runs, for people."""
    said = os.environ.get(SWITCH, "")
    folder = Path(said) if os.sep in said else FOLDER
    if not folder.is_dir():
        return "plain Python"
    if said == "off":
        return f"plain Python: {SWITCH} is off"
    if not fits(folder):
        return "plain Python: the compiled build is of other sources than these; `make compile` makes it anew"
    finder = _Finder(folder)
    sys.meta_path.insert(0, finder)
    try:
        for file in sorted(folder.glob(f"{GROUP}*{SUFFIX}")):
            importlib.import_module(file.name.removesuffix(SUFFIX))
    except ImportError:
        sys.meta_path.remove(finder)
        return "plain Python: the compiled build cannot be loaded on this machine; `make compile` makes one that can"
    return COMPILED


def fits(folder: Path) -> bool:
    """Say whether the build in a folder was made of exactly these sources."""
    made_of = folder / STAMP
    return made_of.exists() and made_of.read_text() == sources_digest()


def sources_digest() -> str:
    """Return what changes when any source of the library does: a compiled module knows more than its own."""
    digest = hashlib.sha256()
    for file in sorted(SOURCES.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"\0{file.relative_to(SOURCES).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
