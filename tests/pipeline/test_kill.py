"""kill -9 at random moments under load, again and again (promises 1, 2 and 3)."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from functools import partial

import pytest

from shared.adapters.local.open import open_local
from shared.settings import read_settings
from tests.pipeline.hub_process import HubProcess, wait_until
from tests.pipeline.mllp_source import Source, admission

pytestmark = pytest.mark.slow

CONNECTIONS = 8
PATIENTS = 8 * CONNECTIONS
KILL_SECONDS = 22.0
KILLS_AT_LEAST = 5
RECORD_SECONDS = 60.0

INTERFACE = """
title = "Admissions of General Hospital"
owner = "tests"
contact = "tests"
assigner = "GENERAL"
accepts = ["T"]

[[match]]
types = ["ADT^*"]
sending_application = ["EHR"]

[[routes]]
to = "store"

[[routes]]
to = "lab"
shape = "hl7"
"""
LAB = 'title = "Laboratory"\nkind = "mllp"\norder = "key"\naddress = {{ laptop = "{address}" }}\n'


def write_ward(home, receiver):
    """Write one sender, a store and a laboratory; return the folder of interfaces."""
    folder = home / "interfaces"
    (folder / "ward" / "samples").mkdir(parents=True)
    (folder / "ward" / "samples" / "01-admission.hl7").write_bytes(admission(0))
    (folder / "ward" / "interface.toml").write_text(INTERFACE, encoding="utf-8")
    (folder / "destinations").mkdir()
    (folder / "destinations" / "store.toml").write_text('title = "Store"\nkind = "fhir_store"\n', encoding="utf-8")
    (folder / "destinations" / "lab.toml").write_text(LAB.format(address=receiver.address), encoding="utf-8")
    return folder


@pytest.fixture
def hub(tmp_path, receiver):
    """A hub with one sender, a store and a laboratory; nothing of it is left after the test."""
    # What a killed worker may have been sending is left alone so long; the shorter, the more kills fit into the test.
    limits = {"CADUCEUS_SEND_TIMEOUT_SECONDS": "1", "CADUCEUS_CLOCK_SKEW_SECONDS": "0"}
    process = HubProcess(tmp_path, write_ward(tmp_path, receiver), limits)
    yield process
    process.close()


@pytest.fixture
def source(hub):
    sending = Source(
        port=lambda: hub.mllp_port,
        make=partial(admission, patients=PATIENTS),
        connections=CONNECTIONS,
        pause_seconds=0.02,
    )
    yield sending
    sending.stop()


def test_killed_process_loses_nothing_acknowledged_and_keeps_the_order(hub, source, receiver):
    """The one promise everybody relies on; a power cut asks nobody whether it is a good moment."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    kills = kill_again_and_again(hub, source, random.Random(seed))
    hub.start()
    hub.wait_ready()
    acknowledged = len(source.acknowledged)
    wait_until(lambda: len(source.acknowledged) > acknowledged, 20, "the last life takes messages")
    source.stop()
    wait_until(lambda: numbers_in(receiver) >= source.acknowledged, RECORD_SECONDS, "the laboratory has everything")
    wait_until(partial(is_settled, hub), RECORD_SECONDS, "everything is settled")
    assert hub.terminate(10) == 0

    print(f"{kills} kills, {len(source.acknowledged)} acknowledged, {len(receiver.received)} received")
    assert kills >= KILLS_AT_LEAST
    assert not source.refused
    check_ledger(hub, source.acknowledged)
    check_receiver(receiver, source.acknowledged, copies_at_most=kills * CONNECTIONS)


def kill_again_and_again(hub, source, chance):
    """Start and kill for a while, now and then before it even listens; return how often."""
    kills, end = 0, time.monotonic() + KILL_SECONDS
    source.start()
    while time.monotonic() < end or kills < KILLS_AT_LEAST:
        hub.start()
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0.0, 1.0))  # the moment is the point: it is drawn, not awaited
        else:
            acknowledged = len(source.acknowledged)
            wait_until(lambda known=acknowledged: len(source.acknowledged) > known, 30, "the hub is at work")
            time.sleep(chance.uniform(0.0, 1.5))
        hub.kill()
        kills += 1
    return kills


def numbers_in(receiver):
    """Return the MSH-10 of what the laboratory has: what is in the queue `deliver` still, no summary counts."""
    return {f"T{int(field(message, b'PV1', 19).split(b'^')[0][1:]):08d}" for message in receiver.received}


def is_settled(hub):
    summary = hub.ask("/hub/summary")
    # What is reserved was never acknowledged and never sent on: its sender gave up when the test ended.
    return not summary["waiting"] and summary["messages"].keys() <= {"routed", "reserved"}


def check_ledger(hub, control_ids):
    """Every acknowledged message is one message, went its way, and arrived everywhere."""
    settings = {"CADUCEUS_ADAPTERS": "local", "CADUCEUS_STAGE": "laptop", "CADUCEUS_HOME": str(hub.home)}

    async def look():
        adapters = open_local(read_settings(settings))
        outcomes = Counter()
        for control_id in control_ids:
            records = await adapters.ledger.by_control_id(control_id)
            states = [str(record.state) for record in records]
            deliveries = await adapters.lanes.deliveries(records[0].message) if records else []
            outcomes[*states, *sorted(f"{row.destination} {row.state}" for row in deliveries)] += 1
        await adapters.close()
        return outcomes

    assert asyncio.run(look()) == {("routed", "lab accepted", "store accepted"): len(control_ids)}


def check_receiver(receiver, control_ids, copies_at_most):
    """The laboratory has everything, in order for each patient, and few copies: none without a kill to blame."""
    numbers = [int(field(message, b"PV1", 19).split(b"^")[0][1:]) for message in receiver.received]
    times = Counter(numbers)
    assert {f"T{number:08d}" for number in times} >= control_ids
    assert sum(times.values()) - len(times) <= copies_at_most
    by_patient = {}
    for number in dict.fromkeys(numbers):
        by_patient.setdefault(number % PATIENTS, []).append(number)
    assert all(found == sorted(found) for found in by_patient.values())


def field(message, segment, number):
    line = next(line for line in message.split(b"\r") if line.startswith(segment + b"|"))
    return line.split(b"|")[number]


def test_process_that_is_asked_to_stop_ends_soon_and_the_next_one_continues(hub, source, receiver):
    """Ctrl-C, SIGTERM of a service manager: seconds, exit code 0, and nothing sent twice because of it."""
    hub.start()
    hub.wait_ready()
    source.start()
    wait_until(lambda: len(source.acknowledged) > 200, 30, "the hub is at work")

    assert hub.terminate(30) == 0
    hub.start()
    hub.wait_ready()
    before = len(source.acknowledged)
    wait_until(lambda: len(source.acknowledged) > before + 100, 30, "the second life is at work")
    source.stop()
    wait_until(lambda: numbers_in(receiver) >= source.acknowledged, RECORD_SECONDS, "the laboratory has everything")
    wait_until(partial(is_settled, hub), RECORD_SECONDS, "everything is settled")
    hub.terminate(30)

    check_ledger(hub, source.acknowledged)
    check_receiver(receiver, source.acknowledged, copies_at_most=0)
