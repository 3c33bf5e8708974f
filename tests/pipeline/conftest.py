"""A hub in this process, for tests of the whole way of a message."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shared.recover.noted import is_noted
from tests.pipeline.hub_in_process import HubInProcess, write_fhir_interface, write_interfaces
from tests.pipeline.mllp_receiver import MllpReceiver

MEMORY = Path("/dev/shm")
OF_OLD = "code_of_old"  # what one test notes as a release of old would have
StartHub = Callable[..., Awaitable[HubInProcess]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where there is one: these tests end processes, not disks, and need no sync."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=MEMORY, prefix="caduceus-test-") as folder:
        yield Path(folder)


def noted_in(home: Path) -> list[str]:
    """Return the codes that a hub noted about its messages: of findings, and of the errors that stopped them."""
    with closing(sqlite3.connect(home / "hub.db")) as connection:
        return [code for (code,) in connection.execute("SELECT DISTINCT code FROM noted")]


@pytest.fixture
async def start_hub(home: Path) -> AsyncIterator[StartHub]:
    """Return how to start a hub whose interface ``adt`` has these routes; it is stopped when the test is over.

    ``fhir`` adds interfaces that take FHIR, by name: what stands in their files before the routes.
    """
    started: list[HubInProcess] = []

    async def start(
        *routes: str,
        accepts: str = '["P"]',
        more: str = "",
        fhir: dict[str, str] | None = None,
        is_in_two_steps: bool = False,
    ) -> HubInProcess:
        name = f"{len(started)}"
        interfaces = write_interfaces(home / name / "interfaces", routes or ("store",), accepts=accepts, more=more)
        for interface, text in (fhir or {}).items():
            write_fhir_interface(interfaces / interface, text, routes or ("store",))
        hub = HubInProcess(home / name / "home", interfaces, is_in_two_steps=is_in_two_steps)
        started.append(hub)
        await hub.start()
        return hub

    yield start
    for hub in started:
        await hub.crash()
    for name in range(len(started)):
        unknown = [code for code in noted_in(home / f"{name}" / "home") if not is_noted(code)]
        assert unknown in ([], [OF_OLD]), "what the ledger notes about messages, they are found by"


@pytest.fixture
def receiver() -> Iterator[MllpReceiver]:
    """The laboratory: it outlives every crash of the hub."""
    serving = MllpReceiver()
    serving.start()
    yield serving
    serving.stop()
