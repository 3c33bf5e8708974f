"""What breaks in the night: the line, the process, the disk, the hub. Nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from connector import intake, promises, spool, waiting_line
from connector.config import Config
from connector.status import needs_a_look
from tests.connector.conftest import free_port
from tests.connector.peers import Source, admission
from tests.doubles.tcp_line import TcpLine
from tests.doubles.waiting import until

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
async def line(hospital):
    line = TcpLine(hospital.hub.port)
    await line.start()
    hospital.keep(line.stop)
    return line


def through(hospital, line, **listen) -> Config:
    return hospital.config(listen, hub={"url": f"http://127.0.0.1:{line.port}", "answer_seconds": 1})


@pytest.mark.parametrize("mode", ["spool", "hybrid"])
async def test_a_line_that_is_cut_again_and_again_loses_and_repeats_nothing(hospital, line, mode):
    """Cut in the middle of requests and of answers, frozen, slow: the hub has each message once, in order."""
    connector = await hospital.start(through(hospital, line, acknowledge=mode, hybrid_seconds=0.2))
    source = await hospital.source(connector)
    sent: list[str] = []
    generator = random.Random(7)

    async def send():
        for number in range(400):
            name = f"M{number:04}"
            assert (await source.ask(admission(name))).code == "AA"
            sent.append(name)
            await asyncio.sleep(0.002)

    async def disturb():
        for _ in range(25):
            await asyncio.sleep(generator.uniform(0.01, 0.08))
            match generator.randrange(4):
                case 0:
                    line.cut()
                case 1:
                    line.freeze()
                    await asyncio.sleep(0.1)
                    line.thaw()
                case 2:
                    line.delay_seconds = 0.02
                case 3:
                    hospital.hub.forgets_to_answer = 1
        line.delay_seconds = 0.0

    await asyncio.gather(send(), disturb())
    await until(lambda: connector.intakes["adt"].backlog().count == 0, 30)
    assert hospital.hub.control_ids == sent


async def test_a_hub_that_was_away_for_long_gets_everything_in_order(hospital, line):
    """Days offline are a long queue and nothing else."""
    line.refuse()
    connector = await hospital.start(through(hospital, line, acknowledge="spool"))
    source = await hospital.source(connector)
    for start in range(0, 2000, 50):
        await source.send(*(admission(f"M{start + number:05}") for number in range(50)))
        for _ in range(50):
            assert b"MSA|AA|" in await source.answer()
    assert connector.intakes["adt"].backlog().count == 2000
    assert connector.report()["line_up"] is False
    line.refuse(False)
    await until(lambda: connector.intakes["adt"].backlog().count == 0, 60)
    assert hospital.hub.control_ids == [f"M{number:05}" for number in range(2000)]
    assert max(hospital.hub.requests) > 16  # many in one request


async def test_an_answer_that_is_lost_is_no_second_message(hospital):
    """The hub has it; the connector asks again under the same number."""
    hospital.hub.forgets_to_answer = 3
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    await source.ask(admission("M1"))
    await until(lambda: connector.intakes["adt"].backlog().count == 0)
    assert hospital.hub.control_ids == ["M1"]
    assert hospital.hub.duplicates == 3


async def test_a_sender_that_goes_before_its_answer_is_served_when_it_comes_back(hospital):
    """It missed our AA and sends again: the hub's own duplicate rule decides, as for every sender."""
    hospital.hub.delay_seconds = 0.3
    connector = await hospital.connector({"acknowledge": "end_to_end"})
    source = await hospital.source(connector)
    await source.send(admission("M1"))
    await asyncio.sleep(0.05)
    source.writer.transport.abort()
    again = await hospital.source(connector)
    assert (await again.ask(admission("M1"))).code == "AA"
    assert [control_id for _, _, control_id in hospital.hub.taken["north/adt"]] == ["M1", "M1"]


async def test_a_stream_that_belongs_to_another_caller_is_held_and_said_so(hospital, caplog):
    """Two connectors of one name, or a new identity: a person decides, and then everything goes up in order."""
    hospital.hub.is_another_s = True
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    for name in ("M1", "M2"):
        assert (await source.ask(admission(name))).code == "AA"
    await until(lambda: any("CONNECTOR-013" in each.message for each in caplog.records))
    [listener] = connector.report()["listeners"]
    assert (listener["held_by"], listener["waiting"]) == ("CONNECTOR-013", 2)
    assert needs_a_look(connector.report(), has_relay=False)  # the line is up, and nothing goes up
    hospital.hub.is_another_s = False
    await until(lambda: hospital.hub.control_ids == ["M1", "M2"])
    await until(lambda: not needs_a_look(connector.report(), has_relay=False))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 megabytes."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs root on Linux, to mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("cannot mount a file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.mark.parametrize("on_full", ["stall", "AE", "CE"])
async def test_a_full_disk_promises_nothing_it_cannot_keep(hospital, small_disk, on_full):
    """stall: no answer, and the sender waits; AE and CE: it hears so. When there is room again, everybody goes on."""
    hospital.folder = small_disk / "spool"
    ballast = small_disk / "ballast"
    connector = await hospital.connector({"acknowledge": "spool", "on_full": on_full})
    hospital.hub.is_down = True
    source = await hospital.source(connector)
    ballast.write_bytes(bytes(12 << 20))
    promised = []
    refused = None
    with suppress(TimeoutError):
        for number in range(200):
            name = f"M{number:03}"
            answer = await source.ask(admission(name, text="x" * 200_000), seconds=2)
            if answer.code != "AA":
                refused = (answer.code, answer.control_id)
                break
            promised.append(name)
    assert 10 < len(promised) < 200
    assert refused == (None if on_full == "stall" else (on_full, f"M{len(promised):03}"))
    ballast.unlink()
    hospital.hub.is_down = False
    await until(lambda: len(hospital.hub.control_ids) >= len(promised), 30)
    if on_full == "stall":  # the one that waited is answered now
        assert b"MSA|AA|" in await source.answer(30)
        promised.append(f"M{len(promised):03}")
    await until(lambda: hospital.hub.control_ids == promised, 30)


async def test_a_spool_at_its_limit_stalls_and_goes_on(hospital):
    """A limit of our own, before the disk's: other programs of this machine need room too."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "spool"}, spool={"limit_megabytes": 1})
    source = await hospital.source(connector)
    sent = 0
    with suppress(TimeoutError):
        while sent < 200:
            await source.ask(admission(f"M{sent:03}", text="x" * 20_000), seconds=2)
            sent += 1
    assert 20 < sent < 200
    hospital.hub.is_down = False
    assert b"MSA|AA|" in await source.answer(30)
    await until(lambda: len(hospital.hub.control_ids) == sent + 1)
    assert hospital.hub.control_ids == [f"M{number:03}" for number in range(sent + 1)]


@pytest.fixture
def failing_disk(monkeypatch):
    """Return how to let so many commits of a connector's spool fail that hold a message, or change one."""

    def fail(connector, failures, text="database or disk is full"):
        commit, failed = connector.spool._commit, []

        def commit_or_fail(arrived):
            if (connector.spool._writer.in_transaction or arrived) and len(failed) < failures:
                failed.append(len(arrived))
                connector.spool._roll_back()
                error = sqlite3.OperationalError(text)
                error.sqlite_errorname = "SQLITE_FULL" if "full" in text else "SQLITE_IOERR"
                return error
            return commit(arrived)

        monkeypatch.setattr(connector.spool, "_commit", commit_or_fail)
        return failed

    monkeypatch.setattr(waiting_line, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(spool, "_ASK_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(intake, "_ROOM_SECONDS", 0.05)
    monkeypatch.setattr(promises, "_RETRY_SECONDS", 0.05)
    return fail


async def test_what_waits_for_room_is_not_passed_by_what_comes_later(hospital):
    """A sender that pipelines: its discharge must not go up before its admission because the spool was full between."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "spool"}, spool={"limit_megabytes": 1})
    source = await hospital.source(connector)
    names = [f"M{number:03}" for number in range(300)]
    sending = asyncio.create_task(source.send(*(admission(name, text="x" * 20_000) for name in names)))
    await until(lambda: connector.spool.is_full)
    hospital.hub.is_down = False
    await until(lambda: len(hospital.hub.control_ids) == len(names), 30)
    await sending
    assert hospital.hub.control_ids == names


@pytest.mark.parametrize("text", ["disk I/O error", "database or disk is full"])
@pytest.mark.parametrize("failures", [1, 3])
async def test_what_the_disk_did_not_take_is_not_passed_by_what_comes_later(hospital, failing_disk, failures, text):
    """A disk that fails for a moment: what it refused goes first when it works again, all of it at once."""
    connector = await hospital.connector({"acknowledge": "spool"})
    failing_disk(connector, failures, text)
    source = await hospital.source(connector)
    names = [f"M{number:03}" for number in range(300)]
    await source.send(*map(admission, names))
    await until(lambda: len(hospital.hub.control_ids) == len(names), 15)
    assert hospital.hub.control_ids == names


async def test_a_promise_that_the_full_disk_does_not_take_is_waited_for(hospital, failing_disk):
    """The line is down and the disk full: AE would let the sender's engine mark as failed what is on its way."""
    hospital.hub.is_deaf = True
    connector = await hospital.connector({"acknowledge": "hybrid", "hybrid_seconds": 0.3})
    source = await hospital.source(connector)
    await source.send(admission("M1"))
    await until(lambda: connector.intakes["adt"].backlog().count == 1)
    failed = failing_disk(connector, 1)
    assert b"MSA|AA|M1" in await source.answer()
    assert failed


async def test_a_disk_that_has_room_again_is_found_though_nothing_else_is_written(hospital, failing_disk):
    """`on_full = "AE"`, and a hub that is away: no commit but a sender's own can find it out."""
    hospital.hub.is_down = True
    connector = await hospital.connector({"acknowledge": "spool", "on_full": "AE"})
    source = await hospital.source(connector)
    failing_disk(connector, 1)
    assert (await source.ask(admission("M1"))).code == "AE"
    await asyncio.sleep(0.1)
    assert (await source.ask(admission("M1"))).code == "AA"


async def test_what_the_disk_did_not_take_leaves_nobody_waiting_under_its_number(hospital, failing_disk):
    """The number goes to another message, and its word would be passed on to the wrong sender."""
    connector = await hospital.connector({"acknowledge": "end_to_end"})
    source = await hospital.source(connector)
    failing_disk(connector, 1)
    other = connector.intakes["adt"].queues[0]
    asking = asyncio.create_task(source.ask(admission("M1")))
    await asyncio.sleep(0.02)
    await other.add(admission("M2"), "M2", is_promised=True)  # takes the number
    connector.intakes["adt"]._forwarders[0].wake.set()
    assert (await asking).control_id == "M1"
    assert not connector.intakes["adt"].promises.is_awaited()


async def test_what_waits_is_counted_right_after_a_disk_that_failed(hospital, failing_disk):
    """The hub's list of connectors shows it; a number below nothing is no number."""
    connector = await hospital.connector({"acknowledge": "spool"})
    source = await hospital.source(connector)
    hospital.hub.is_down = True
    assert (await source.ask(admission("M1"))).code == "AA"
    failed = failing_disk(connector, 2)
    hospital.hub.is_down = False
    await until(lambda: len(failed) == 2 and hospital.hub.duplicates == 2)
    await until(lambda: connector.intakes["adt"].queues[0].lowest_id() is None)
    await until(lambda: connector.intakes["adt"].backlog().count < 1)  # told a turn after the disk has it
    assert connector.intakes["adt"].backlog().count == 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["spool", "hybrid"])
async def test_a_process_that_is_killed_again_and_again_keeps_its_word(hospital, tmp_path, mode):
    """kill -9 under load, from several senders, with a hub that comes and goes: what heard AA is at the hub, once."""
    port = free_port()
    file = tmp_path / "connector.toml"
    file.write_text(
        f'[connector]\nname = "north"\nfolder = "{hospital.folder}"\n'
        f'[hub]\nurl = "http://127.0.0.1:{hospital.hub.port}"\nauthentication = "none"\n'
        "retry_base_seconds = 0.05\nretry_cap_seconds = 0.2\n"
        f'[[listen]]\nname = "adt"\nport = {port}\nacknowledge = "{mode}"\nhybrid_seconds = 0.05\n',
        "utf-8",
    )
    promised: list[str] = []
    generator = random.Random(11)
    is_over = asyncio.Event()

    async def send(number: int) -> None:
        """Send until told to stop; what is not acknowledged is sent again, as a hospital system does."""
        turn = 0
        while not is_over.is_set():
            try:
                source = await Source.connect(port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            with suppress(TimeoutError, ConnectionError):
                while not is_over.is_set():
                    answer = await source.ask(admission(f"{number}-{turn:05}"), seconds=5)
                    if answer is None or answer.code != "AA":
                        break
                    promised.append(f"{number}-{turn:05}")
                    turn += 1
            await source.close()

    async def hub_comes_and_goes() -> None:
        while not is_over.is_set():
            hospital.hub.is_down = not hospital.hub.is_down
            await asyncio.sleep(generator.uniform(0.1, 0.6))

    senders = [asyncio.create_task(send(number)) for number in range(4)]
    moods = asyncio.create_task(hub_comes_and_goes())
    for _ in range(6):
        process = await start_process(file, port)
        await asyncio.sleep(generator.uniform(0.3, 1.0))
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    is_over.set()
    await asyncio.gather(*senders, moods)
    hospital.hub.is_down = False
    process = await start_process(file, port)
    try:
        await until(lambda: set(promised) <= set(hospital.hub.control_ids), 60)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
    assert len(promised) > 100
    places = [(epoch, n) for epoch, n, _ in hospital.hub.taken["north/adt"]]
    assert places == sorted(set(places))
    for number in range(4):
        own = [name for name in hospital.hub.control_ids if name.startswith(f"{number}-")]
        # Where AA was lost with the process, the message comes again under a new number: the hub's duplicate rule.
        assert own == sorted(own)
        assert len(own) - len(set(own)) <= 6


def begin_process(file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "connector", "run", "--config", str(file)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def start_process(file: Path, port: int) -> subprocess.Popen[bytes]:
    process = begin_process(file)
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):
                await (await Source.connect(port)).close()
                return process
            await asyncio.sleep(0.02)
