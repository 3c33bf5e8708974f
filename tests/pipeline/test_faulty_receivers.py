"""Destinations in trouble, side by side, each with a sender of its own (promises 1 to 4, rules R3 and R9)."""

from __future__ import annotations

import json
import socket
from collections import Counter
from functools import partial
from urllib.request import Request, urlopen

import pytest

from tests.pipeline.faulty_receivers import FaultyReceiver, answers_late, dies, garbles, hangs, resets, stops_halfway
from tests.pipeline.hub_process import HubProcess, wait_until
from tests.pipeline.messages import adt
from tests.pipeline.mllp_receiver import ADDRESS
from tests.pipeline.mllp_source import exchange

pytestmark = pytest.mark.slow

# What the hub calls each trouble: silence after the whole message had left, so it may have been taken.
TROUBLES = {
    hangs: {"timed_out"},
    garbles: {"answer_unreadable"},
    stops_halfway: {"timed_out"},
    answers_late: {"timed_out"},
    resets: {"closed_after_sent"},
    dies: {"closed_after_sent"},
}
WELL = "well"
NAMES = [trouble.__name__ for trouble in TROUBLES]
PATIENTS, EACH = 5, 2
FAILURES = 3  # in a row open the breaker
SECONDS = 60.0

INTERFACE = """
title = "Admissions"
owner = "tests"
contact = "tests"
assigner = "GENERAL"
accepts = ["P"]

[[match]]
sending_application = ["{name}"]

[[routes]]
to = "{name}"
shape = "hl7"
"""
# One connection, so that what a receiver sees is what the hub decided, and not what happened to be under way.
DESTINATION = """
title = "{name}"
kind = "mllp"
order = "key"
concurrency = 1
connections = 1
on_ambiguous = "review"
address = {{ laptop = "mllp://{address}:{port}" }}

[retry]
base_seconds = 0.5
cap_seconds = 1
"""


@pytest.fixture
def receivers():
    opened = {name: FaultyReceiver(trouble) for name, trouble in zip(NAMES, TROUBLES, strict=True)}
    opened[WELL] = FaultyReceiver(None)
    yield opened
    for receiver in opened.values():
        receiver.stop()


@pytest.fixture
def hub(tmp_path, receivers):
    folder = tmp_path / "interfaces"
    (folder / "destinations").mkdir(parents=True)
    for name, receiver in receivers.items():
        (folder / name / "samples").mkdir(parents=True)
        (folder / name / "samples" / "01.hl7").write_bytes(message(name, 0, 0))
        (folder / name / "interface.toml").write_text(INTERFACE.format(name=name), encoding="utf-8")
        text = DESTINATION.format(name=name, address=ADDRESS, port=receiver.port)
        (folder / "destinations" / f"{name}.toml").write_text(text, encoding="utf-8")
    process = HubProcess(tmp_path, folder, {"CADUCEUS_SEND_TIMEOUT_SECONDS": "1", "CADUCEUS_CLOCK_SKEW_SECONDS": "0"})
    process.start()
    process.wait_ready()
    yield process
    process.close()


def message(name, patient, number):
    """Return one of a patient's messages; its control id is its visit, for a receiver sees another control id."""
    own = f"{name}-{patient}-{number}"
    return adt(own, number=f"{70000 + patient}^^^GENERAL^MR", application=name, visit=own)


def test_what_a_destination_in_trouble_may_have_waits_for_a_person_and_nothing_comes_twice(hub, receivers):
    """The night when the laboratory's engine hung: everything is acknowledged, nobody is treated twice, and the
    other departments notice nothing."""
    send_everything(hub, receivers)
    wait_until(lambda: len(receivers[WELL].taken) == PATIENTS * EACH, SECONDS, "who is well has everything")
    for name in NAMES:
        wait_until(partial(is_broken, hub, name), SECONDS, f"the breaker of {name} opens")

    check_what_is_said(hub)
    for name in NAMES:
        receivers[name].recover()
    wait_until(partial(is_settled, hub, receivers), SECONDS, "a person has looked, and everything is delivered")

    for name, receiver in receivers.items():
        wanted = {f"{name}-{patient}-{number}" for patient in range(PATIENTS) for number in range(EACH)}
        assert Counter(receiver.taken) == Counter(wanted), name
        for patient in range(PATIENTS):
            mine = [one for one in receiver.taken if one.startswith(f"{name}-{patient}-")]
            assert mine == sorted(mine), name


def send_everything(hub, receivers):
    """Send each receiver's messages; every one is acknowledged, whoever is in trouble behind the hub."""
    with socket.create_connection(("127.0.0.1", hub.mllp_port), timeout=SECONDS) as connection:
        for number in range(EACH):
            for patient in range(PATIENTS):
                for name in receivers:
                    assert b"MSA|AA|" in exchange(connection, message(name, patient, number))


def destination(hub, name):
    [found] = [one for one in hub.ask("/hub/destinations")["destinations"] if one["id"] == name]
    return found


def is_broken(hub, name):
    found = destination(hub, name)
    return found["failures"] >= FAILURES and found["open_until"]


def stopped(hub):
    return [(row["destination"], row) for row in hub.ask("/hub/quarantine")["deliveries"]]


def check_what_is_said(hub):
    """One line of the log says that nobody tries any more, and each stopped delivery says why."""
    lines = [line for line in (hub.home / "hub.log").read_text("utf-8").splitlines() if "breaker_opened" in line]
    codes = {name: {row["code"] for each, row in stopped(hub) if each == name} for name in NAMES}

    assert all(any(f'"{name}"' in line for line in lines) for name in NAMES)
    assert codes == dict(zip(NAMES, TROUBLES.values(), strict=True))


def is_settled(hub, receivers):
    """Do what a person does: look whether it arrived there, then let it be, or send it again."""
    for name, row in stopped(hub):
        control_id = hub.ask(f"/hub/messages/{row['message']}")["message"]["control_id"]
        decision = "discard" if control_id in receivers[name].taken else "resend"
        order(hub, f"/hub/messages/{row['message']}/{decision}")
    return not hub.ask("/hub/summary")["waiting"]


def order(hub, path):
    body = json.dumps({"reason": "looked there"}).encode()
    with urlopen(Request(f"http://127.0.0.1:{hub.http_port}{path}", body, method="POST"), timeout=20) as response:
        return json.load(response)
