"""What a listener takes: each message once, in the order in which it came, however they come together."""

from __future__ import annotations

import asyncio

from tests.connector.peers import admission, merge
from tests.doubles.waiting import until


async def test_several_messages_in_one_frame_have_a_number_each(hospital):
    """A batch, or an interface engine that puts two messages into one frame: each is answered by itself."""
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    hospital.hub.refuses.add("M2")
    for frame in (
        admission("M1") + admission("M2"),
        b"FHS|^~\\&\rBHS|^~\\&\r" + admission("M3") + admission("M4") + b"BTS|2\rFTS|1\r",
    ):
        await source.send(frame)
        assert (await source.answer()).count(b"\rMSA|AA|M") == 2
    await until(lambda: connector.intakes["adt"].backlog().count == 0)
    assert [(n, name) for _, n, name in hospital.hub.taken["north/adt"]] == [(1, "M1"), (3, "M3"), (4, "M4")]


async def test_pipelined_messages_are_answered_in_their_order(hospital):
    """A sender that does not wait for each answer matches them by position."""
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    await source.send(*(admission(f"M{number}") for number in range(300)))
    answers = [await source.answer() for _ in range(300)]
    assert [answer.split(b"MSA|AA|")[1].rstrip() for answer in answers] == [b"M%d" % n for n in range(300)]
    await until(lambda: len(hospital.hub.control_ids) == 300)
    assert hospital.hub.control_ids == [f"M{number}" for number in range(300)]


async def test_messages_of_many_connections_share_requests(hospital):
    """One outstanding request for a stream (rule R1); what comes meanwhile rides in the next one."""
    hospital.hub.delay_seconds = 0.05
    connector = await hospital.connector({"acknowledge": "hybrid", "hybrid_seconds": 5})
    sources = [await hospital.source(connector) for _ in range(16)]

    async def work(number, source):
        for turn in range(5):
            assert (await source.ask(admission(f"{number}-{turn}"))).code == "AA"

    await asyncio.gather(*(work(*pair) for pair in enumerate(sources)))
    assert len(hospital.hub.control_ids) == 80
    assert len(hospital.hub.requests) < 40
    for number in range(16):
        own = [one for one in hospital.hub.control_ids if one.startswith(f"{number}-")]
        assert own == [f"{number}-{turn}" for turn in range(5)]


async def test_one_message_that_the_hub_cannot_take_does_not_hold_its_neighbours(hospital):
    """A request that fails as a whole is sent message by message; the bad one is kept for a person."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    for number in range(6):
        await source.ask(admission(f"M{number}"))
    hospital.hub.breaks_on = {"M3"}
    hospital.hub.is_down = False
    await until(lambda: connector.intakes["adt"].backlog().count == 0)
    assert hospital.hub.control_ids == ["M0", "M1", "M2", "M4", "M5"]
    assert connector.report()["refused"] == 1


async def test_lanes_keep_the_order_of_each_patient_and_a_merge_waits_for_all(hospital):
    """Several at once; A40 names two patients, so everything before it has arrived, and nothing behind it yet."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "spool", "lanes": 4})
    source = await hospital.source(connector)
    for number in range(40):
        await source.ask(admission(f"A{number:02}", f"P{number % 8}"))
    await source.ask(merge("MERGE", "P1", "P2"))
    for number in range(40):
        await source.ask(admission(f"B{number:02}", f"P{number % 8}"))
    order: list[str] = []
    take = hospital.hub._take

    def noting(place, raw):
        order.append(raw.split(b"|")[9].decode())
        return take(place, raw)

    hospital.hub._take = noting
    hospital.hub.is_down = False
    await until(lambda: len(hospital.hub.control_ids) == 81)
    assert len([name for name, messages in hospital.hub.taken.items() if messages]) > 1
    at = order.index("MERGE")
    assert {name[0] for name in order[:at]} == {"A"}
    assert {name[0] for name in order[at + 1 :]} == {"B"}
    for patient in range(8):
        own = [name for name in order if name != "MERGE" and int(name[1:]) % 8 == patient]
        assert own == sorted(own)
