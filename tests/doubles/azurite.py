"""Azurite, Microsoft's storage emulator: installed from npm into a folder that git ignores, started for a test run.

Without Node.js the tests that need it say so and are skipped.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.doubles.packages import CACHE, PackageMissing, npm_install

VERSION = "3.35.0"

# The account and key of every Azurite, published by Microsoft: no secret.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_START_SECONDS = 60


@contextmanager
def azurite() -> Iterator[str]:
    """Yield the connection string of an emulator that is empty, and ends with the block.

    Raises:
        PackageMissing: see the text.
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
    modules = npm_install(CACHE / f"azurite-{VERSION}", f"azurite@{VERSION}")
    return modules / "azurite" / "dist" / "src" / "azurite.js"


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
                raise PackageMissing("Azurite did not start")
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                break
            except OSError:
                time.sleep(0.05)
