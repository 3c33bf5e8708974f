"""Microsoft's own npm packages for the relay, in a cache outside the checkout: ``python tests/relay/node_packages.py``.

hyco-ws 1.0.5 cannot be installed as it is: it names the package ``http``, which npm has taken down. It is unpacked
beside what it really needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HTTPS, WS = "hyco-https@1.4.5", "hyco-ws@1.0.5"
_NEEDED_BY_WS = ("ws@1.1", "moment")
_SECONDS = 120


class Unavailable(Exception):
    """The packages cannot be had here; the text says why."""


def folder() -> Path:
    """Return where the packages are kept between runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "caduceus" / "hyco-https-1.4.5-hyco-ws-1.0.5"


def install() -> Path:
    """Return the folder whose ``https`` and ``ws`` hold ``node_modules``; installs them the first time.

    Raises:
        Unavailable: there is no Node, no npm, or npm cannot reach a registry.
    """
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        raise Unavailable(f"needs {' and '.join(missing)}")
    root = folder()
    if not (root / "complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        _npm(root / "https", HTTPS)
        _npm(root / "ws", *_NEEDED_BY_WS)
        _unpack_ws(root / "ws")
        (root / "complete").touch()
    return root


def _npm(place: Path, *packages: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text('{"private": true}', "utf-8")
    _run(place, "npm", "install", "--fetch-retries=0", "--no-audit", "--no-fund", "--ignore-scripts", *packages)


def _unpack_ws(place: Path) -> None:
    _run(place, "npm", "pack", "--fetch-retries=0", "--silent", WS)
    with tarfile.open(next(place.glob("hyco-ws-*.tgz"))) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (place / "unpacked" / "package").rename(place / "node_modules" / "hyco-ws")


def _run(place: Path, *command: str) -> None:
    try:
        subprocess.run(command, cwd=place, check=True, capture_output=True, timeout=_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        raise Unavailable(f"npm could not install: {type(error).__name__}") from None


if __name__ == "__main__":
    try:
        print(install())
    except Unavailable as reason:
        sys.exit(str(reason))
