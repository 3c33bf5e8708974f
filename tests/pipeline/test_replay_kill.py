"""kill -9 in the middle of a replay, again and again: it goes on where it was, and nothing is sent a second time (R8).

``CADUCEUS_TEST_REPLAYED=100000`` says of how many messages; it prints how long each part took.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from functools import partial
from urllib.request import Request, urlopen

import pytest

from tests.pipeline.hub_process import HubProcess, wait_until
from tests.pipeline.mllp_receiver import MllpReceiver
from tests.pipeline.mllp_source import Source, admission
from tests.pipeline.test_kill import field

pytestmark = pytest.mark.slow

MESSAGES = int(os.environ.get("CADUCEUS_TEST_REPLAYED", "400"))
SECONDS = 60.0 + MESSAGES / 10
CONNECTIONS = 8
PATIENTS = 64 * CONNECTIONS
KILLED_AT = (0.2, 0.5, 0.8)  # of what the replay sends

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
to = "lab"
shape = "hl7"
"""
# One send at a time, and none again without a person: what a kill leaves without an answer waits in review.
LAB = """
title = "Laboratory"
kind = "mllp"
order = "feed"
replay = "free"
on_ambiguous = "review"
on_quarantine = "pass"
address = {{ laptop = "{address}" }}
"""


@pytest.fixture
def receiver():
    serving = MllpReceiver()
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def hub(tmp_path, receiver):
    folder = tmp_path / "interfaces"
    (folder / "ward" / "samples").mkdir(parents=True)
    (folder / "ward" / "samples" / "01-admission.hl7").write_bytes(admission(0))
    (folder / "ward" / "interface.toml").write_text(INTERFACE, encoding="utf-8")
    (folder / "destinations").mkdir()
    (folder / "destinations" / "lab.toml").write_text(LAB.format(address=receiver.address), encoding="utf-8")
    process = HubProcess(tmp_path, folder, {"CADUCEUS_SEND_TIMEOUT_SECONDS": "1", "CADUCEUS_CLOCK_SKEW_SECONDS": "0"})
    yield process
    process.close()


def test_a_replay_goes_on_after_each_kill_and_sends_nothing_twice(hub, receiver):
    """The lab restored last night's backup, the hub's machine restarts in the middle: nobody counts a result twice."""
    began = time.monotonic()
    hub.start()
    hub.wait_ready()
    sent = send(hub, receiver)
    print(f"{sent:,} delivered after {time.monotonic() - began:.0f} s")

    began = time.monotonic()
    run = order(hub)
    for share in KILLED_AT:
        wait_until(lambda wanted=share: len(receiver.received) > sent * (1 + wanted), SECONDS, "the replay sends")
        hub.kill()
        hub.start()
        hub.wait_ready()
    wait_until(lambda: hub.ask(f"/hub/replays/{run}")["state"] == "done", SECONDS, "the replay is done")
    print(f"replayed with {len(KILLED_AT)} kills after {time.monotonic() - began:.0f} s")

    [lab] = hub.ask(f"/hub/replays/{run}")["destinations"]
    in_review = lab.get("review", 0)
    assert lab["accepted"] + in_review == sent
    assert in_review <= max(len(KILLED_AT), sent // 100)  # a machine that stands still for seconds adds some
    times = Counter(Counter(map(number_of, receiver.received)).values())
    assert set(times) <= {1, 2}  # once live, once in the replay
    assert times[1] <= in_review
    assert order(hub) != run  # it is done: the same order is a new one


def send(hub, receiver):
    """Send messages until there are enough, and wait until each is delivered; return how many there are."""
    source = Source(port=lambda: hub.mllp_port, make=partial(admission, patients=PATIENTS), connections=CONNECTIONS)
    source.start()
    wait_until(lambda: len(source.acknowledged) >= MESSAGES, SECONDS, "enough are acknowledged")
    source.stop()
    sent = len(source.acknowledged)
    wait_until(lambda: len(receiver.received) >= sent, SECONDS, "everything is delivered")
    return sent


def order(hub):
    wanted = {"interface": "ward", "destinations": ["lab"], "resend_accepted": True, "reason": "a backup was restored"}
    request = Request(f"http://127.0.0.1:{hub.http_port}/hub/replays", json.dumps(wanted).encode(), method="POST")
    with urlopen(request, timeout=60) as response:
        return json.load(response)["run"]


def number_of(message):
    return int(field(message, b"PV1", 19).split(b"^")[0][1:])
