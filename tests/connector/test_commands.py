"""The commands, as they are typed; and the release, unpacked where there is nothing else."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from connector.__main__ import main
from connector.check import look_at
from connector.config import Config
from connector.status import needs_a_look
from shared.message.errors.connector import ConnectorConfigInvalid
from tests.connector.certificate_authority import Authority
from tests.connector.conftest import free_port
from tests.connector.peers import Source, System, admission
from tests.doubles.waiting import until

REPOSITORY = Path(__file__).parents[2]


def write(tmp_path: Path, hub: int, **replace: str) -> tuple[Path, int]:
    port = free_port()
    text = (
        f'[connector]\nname = "north"\nfolder = "{tmp_path / "spool"}"\n'
        f'[hub]\nurl = "http://127.0.0.1:{hub}"\nauthentication = "none"\n'
        f'[[listen]]\nname = "adt"\nport = {port}\nacknowledge = "spool"\n'
        f"[status]\nport = {free_port()}\n"
    )
    file = tmp_path / "connector.toml"
    file.write_text(text, "utf-8")
    return file, port


def run(*arguments: object, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "connector", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def listening(process: int) -> set[int]:
    """Return the ports on which a process listens, as Linux tells."""
    place = Path(f"/proc/{process}")
    own = {str(handle.readlink()) for handle in (place / "fd").iterdir()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in (place / "net" / name).read_text().splitlines()]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}


async def test_a_connector_runs_tells_its_status_and_ends(hospital, tmp_path):
    """As a service manager starts and stops it; SIGHUP reads the file again."""
    file, port = write(tmp_path, hospital.hub.port)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connector", "run", "--config", str(file), cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE
    )
    source = None
    async with asyncio.timeout(60):
        while source is None:
            with suppress(OSError):
                source = await Source.connect(port)
            await asyncio.sleep(0.05)
    assert (await source.ask(admission("M1"))).code == "AA"
    await until(lambda: hospital.hub.control_ids == ["M1"])
    if sys.platform == "linux":
        page = int(re.search(r"\[status\]\nport = (\d+)", file.read_text("utf-8"))[1])
        assert listening(process.pid) == {port, page}
    said = await asyncio.to_thread(run, "status", "--config", file)
    assert (said.returncode, '"confirmed": "M1"' in said.stdout) == (0, True)
    file.write_text(file.read_text("utf-8").replace("[status]", 'allow = ["10.0.0.0/8"]\n[status]'), "utf-8")
    process.send_signal(signal.SIGHUP)
    log = b""
    while b'"reloaded"' not in log:
        async with asyncio.timeout(20):
            log += await process.stderr.readline()
    assert (await source.ask(admission("M2"))).code == "AA"
    await until(lambda: hospital.hub.control_ids == ["M1", "M2"])
    said = await asyncio.to_thread(run, "reload", "--config", file)  # as where there are no signals
    assert (said.returncode, said.stdout) == (0, "taken: it runs with the file as it is now\n")
    while log.count(b'"reloaded"') < 2:
        async with asyncio.timeout(20):
            log += await process.stderr.readline()
    good = file.read_text("utf-8")
    for old, new, code, words in (
        ("[status]", 'tls = { certificate = "no.pem", key = "no.key" }\n[status]', 1, "[[listen]] adt: FileNotFound"),
        ("[status]", "[heartbeat]\nseconds = 77\n[status]", 2, "until it is started again: heartbeat"),
    ):
        file.write_text(good.replace(old, new), "utf-8")
        said = await asyncio.to_thread(run, "reload", "--config", file)
        assert (said.returncode, words in said.stdout + said.stderr) == (code, True), said
    await source.close()
    process.terminate()
    async with asyncio.timeout(30):
        log += (await process.communicate())[1]
    assert process.returncode == 0
    assert b'"stopped"' in log
    said = await asyncio.to_thread(run, "recover", "--config", file)
    assert re.fullmatch(r"north/adt\tlast confirmed MSH-10 M2\t\S+\twaiting 0\n", said.stdout)


def test_a_wrong_file_is_said_line_by_line(tmp_path, capsys):
    """Every problem by itself, with its place; exit code 1."""
    file = tmp_path / "connector.toml"
    file.write_text('[connector]\nnme = "x"\n', "utf-8")
    assert main(["run", "--config", str(file)]) == 1
    said = capsys.readouterr().err
    assert f"{file}:2: `nme` is not a key here; did you mean `name`?" in said
    assert said.count("`nme`") == 1  # once
    assert "CONNECTOR-001" in said


@pytest.mark.parametrize("command", ["run", "reload", "check", "status", "recover", "refused"])
def test_every_command_has_an_example(command, capsys):
    """It is read before any option is."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"Example: python -m connector {command} --config" in capsys.readouterr().out


def test_status_and_recover_without_a_connector_say_so(tmp_path, capsys):
    """Exit code 1, one sentence."""
    file, _ = write(tmp_path, 1)
    assert main(["status", "--config", str(file)]) == 1
    assert main(["recover", "--config", str(file)]) == 1
    assert main(["reload", "--config", str(file)]) == 1
    said = capsys.readouterr().err
    assert "nobody answers at http://127.0.0.1:" in said
    assert "CONNECTOR-003" in said
    assert "no connector has run here yet?" in said
    assert "the first start makes it" in said


@pytest.mark.parametrize("said", [b"hello", b"{}", b"[]", None])
async def test_status_of_something_else_on_its_port_says_so(tmp_path, capsys, said):
    """Another program took the port: one sentence, and where to look."""
    file, _ = write(tmp_path, 1)
    port = int(re.search(r"\[status\]\nport = (\d+)", file.read_text("utf-8"))[1])

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        head = b"SSH-2.0-x\r\n" if said is None else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said)
        writer.write(head + (said or b""))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        assert await asyncio.to_thread(main, ["status", "--config", str(file)]) == 1
    assert f"port {port} is no connector" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "update"),
    [
        ("[connector] folder", {"connector": {"folder": Path("/proc/nowhere/spool")}}),
        ("[hub]", {"hub": {"authority": Path("/nowhere/ca.pem")}}),
        ("[[listen]] adt", {"listen": {"tls": {"certificate": "/nowhere/c.pem", "key": "/nowhere/c.key"}}}),
        ("[[deliver]] lab", {"deliver": {"tls": {"authority": "/nowhere/ca.pem"}}}),
        ("[relay]", {"relay": {"authority": "/nowhere/ca.pem"}}),
        ("[status] port", {}),
    ],
)
async def test_what_keeps_a_connector_from_starting_is_named_by_table(hospital, table, update):
    """No such file or directory, and no name of one, is what the system says of a certificate."""
    said = hospital.config({}, status={"port": free_port()}).model_dump(exclude_unset=True, mode="json")
    if table in ("[[deliver]] lab", "[relay]"):
        said["relay"] = {"url": f"http://127.0.0.1:{free_port()}/down"}
        said["deliver"] = [{"name": "lab", "address": "mllps://127.0.0.1:1"}]
    for name, keys in update.items():
        place = said[name][0] if isinstance(said[name], list) else said[name]
        place.update({key: str(value) if isinstance(value, Path) else value for key, value in keys.items()})
    with socket.socket() as taken:
        if not update:
            taken.bind(("127.0.0.1", said["status"]["port"]))
            taken.listen()
        with pytest.raises(ConnectorConfigInvalid, match=re.escape(table)):
            await hospital.start(Config.model_validate(said))


async def test_check_says_of_a_destination_whose_authority_is_not_there_that_it_is_bad(hospital):
    """It looks at everything: one thing that is wrong must not keep it from the others."""
    lab = {"name": "lab", "address": "mllps://127.0.0.1:1", "tls": {"authority": "/nowhere/ca.pem"}}
    relay = {"url": f"http://127.0.0.1:{free_port()}/down"}
    config = hospital.config(
        {}, deliver=(lab, {"name": "rx", "address": f"mllp://127.0.0.1:{free_port()}"}), relay=relay
    )
    found = {finding.what: finding.said async for finding in look_at(config.model_copy(update={"relay": None}))}
    assert (found["destination lab"], found["destination rx"]) == ("FileNotFoundError", "refused")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, False),
        ({"line_up": False}, True),
        ({"relay_channels": 0}, True),
        ({"spool_is_full": True}, True),
        ({"spool_was_brought_back": True}, True),
        ({"mirror": "behind"}, True),
        ({"mirror": "in step"}, False),
        ({"refused": 1}, True),
        ({"listeners": [{"name": "adt", "held_by": "CONNECTOR-013"}]}, True),
        ({"destinations": [{"name": "lab", "rejected": 1, "ambiguous": 0}]}, True),
        ({"destinations": [{"name": "lab", "rejected": 0, "ambiguous": 1}]}, True),
        ({"certificates": [{"of": "adt", "days": 29.9}]}, True),
        ({"certificates": [{"of": "adt", "days": None}]}, True),
    ],
)
async def test_the_exit_code_of_status_tells_of_everything_that_waits_for_a_person(hospital, changed, expected):
    """A monitor of the hospital's own looks at nothing but this number."""
    connector = await hospital.connector()
    report = {**connector.report(), "relay_channels": 1, **changed}
    assert needs_a_look(report, has_relay=True) is expected


async def test_check_looks_at_everything_and_names_what_is_wrong(hospital, tmp_path):
    """Before anything is installed: one line for each thing."""
    config = hospital.config({"name": "adt"}, {"name": "oru"}, spool={"key": f"file:{tmp_path / 'none'}"})
    system = await hospital.system()
    (tmp_path / "key").write_text("k")
    config = hospital.config(
        {"name": "adt"},
        deliver=(
            {"name": "lab", "address": f"mllp://127.0.0.1:{system.port}"},
            {"name": "gone", "address": f"mllp://127.0.0.1:{free_port()}", "answer_seconds": 1},
        ),
        spool={"key": f"file:{tmp_path / 'none'}"},
        relay={"url": f"http://127.0.0.1:{free_port()}/x", "key_name": "root", "key": f"file:{tmp_path / 'key'}"},
    )
    found = {finding.what: finding async for finding in look_at(config.model_copy(update={"relay": None}))}
    assert found[f"secret file:{tmp_path / 'none'}"].said == "SECRET-001 (FileNotFoundError)"
    assert found["listener adt"].is_good
    assert (found["hub 127.0.0.1"].is_good, found["clock"].is_good) == (True, True)
    assert (found["destination lab"].is_good, found["destination gone"].said) == (True, "refused")
    assert hospital.hub.control_ids == []


async def test_check_makes_no_folder_and_names_the_file_that_is_not_there(hospital, tmp_path):
    """A mistyped folder is seen by that; a certificate that is not there says nothing about the port."""
    spool = tmp_path / "mistyped" / "spool"
    tls = {"certificate": "/nowhere/c.pem", "key": "/nowhere/c.key"}
    config = hospital.config({"tls": tls}, connector={"name": "north", "folder": str(spool)})

    found = {finding.what: finding async for finding in look_at(config)}

    assert (found[f"folder {spool}"].is_good, "not there yet" in found[f"folder {spool}"].said) == (True, True)
    assert not spool.parent.exists()
    assert found["listener adt"].said == "its `tls`: FileNotFoundError"
    assert found["certificate of adt"].said == "/nowhere/c.pem cannot be read"


@pytest.mark.parametrize(("status", "next_step"), [(404, "the path of [hub] url"), (403, "our own identity")])
async def test_check_says_what_to_look_at_when_the_hub_answers_otherwise(hospital, monkeypatch, status, next_step):
    """The path behind the gateway's name is what is forgotten most."""

    class Link:
        async def post(self, *_):
            return SimpleNamespace(status=status, headers={})

        async def close(self):
            pass

    monkeypatch.setattr("connector.check.open_link", lambda *_: Link())
    found = {finding.what: finding async for finding in look_at(hospital.config({}))}

    assert not found["hub 127.0.0.1"].is_good
    assert next_step in found["hub 127.0.0.1"].said


async def test_check_finds_a_port_that_is_taken_and_a_hub_that_is_not_there(hospital):
    """The two that happen most."""
    connector = await hospital.connector()
    config = connector.config.model_copy(
        update={"hub": connector.config.hub.model_copy(update={"url": f"http://127.0.0.1:{free_port()}"})}
    )
    found = [finding async for finding in look_at(config)]
    bad = {finding.what for finding in found if not finding.is_good}
    assert {"listener adt", "hub 127.0.0.1"} <= bad


@pytest.mark.parametrize("why", ["ConnectionRefusedError", "ClientConnectorCertificateError", "no answer in time"])
async def test_check_says_of_a_hub_that_is_not_reached_where_it_looked_and_what_is_next(hospital, tmp_path, why):
    """Nothing of a relay: there is none on this way, and its runbook leads to another rule of the firewall."""
    stranger = Authority(tmp_path).issue("hub")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(stranger.certificate, stranger.key)
    system = System()  # it takes what comes for the beginning of a frame, and waits for the end
    await system.start(tls if "Certificate" in why else None)
    hospital.keep(system.stop)
    at = f"localhost:{free_port() if 'Refused' in why else system.port}"
    url = f"{'https' if 'Certificate' in why else 'http'}://{at}"

    config = hospital.config(hub={"url": url, "answer_seconds": 1})
    [hub] = [finding async for finding in look_at(config) if finding.what.startswith("hub ")]

    assert (hub.is_good, hub.said.partition(";")[0]) == (False, f"CONNECTOR-005 ({at}: {why})")
    assert "look at its name and port, the firewall" in hub.said


async def test_check_says_of_a_hub_behind_a_relay_that_is_not_reached_what_the_relays_code_means(hospital, tmp_path):
    """A code alone is looked up by whoever has the pages; at a hospital that is nobody."""
    (tmp_path / "key").write_text("c2VjcmV0")
    way = {"transport": "relay", "relay": f"http://127.0.0.1:{free_port()}/up", "authentication": "key"}
    key = {"key_name": "root", "key": f"file:{tmp_path / 'key'}"}

    config = hospital.config(hub={**way, **key, "answer_seconds": 1})
    [hub] = [finding async for finding in look_at(config) if finding.what.startswith("hub ")]

    assert not hub.is_good
    assert "RELAY-001 ConnectionRefusedError); the relay cannot be reached; " in hub.said


@pytest.mark.slow
def test_the_release_starts_where_there_is_nothing_else(tmp_path):
    """The archive alone, in an empty folder, with only the listed requirements in sight."""
    made = subprocess.run(
        ["make", "--no-print-directory", "connector"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"needs make and GNU tar: {made.stderr[:100]}")
    (tmp_path / "release").mkdir()
    archive = REPOSITORY / made.stdout.strip().splitlines()[-1]
    subprocess.run(["tar", "-xzf", archive], cwd=tmp_path / "release", check=True)
    assert not (tmp_path / "release" / "shared" / "mapping").exists()
    required = (REPOSITORY / "connector" / "requirements.txt").read_text("utf-8")
    allowed = set(re.findall(r"^([a-z-]+)", required, re.MULTILINE))
    program = (
        "import sys, connector.__main__, relay.bridge, relay.local_relay\n"
        "from importlib.metadata import packages_distributions as owners\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted({one.lower() for top in tops for one in owners().get(top, ())}))\n"
        "print(connector.__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.')\n{program}"],
        cwd=tmp_path / "release", capture_output=True, text=True, check=True,
    )  # fmt: skip
    used, place = ran.stdout.splitlines()
    assert place.startswith(str(tmp_path))
    # What those need in turn, and the editable install of this checkout.
    needed_by_those = {
        "aiohappyeyeballs", "aiosignal", "annotated-types", "attrs", "cffi", "frozenlist", "idna", "multidict",
        "propcache", "pydantic_core", "typing_extensions", "typing-inspection", "yarl", "caduceus", "setuptools",
    }  # fmt: skip
    assert set(used.split()) - needed_by_those <= allowed
    (tmp_path / "release" / "connector.toml").write_text("[connector]\n", "utf-8")
    said = run("check", "--config", "connector.toml", folder=tmp_path / "release")
    assert "CONNECTOR-001" in said.stderr
