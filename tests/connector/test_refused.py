"""What was acknowledged here and refused there: seen, taken out, and sent again, by a person and no other way."""

from __future__ import annotations

import asyncio
import json
import stat

import pytest

from connector import __main__ as commands
from connector import again
from connector.__main__ import main
from tests.connector.peers import admission
from tests.connector.test_commands import write
from tests.doubles.waiting import until


@pytest.fixture
async def refusing(hospital, tmp_path, monkeypatch):
    """A connector that holds M1, refused by the hub after its AA; and the file of its commands."""
    monkeypatch.setattr(again, "_LOOK_SECONDS", 0.02)
    monkeypatch.setenv("SPOOL_KEY", "a long secret")
    file, _ = write(tmp_path, hospital.hub.port)
    file.write_text(file.read_text("utf-8") + '[spool]\nkey = "env:SPOOL_KEY"\n', "utf-8")
    hospital.hub.refuses = {"M1"}
    connector = await hospital.connector({"acknowledge": "spool"}, spool={"key": "env:SPOOL_KEY"})
    source = await hospital.source(connector)
    assert (await source.ask(admission("M1"))).code == "AA"
    await until(lambda: connector.report()["refused"] == 1)
    return connector, source, file


async def said_by(capsys, file, *arguments):
    """Return the exit code of `refused` and what it printed: on the screen, and as a complaint."""
    code = await asyncio.to_thread(main, ["refused", "--config", str(file), *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


async def test_the_list_says_what_waits_and_nothing_of_a_patient(refusing, capsys):
    """It is read aloud on the telephone: when, which listener, why, which control id, how large."""
    _, _, file = refusing
    code, said, _ = await said_by(capsys, file)
    [line] = said.splitlines()
    assert code == 0
    assert line.split("\t")[2:5] == ["north/adt", "AR", "MSH-10 M1"]
    assert not [word for word in ("Vela", "Ada", "P1", "PID") if word in said]
    [row] = json.loads((await said_by(capsys, file, "--json"))[1])
    assert (row["stream"], row["code"], row["control_id"]) == ("north/adt", "AR", "M1")
    assert set(row) == {"id", "stream", "received", "control_id", "code", "size"}


async def test_one_is_written_to_a_file_that_its_owner_alone_can_read(refusing, capsys, tmp_path):
    """Byte for byte, from a sealed spool; a file that is there stays as it is."""
    _, _, file = refusing
    to = tmp_path / "m1.hl7"
    code, said, _ = await said_by(capsys, file, "--export", "1", str(to))
    assert (code, to.read_bytes()) == (0, admission("M1"))
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert "Vela" not in said
    to.write_bytes(b"mine")
    assert (await said_by(capsys, file, "--export", "1", str(to)))[0] == 1
    assert to.read_bytes() == b"mine"
    assert (await said_by(capsys, file, "--export", "7", str(tmp_path / "none")))[0] == 1


async def test_one_is_sent_again_once_the_cause_is_mended(refusing, hospital, capsys):
    """The interface was corrected: the hub takes it now, under a new number, once."""
    connector, _, file = refusing
    hospital.hub.refuses = set()
    assert (await said_by(capsys, file, "--again", "1"))[0] == 0
    await until(lambda: hospital.hub.control_ids == ["M1"])
    assert hospital.hub.bodies["M1"] == admission("M1")
    assert connector.report()["refused"] == 0
    assert (await said_by(capsys, file, "--again", "1"))[0] == 1  # it is no longer there


async def test_what_is_refused_once_more_is_on_the_list_again(refusing, capsys):
    """Nothing is lost by trying too early."""
    connector, _, file = refusing
    assert (await said_by(capsys, file, "--again", "1"))[0] == 0
    await until(lambda: [row[0] for row in connector.spool.read("SELECT id FROM refused")] == [2])


async def test_an_old_message_goes_after_newer_ones_only_by_express_order(refusing, hospital, capsys):
    """It goes up as the newest: it would set back a patient of whom the hub has heard since (promise 7)."""
    _, source, file = refusing
    assert (await source.ask(admission("M2"))).code == "AA"
    await until(lambda: hospital.hub.control_ids == ["M2"])
    hospital.hub.refuses = set()
    code, _, complaint = await said_by(capsys, file, "--again", "1")
    assert (code, "1 message came after it" in complaint) == (1, True)
    assert (await said_by(capsys, file, "--again", "1", "--allow-stale"))[0] == 0
    await until(lambda: hospital.hub.control_ids == ["M2", "M1"])


async def test_an_order_waits_for_a_connector_that_does_not_run(refusing, hospital, capsys, monkeypatch):
    """It is carried out at the start, and forgotten then."""
    connector, _, file = refusing
    monkeypatch.setattr(commands, "_ORDER_LOOKS", 1)
    await connector.stop()
    assert (await said_by(capsys, file, "--again", "1"))[0] == 2
    hospital.hub.refuses = set()
    await hospital.start(connector.config)
    await until(lambda: hospital.hub.control_ids == ["M1"])
    await until(lambda: again.orders(hospital.folder) == [])


async def test_an_order_for_nothing_is_forgotten(refusing, hospital):
    """Given twice, or by hand: nobody looks for it for ever."""
    again.order_again(hospital.folder, 99)
    await until(lambda: again.orders(hospital.folder) == [])
