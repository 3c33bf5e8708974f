"""The package of the Function App: the code, its requirements as Linux wheels, and bytecode of all of it.

Without bytecode every cold start compiles, and its imports take twice as long. It is made in the form that is never
compared with its source (PEP 552, unchecked), for the package is read-only and unpacking changes times.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pathspec import GitIgnoreSpec

from shared.message.errors.configuration import PackageNotBuilt

PYTHON = "3.12"  # what Azure runs; the bytecode must be of the same version
SITE_PACKAGES = ".python_packages/lib/site-packages"  # where the Functions worker looks

_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can tell; the same content gives the same bytes

Run = Callable[[Sequence[str]], None]


def deployed_files(repository: Path) -> list[Path]:
    """Return what `.funcignore` lets through, and `.gitignore` too, relative and in order."""
    ignored = [
        GitIgnoreSpec.from_lines((repository / name).read_text("utf-8").splitlines())
        for name in (".funcignore", ".gitignore")
    ]
    # What is left out whole is not walked: an environment has thousands of files.
    tops = [path for path in repository.iterdir() if not _is_ignored(path, repository, ignored)]
    found = (file for top in tops for file in ([top] if top.is_file() else top.rglob("*")))
    kept = (file for file in found if file.is_file() and not _is_ignored(file, repository, ignored))
    return sorted(file.relative_to(repository) for file in kept)


def code_digest(repository: Path) -> str:
    """Return what changes when the deployed code does, and only then."""
    digest = hashlib.sha256(PYTHON.encode())
    for path in deployed_files(repository):
        content = (repository / path).read_bytes()
        digest.update(f"\0{path.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def build_package(repository: Path, target: Path, run: Run | None = None) -> None:
    """Write the package as a zip file.

    Args:
        run: Runs a command; tests pass one that needs no network.
    Raises:
        PackageNotBuilt: the interpreter is missing, or a command failed.
    """
    run = run or _run
    python = find_python()
    with TemporaryDirectory(prefix="caduceus-package-") as folder:
        root = Path(folder)
        for path in deployed_files(repository):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / path, root / path)
        run(install_command(python, root))
        run([python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", folder, folder])
        _zip(root, target)


def find_python() -> str:
    """Return the interpreter whose bytecode and wheels Azure can use.

    Raises:
        PackageNotBuilt: there is none on this machine.
    """
    if f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON:
        return sys.executable
    found = shutil.which(f"python{PYTHON}")
    if found is None:
        raise PackageNotBuilt(f"python{PYTHON} is not here")
    return found


def install_command(python: str, root: Path) -> list[str]:
    """Return what brings the requirements, as wheels for Azure's machines, whatever machine this is."""
    platforms = [argument for platform in _PLATFORMS for argument in ("--platform", platform)]
    only = ["--only-binary=:all:", "--no-compile", "--disable-pip-version-check", "--quiet"]
    where = ["--target", str(root / SITE_PACKAGES), "--requirement", str(root / "requirements.txt")]
    return [python, "-m", "pip", "install", *only, *platforms, *where]


def _is_ignored(path: Path, repository: Path, specs: Sequence[GitIgnoreSpec]) -> bool:
    name = path.relative_to(repository).as_posix() + ("/" if path.is_dir() else "")
    return any(spec.match_file(name) for spec in specs)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise PackageNotBuilt(" ".join(command[1:4]))


def _zip(root: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), _EPOCH)
                entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
