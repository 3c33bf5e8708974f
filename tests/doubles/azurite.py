"""Azurite, Microsoft's storage emulator: installed from npm into a folder that git ignores, started for a test run.

Without Node.js the tests that need it say so and are skipped.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "3.35.0"
REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CADUCEUS_TEST_CACHE", REPOSITORY / ".cache")) / f"azurite-{VERSION}"

# The account and key of every Azurite, published by Microsoft: no secret.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_START_SECONDS = 60
_INSTALL_SECONDS = 600


class AzuriteMissing(Exception):
    """Azurite cannot be had here; the text says why."""


@contextmanager
def azurite() -> Iterator[str]:
    """Yield the connection string of an emulator that is empty, and ends with the block.

    Raises:
        AzuriteMissing: see the text.
    """
    program = installed_azurite()
    blob, queue, table = _free_ports(3)
    ports = ["--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table)]
    # The SDKs speak newer versions of the protocol than the emulator knows by name.
    options = ["--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence", "--silent"]
    process = subprocess.Popen(
        ["node", str(program), *ports, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NODE_ENV": "production"},
    )
    try:
        _wait_for(process, (blob, table))
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{blob}/{_ACCOUNT};TableEndpoint=http://127.0.0.1:{table}/{_ACCOUNT};"
        )
    finally:
        process.terminate()
        process.wait(10)


def installed_azurite() -> Path:
    """Return the emulator's program, installed now if it was not."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise AzuriteMissing("needs Node.js and npm, for Azurite")
    program = CACHE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(CACHE), f"azurite@{VERSION}"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise AzuriteMissing(f"npm could not install Azurite ({type(error).__name__})") from None
    return program


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(process: subprocess.Popen[bytes], ports: tuple[int, ...]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    for port in ports:
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AzuriteMissing("Azurite did not start")
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                break
            except OSError:
                time.sleep(0.05)
