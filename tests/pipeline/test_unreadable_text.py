"""What is text in no charset is taken all the same, and stops alone."""

from __future__ import annotations

import pytest

from shared.message.state import MessageState
from tests.pipeline.messages import adt

LATIN = adt("L1", name="Müller^Jörg").decode().encode("latin-1")
UNKNOWN = adt("L1").replace(b"|P|2.5.1", b"|P|2.5.1||||||KLINGON")


@pytest.mark.parametrize("body", [LATIN, UNKNOWN], ids=["PID", "MSH-18"])
async def test_a_name_that_cannot_be_read_is_acknowledged_and_quarantined(start_hub, body):
    """A sender that is refused for one name sends it for ever, and nothing behind it."""
    hub = await start_hub()

    reply = await hub.take(body)
    await hub.work()

    assert reply.status == 200
    assert (await hub.record("L1")).state is MessageState.QUARANTINED
    assert await hub.resources("Patient") == []


async def test_the_charset_of_the_interface_beats_what_the_message_says(start_hub):
    """Many senders write UNICODE UTF-8 into MSH-18 and send something else."""
    hub = await start_hub(more='charset = "8859/1"')

    await hub.take(LATIN)
    await hub.work()

    [patient] = await hub.resources("Patient")
    assert patient["name"][0]["family"] == "Müller"
