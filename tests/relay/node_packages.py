"""Microsoft's own npm packages for the relay.

hyco-ws 1.0.5 cannot be installed as it is: it names the package ``http``, which npm has taken down. It is unpacked
beside what it really needs.
"""

from __future__ import annotations

from pathlib import Path

from tests.doubles.packages import CACHE, npm_install, run

HTTPS, WS = "hyco-https@1.4.5", "hyco-ws@1.0.5"
FOLDER = CACHE / "hyco-https-1.4.5-hyco-ws-1.0.5"
_NEEDED_BY_WS = ("ws@1.1", "moment")


def installed_hyco() -> Path:
    """Return the folder whose ``https`` and ``ws`` hold ``node_modules``.

    Raises:
        PackageMissing: see the text.
    """
    npm_install(FOLDER / "https", HTTPS)
    modules = npm_install(FOLDER / "ws", *_NEEDED_BY_WS)
    if not (modules / "hyco-ws").exists():
        _unpack_ws(FOLDER / "ws", modules)
    return FOLDER


def _unpack_ws(folder: Path, modules: Path) -> None:
    run(folder, "npm", "pack", "--silent", WS)
    # Not tarfile: Python 3.11.2, Debian 12's own, has no safe way to unpack.
    run(folder, "tar", "-xzf", next(folder.glob("hyco-ws-*.tgz")).name)
    (folder / "package").rename(modules / "hyco-ws")
