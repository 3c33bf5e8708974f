"""A container's image without a container: the files its Containerfile copies, and only what it installs in sight."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]

# Lets a process import Python's own modules, those of its folder and those it may; says at its end what it imported.
_GUARD = """
import atexit, json, runpy, sys
from pathlib import Path
may, told, module, *arguments = sys.argv[1:]
seen, here = sys.stdlib_module_names | set(json.loads(may)), Path.cwd()

class InSight:
    def __init__(self, finders):
        self.finders = finders
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if path is None and not top.startswith("_sysconfigdata") and top not in seen and not (here / top).exists():
            return None
        return next((spec for one in self.finders if (spec := one.find_spec(name, path, target))), None)

def tell():
    files = [getattr(one, "__file__", None) or "" for one in list(sys.modules.values())]
    Path(told).write_text(json.dumps([str(Path(one).relative_to(here)) for one in files if one.startswith(str(here))]))

sys.meta_path[:] = [InSight(list(sys.meta_path))]
sys.path.insert(0, str(here))
atexit.register(tell)
sys.argv = [module, *arguments]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


class Image:
    """What a Containerfile makes, laid out in a folder.

    Attributes:
        text: The Containerfile.
        folder: Where its files are: the working directory.
        sources: What it copies from the repository.
    """

    def __init__(self, containerfile: str, folder: Path) -> None:
        self.text = (REPOSITORY / containerfile).read_text("utf-8")
        self.folder = folder
        self.sources: list[str] = []
        self._told = folder.with_suffix(".imported")
        for line in re.findall(r"^COPY (.+)$", self.text, re.MULTILINE):
            *sources, target = line.split()
            for source in sources:
                self._copy(source, target)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of its entry point with arguments, for a process in its folder."""
        [module] = re.findall(r'^ENTRYPOINT \["python", "-m", "([a-z.]+)"\]$', self.text, re.MULTILINE)
        return self.run(module, *arguments)

    def run(self, module: str, *arguments: str) -> list[str]:
        """Return the command line that runs a module as the image would."""
        may = json.dumps(sorted(self._importable()))
        return [sys.executable, "-P", "-c", _GUARD, may, str(self._told), module, *arguments]

    def imported(self) -> list[str]:
        """Return the files of its folder that the process imported which ended last."""
        found: list[str] = json.loads(self._told.read_text("utf-8"))
        return found

    def _copy(self, source: str, target: str) -> None:
        self.sources.append(source)
        place = self.folder / target / (Path(source).name if target.endswith("/") else "")
        place.parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / source).is_dir():
            shutil.copytree(
                REPOSITORY / source, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
            )
        else:
            shutil.copy(REPOSITORY / source, place)

    def _importable(self) -> set[str]:
        [file] = re.findall(r"^RUN pip install --no-cache-dir -r (\S+)", self.text, re.MULTILINE)
        lines = (self.folder / file).read_text("utf-8").splitlines()
        installed = {one for line in lines if line[:1] not in ("", "#") for one in _with_its_own(line)}
        return {
            top for top, owners in packages_distributions().items() if installed & set(map(canonicalize_name, owners))
        }


def _with_its_own(line: str) -> Iterator[str]:
    """Yield the distributions that a line of a requirements file installs: its own, and what that needs."""
    requirement = Requirement(line)
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        yield from _closure(canonicalize_name(requirement.name))


@cache
def _closure(name: str) -> frozenset[str]:
    try:
        needed = requires(name) or []
    except PackageNotFoundError:
        return frozenset()
    return frozenset({name, *(one for line in needed for one in _with_its_own(line))})
