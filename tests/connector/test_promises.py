"""Whose word an acknowledgement is: the hub's, or the connector's own disk's."""

from __future__ import annotations

import asyncio

import pytest

from tests.connector.peers import admission
from tests.doubles.waiting import until


@pytest.mark.parametrize("mode", ["hybrid", "spool", "end_to_end"])
async def test_a_message_is_acknowledged_and_reaches_the_hub(hospital, mode):
    """The everyday case, in every mode: AA with its own control id, once at the hub, nothing left behind."""
    connector = await hospital.connector({"acknowledge": mode})
    source = await hospital.source(connector)
    answer = await source.ask(admission("M1"))
    assert (answer.code, answer.control_id) == ("AA", "M1")
    await until(lambda: connector.intakes["adt"].backlog().count == 0)
    assert hospital.hub.control_ids == ["M1"]
    assert hospital.hub.bodies["M1"] == admission("M1")


@pytest.mark.parametrize("mode", ["hybrid", "spool", "end_to_end"])
async def test_a_control_id_that_holds_delimiters_does_not_hold_its_stream(hospital, mode):
    """MSH-10 is a string, and yet senders write `20250310^WARD`: the answer's first component is what is compared."""
    connector = await hospital.connector({"acknowledge": mode, "end_to_end_seconds": 5})
    source = await hospital.source(connector)
    for sent in ("A^B", "C~D", "E&F", "G^", r"H\T\I"):
        await source.send(admission(sent))
        assert f"MSA|AA|{sent}\r".encode() in await source.answer()
    await until(lambda: connector.intakes["adt"].backlog().count == 0)
    assert hospital.hub.control_ids == ["A", "C", "E", "G", "H&I"]
    assert connector.line.is_up


async def test_a_refusal_of_the_hub_is_the_senders_while_the_line_is_up(hospital):
    """The hub's own words, ERR included: the sender's operator sees why; nothing is kept here."""
    hospital.hub.refuses = {"M1"}
    connector = await hospital.connector({"acknowledge": "hybrid"})
    answer = await (await hospital.source(connector)).ask(admission("M1"))
    assert (answer.code, answer.conditions) == ("AR", ("202",))
    assert connector.report()["refused"] == 0


async def test_hybrid_answers_from_its_own_disk_after_the_deadline(hospital):
    """A slow hub must not stop the hospital's interface engine."""
    hospital.hub.delay_seconds = 1.0
    connector = await hospital.connector({"acknowledge": "hybrid", "hybrid_seconds": 0.1})
    source = await hospital.source(connector)
    assert (await source.ask(admission("M1"), seconds=0.8)).code == "AA"
    assert hospital.hub.control_ids == []
    await until(lambda: hospital.hub.control_ids == ["M1"])


async def test_hybrid_does_not_wait_for_a_line_that_is_known_to_be_down(hospital):
    """The deadline is paid once, not for every message of the night."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "hybrid", "hybrid_seconds": 0.3})
    source = await hospital.source(connector)
    await source.ask(admission("M1"))
    await until(lambda: not connector.line.is_up)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(20):
        assert (await source.ask(admission(f"N{number}"))).code == "AA"
    assert loop.time() - began < 20 * 0.3
    hospital.hub.is_down = False
    await until(lambda: len(hospital.hub.control_ids) == 21)


async def test_a_message_acknowledged_here_and_refused_there_is_kept_for_a_person(hospital):
    """AA was said: dropping it now would lose it in silence."""
    hospital.hub.is_down = True
    hospital.hub.refuses = {"M1"}
    connector = await hospital.connector({"acknowledge": "spool"})
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AA"
    hospital.hub.is_down = False
    await until(lambda: connector.report()["refused"] == 1)
    assert connector.intakes["adt"].backlog().count == 0


async def test_end_to_end_says_ae_when_the_hub_does_not_answer(hospital):
    """The sender keeps it and sends it again; AE with 207, "application internal error"."""
    hospital.hub.is_deaf = True
    connector = await hospital.connector({"acknowledge": "end_to_end", "end_to_end_seconds": 0.3})
    answer = await (await hospital.source(connector)).ask(admission("M1"))
    assert (answer.code, answer.control_id, answer.conditions) == ("AE", "M1", ("207",))


async def test_what_a_sender_was_told_to_keep_is_void_and_comes_once(hospital):
    """AE, then the same message again: the hub has it once, under a later number, and the first number is void."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "end_to_end", "end_to_end_seconds": 0.3})
    source = await hospital.source(connector)
    assert (await source.ask(admission("M1"))).code == "AE"
    hospital.hub.is_down = False
    await until(lambda: hospital.hub.voids)
    assert (await source.ask(admission("M1"))).code == "AA"
    assert [n for _, n, _ in hospital.hub.taken["north/adt"]] == [2]
    assert [n for _, n in hospital.hub.voids] == [1]


async def test_enhanced_mode_is_answered_with_ca(hospital):
    """MSH-15 = AL: a commit acknowledgement, by our own disk as by the hub."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "spool"})
    message = admission("M1").replace(b"|P|2.5.1\r", b"|P|2.5.1|||AL|NE\r", 1)
    assert (await (await hospital.source(connector)).ask(message)).code == "CA"


async def test_a_message_is_answered_in_the_mode_in_which_it_came(hospital):
    """A reload while it is on its way to the disk: what was to be the hub's word is not the spool's in the end."""
    hospital.hub.refuses, hospital.hub.delay_seconds = {"M1"}, 0.3
    connector = await hospital.connector({"acknowledge": "end_to_end", "end_to_end_seconds": 5})
    intake = connector.intakes["adt"]
    answering = asyncio.create_task(intake.answer(admission("M1")))
    await asyncio.sleep(0)
    intake.take_table(intake.table.model_copy(update={"acknowledge": "hybrid", "hybrid_seconds": 0.01}))
    assert b"\rMSA|AR|M1|" in await answering
