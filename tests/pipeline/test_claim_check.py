"""Large payloads never ride the queue (rule R2): an envelope has a reference to the archive, and 64 kB at most."""

from __future__ import annotations

import base64

import orjson
import pytest

from tests.pipeline.hub_in_process import QUEUES

ENVELOPE_BYTES = 64 * 1024


def report(control_id, size):
    """Return an ORU^R01 whose OBX-5 is a document of so many bytes, in base64."""
    document = base64.b64encode(bytes(size * 3 // 4)).decode()
    segments = (
        f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ORU^R01^ORU_R01|{control_id}|P|2.5.1",
        "PID|1||70001^^^GENERAL^MR||Example^Anna||19800101|F",
        "OBR|1||F1^GENERAL|18748-4^Diagnostic imaging study^LN|||20260301110000+0000",
        f"OBX|1|ED|18748-4^Diagnostic imaging study^LN||^application^pdf^Base64^{document}||||||F",
    )
    return ("\r".join(segments) + "\r").encode()


async def take_and_watch(hub, body):
    """Take a message all the way; return the length of every envelope that was in a queue."""
    lengths, hand_over = [], hub._hand_over

    async def watched(queue, lock, received):
        if queue in QUEUES:
            lengths.extend(len(one.body) for one in received)
        await hand_over(queue, lock, received)

    hub._hand_over = watched
    await hub.take(body)
    await hub.work()
    return lengths


@pytest.mark.parametrize(
    "size",
    [1_000, 65_100, 64 * 1024, 70_000, 1 << 20, pytest.param(100 << 20, marks=pytest.mark.slow)],
    ids=["1 kB", "a little less than 64 kB", "64 kB", "more than 64 kB", "1 MB", "100 MB"],
)
async def test_a_message_of_any_size_passes_and_no_envelope_is_larger_than_64_kb(start_hub, size):
    """Service Bus takes 256 kB at most, and counts every 64 kB as a message."""
    hub = await start_hub("store", "keyed")
    body = report("L1", size)
    lengths = await take_and_watch(hub, body)

    assert len(lengths) == 4  # transform, route, and deliver for both
    assert max(lengths) <= ENVELOPE_BYTES
    assert await hub.states("L1") == {"store": "accepted", "keyed": "accepted"}
    assert await hub.hub.adapters.archive.get((await hub.record("L1")).raw) == body
    [(_, sent)] = hub.receivers["keyed"].sent
    document = [entry["resource"] for entry in orjson.loads(sent)["entry"] if b"application/pdf" in orjson.dumps(entry)]
    assert sum(len(orjson.dumps(one)) for one in document) >= size
