"""kill -9 in the middle of a replay, again and again: it goes on where it was, and nothing is sent a second time (R8).

``CADUCEUS_TEST_REPLAYED=100000`` says of how many messages; with ``pytest -s`` it prints how far it is. They were
delivered long ago (`delivered.py`): that a first delivery survives a kill is what `test_kill.py` proves.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter
from urllib.request import Request, urlopen

import pytest

from tests.pipeline.delivered import write_delivered
from tests.pipeline.hub_process import HubProcess, wait_until
from tests.pipeline.mllp_source import admission
from tests.pipeline.test_kill import field

MESSAGES = int(os.environ.get("CADUCEUS_TEST_REPLAYED", "400"))
SECONDS = 60.0 + MESSAGES / 10
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 2 * SECONDS)]
PATIENTS = 512
CONNECTIONS = 8 if MESSAGES < 10_000 else 32  # each waits for its answer: many shorten a long run on a busy machine
KILLED_AT = (0.2, 0.5, 0.8)  # of what the replay sends, and up to a tenth more or less
CHANCE = random.Random()  # a kill is never at the same moment twice, whatever is drawn
SEND_SECONDS = 3 if MESSAGES < 10_000 else 10  # what is not answered in time waits in review: a machine may stall
SAID_EVERY = 5_000  # messages
LOOK_SECONDS = 0.2  # between two questions to the hub
ANSWER_SECONDS = 600.0  # a machine that is suspended for a minute must not end an hour's run

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
# What a kill leaves without an answer waits in review, one for each connection at most: nothing goes again unasked.
LAB = """
title = "Laboratory"
kind = "mllp"
order = "key"
concurrency = 1
connections = {connections}
replay = "free"
on_ambiguous = "review"
on_quarantine = "pass"
address = {{ laptop = "{address}" }}
"""


@pytest.fixture
def hub(tmp_path, receiver):
    folder = tmp_path / "interfaces"
    (folder / "ward" / "samples").mkdir(parents=True)
    (folder / "ward" / "samples" / "01-admission.hl7").write_bytes(admission(0))
    (folder / "ward" / "interface.toml").write_text(INTERFACE, encoding="utf-8")
    (folder / "destinations").mkdir()
    lab = LAB.format(address=receiver.address, connections=CONNECTIONS)
    (folder / "destinations" / "lab.toml").write_text(lab, encoding="utf-8")
    limits = {"CADUCEUS_SEND_TIMEOUT_SECONDS": str(SEND_SECONDS), "CADUCEUS_CLOCK_SKEW_SECONDS": "0"}
    process = HubProcess(tmp_path, folder, limits)
    yield process
    process.close()


def test_a_replay_goes_on_after_each_kill_and_sends_nothing_twice(hub, receiver, tmp_path):
    """The lab restored last night's backup, the hub's machine restarts in the middle: nobody counts a result twice."""
    began = time.monotonic()
    messages = [admission(number, patients=PATIENTS) for number in range(MESSAGES)]
    asyncio.run(write_delivered(hub.home, tmp_path / "interfaces", "lab", messages))
    print(f"{MESSAGES:,} delivered before, written in {time.monotonic() - began:.0f} s", flush=True)

    began = time.monotonic()
    hub.start()
    hub.wait_ready()
    run = order(hub)
    for share in KILLED_AT:
        reach(receiver, int(MESSAGES * (share + CHANCE.uniform(-0.1, 0.1))), "sent, then killed")
        hub.kill()
        hub.start()
        hub.wait_ready()
    wait_until(lambda: is_done(hub, run), SECONDS, "the replay is done")
    print(f"replayed with {len(KILLED_AT)} kills in {time.monotonic() - began:.0f} s", flush=True)

    [lab] = hub.ask(f"/hub/replays/{run}", ANSWER_SECONDS)["destinations"]
    in_review = lab.get("review", 0)
    print(f"{lab['accepted']:,} accepted, {in_review} in review, {len(receiver.received):,} received")
    assert lab["accepted"] + in_review == MESSAGES
    # A machine that stands still for seconds adds some.
    assert in_review <= max(len(KILLED_AT) * CONNECTIONS, MESSAGES // 100)
    times = Counter(map(number_of, receiver.received))
    assert set(times.values()) == {1}
    assert MESSAGES - len(times) <= in_review
    assert order(hub) != run  # it is done: the same order is a new one


def reach(receiver, wanted, what):
    """Return when the laboratory has so many, and say now and then how many it has."""
    for step in range(len(receiver.received) // SAID_EVERY + 1, wanted // SAID_EVERY + 1):
        wait_until(lambda step=step: len(receiver.received) >= step * SAID_EVERY, SECONDS, what)
        print(f"{step * SAID_EVERY:,}, {time.strftime('%H:%M:%S')}", flush=True)
    wait_until(lambda: len(receiver.received) >= wanted, SECONDS, what)
    print(f"{wanted:,} {what}", flush=True)


def is_done(hub, run):
    time.sleep(LOOK_SECONDS)
    return hub.ask(f"/hub/replays/{run}", ANSWER_SECONDS)["state"] == "done"


def order(hub):
    wanted = {"interface": "ward", "destinations": ["lab"], "resend_accepted": True, "reason": "a backup was restored"}
    request = Request(f"http://127.0.0.1:{hub.http_port}/hub/replays", json.dumps(wanted).encode(), method="POST")
    with urlopen(request, timeout=ANSWER_SECONDS) as response:
        return json.load(response)["run"]


def number_of(message):
    return int(field(message, b"PV1", 19).split(b"^")[0][1:])
