"""The disk is full, or files are locked: nothing is acknowledged that is not kept, and the hub goes on by itself."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.pipeline.hub_process import HubProcess, wait_until
from tests.pipeline.mllp_source import Source, admission
from tests.pipeline.test_kill import field, is_settled, numbers_in, write_ward

pytestmark = pytest.mark.slow

CONNECTIONS = 4
PATIENTS = 8 * CONNECTIONS
SECONDS = 60.0
WATCHED_SECONDS = 2.0
DISK_BYTES = 48 * 1024 * 1024
# A file system of its own for the home, soon full; the namespace needs no rights, and ends with the hub.
SMALL_DISK = ("unshare", "--map-root-user", "--mount", "sh", "-c")
MOUNT = f'mkdir -p "$0" && mount -t tmpfs -o size={DISK_BYTES} tmpfs "$0" && exec "$@"'


@pytest.fixture
def start_hub(tmp_path, receiver):
    """Return how to start a hub with one sender, a store and a laboratory."""
    started = []

    def start(*, on_small_disk):
        hub = HubProcess(tmp_path, write_ward(tmp_path, receiver))
        started.append(hub)
        hub.start((*SMALL_DISK, MOUNT, str(hub.home)) if on_small_disk else ())
        hub.wait_ready()
        return hub

    yield start
    for hub in started:
        hub.close()


@pytest.fixture
def start_source():
    """Return how to let a sender begin, who sends again whatever was not acknowledged."""
    started = []

    def start(hub):
        source = Source(
            port=lambda: hub.mllp_port,
            make=partial(admission, patients=PATIENTS),
            connections=CONNECTIONS,
            pause_seconds=0.02,
        )
        started.append(source)
        source.start()
        wait_until(lambda: len(source.acknowledged) > 50, SECONDS, "the hub is at work")
        return source

    yield start
    for source in started:
        source.stop()


def can_mount():
    try:
        tried = subprocess.run([*SMALL_DISK, MOUNT, "/mnt", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no mount namespaces here: a disk of its own cannot be made full")
def test_full_disk_makes_senders_wait_and_loses_nothing(start_hub, start_source, receiver):
    """The disk fills on a Sunday: no sender hears AA for what is not kept, nor AE, which would make it go on."""
    hub = start_hub(on_small_disk=True)
    source = start_source(hub)
    with full(hub):
        wait_until(partial(says, hub, "STORAGE-001"), SECONDS, "the health page says what is wrong")
        check_that_senders_wait(hub, source)
        written = hub.output.read_text("utf-8", "replace")

    assert "hub.log cannot be written" in written
    assert "Traceback" not in written
    check_that_it_goes_on(hub, source, receiver)


def test_locked_files_make_senders_wait_and_lose_nothing(start_hub, start_source, receiver):
    """A backup program holds the hub's file for seconds, far longer than SQLite waits."""
    hub = start_hub(on_small_disk=False)
    source = start_source(hub)
    with locked(hub):
        wait_until(partial(has_logged, hub, "STORAGE-002"), SECONDS, "the log says what is wrong")
        check_that_senders_wait(hub, source)

    check_that_it_goes_on(hub, source, receiver)


@contextmanager
def full(hub):
    """Leave no room on the hub's disk."""
    ballast = Path(f"/proc/{hub.pid}/root{hub.home}/ballast")
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    yield
    ballast.unlink()


@contextmanager
def locked(hub):
    """Hold the lock of whoever writes to the hub's file."""
    other = sqlite3.connect(hub.home / "hub.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def check_that_senders_wait(hub, source):
    """Nobody hears AA while nothing can be kept, nor anything that lets a sender go on; and nothing piles up."""
    time.sleep(WATCHED_SECONDS / 4)  # what was kept just before is acknowledged
    known, kilobytes = len(source.acknowledged), hub.memory_kilobytes()
    time.sleep(WATCHED_SECONDS)  # that nothing happens is what is looked at
    assert len(source.acknowledged) == known
    assert not source.refused
    assert hub.memory_kilobytes() < 1.5 * kilobytes


def says(hub, code):
    """Tell whether the health page names this error."""
    try:
        report = hub.ask("/health")
    except HTTPError as error:
        report = json.load(error)
    return code in {check["code"] for check in report["checks"]}


def has_logged(hub, code):
    return code in (hub.home / "hub.log").read_text("utf-8")


def check_that_it_goes_on(hub, source, receiver):
    """New messages are taken, everything acknowledged arrives, once and in order, and the hub is well."""
    acknowledged = len(source.acknowledged)
    wait_until(lambda: len(source.acknowledged) > acknowledged + 50, SECONDS, "the hub takes messages again")
    source.stop()
    wait_until(lambda: numbers_in(receiver) >= source.acknowledged, SECONDS, "the laboratory has everything")
    wait_until(partial(is_settled, hub), SECONDS, "everything is settled")

    assert hub.ask("/health")["status"] == "pass"
    assert not source.refused
    numbers = [int(field(message, b"PV1", 19).split(b"^")[0][1:]) for message in receiver.received]
    times = Counter(numbers)
    assert {f"T{number:08d}" for number in times} >= source.acknowledged
    assert set(times.values()) == {1}
    by_patient = {}
    for number in numbers:
        by_patient.setdefault(number % PATIENTS, []).append(number)
    assert all(found == sorted(found) for found in by_patient.values())
    assert hub.ask("/hub/summary")["messages"]["routed"] == len(times)
