"""A canary pushed through every path: patient data may rest where it belongs, and appears nowhere else (promise 5).

Every name, number, address and result of these messages holds one word. The hub runs as a process of its own with every
logger, asyncio's and aiohttp's included, at DEBUG; afterwards the word is looked for in all it wrote.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from tests.conftest import REPOSITORY
from tests.pipeline.careless_receivers import (
    CarelessReceiver,
    echo_as_outcome,
    echo_as_rejection,
    echo_in_a_frame,
    echo_without_http,
    is_whole_frame,
    is_whole_request,
    say_nothing,
)
from tests.pipeline.hub_process import COMMAND, HubProcess, wait_until
from tests.pipeline.messages import adt, merge, result
from tests.pipeline.mllp_receiver import ADDRESS
from tests.pipeline.mllp_source import END, START, exchange

pytestmark = pytest.mark.slow

CANARY = "ZZYZX"
NAME, NUMBER = "ZZYZXson^Zzyzxa", "ZZYZX4711^^^GENERAL^MR"
MORE = "F|||1 ZZYZX Street^^ZZYZXville||^PRN^PH^^43^732^ZZYZX||||ZZYZXaccount"

# Everything speaks as loud as it can.
LOUD = (
    "import logging; logging.basicConfig(level=logging.DEBUG); "
    "logging.getLogger('asyncio').debug('loud'); "
    "import warnings; warnings.simplefilter('always'); logging.captureWarnings(True); "
)

STEPS = """
def raises(bundle, message):
    raise ValueError(f"cannot bill {message.get('PID-5')} {bundle}")


def gives_no_json(bundle, message):
    return {"patient": message, str(message.get("PID-5.1")): {message.get("PID-3.1")}}
"""


@pytest.fixture(scope="module")
def receivers():
    """One of each kind of careless receiver."""
    opened = {
        "rejects": CarelessReceiver(echo_as_rejection, ADDRESS, is_whole_frame),
        "garbles": CarelessReceiver(echo_in_a_frame, ADDRESS, is_whole_frame),
        "mute": CarelessReceiver(say_nothing, ADDRESS, is_whole_frame),
        "refuses": CarelessReceiver(echo_as_outcome, "127.0.0.1", is_whole_request),
        "babbles": CarelessReceiver(echo_without_http, "127.0.0.1", is_whole_request),
        "hangs": CarelessReceiver(say_nothing, "127.0.0.1", is_whole_request),
    }
    yield opened
    for receiver in opened.values():
        receiver.stop()


def write_interfaces(folder, receivers):
    """Write an interface that sends to the store, to every careless receiver, and through steps that fail."""
    (folder / "destinations").mkdir(parents=True)
    (folder / "adt" / "samples").mkdir(parents=True)
    (folder / "adt" / "samples" / "01-admission.hl7").write_bytes(adt("SAMPLE"))
    (folder / "adt" / "steps.py").write_text(STEPS, encoding="utf-8")
    texts = {"store": 'kind = "fhir_store"'}
    for name, receiver in receivers.items():
        if is_mllp(name):
            texts[name] = (
                f'kind = "mllp"\non_reject = "continue"\naddress = {{ laptop = "mllp://{ADDRESS}:{receiver.port}" }}'
            )
        else:  # by secret: a web hook on 127.0.0.1 would be one of the laptop's own receivers
            texts[name] = f'kind = "https"\naddress = {{ laptop = "secret:{name}" }}'
    for name in ("raises", "gives_no_json"):
        texts[name] = 'kind = "https"\naddress = { laptop = "secret:hangs" }'
    routes = []
    for name, text in texts.items():
        (folder / "destinations" / f"{name}.toml").write_text(f'title = "{name}"\n{text}\n', encoding="utf-8")
        shape = "hl7" if is_mllp(name) else f"steps:{name}" if name in ("raises", "gives_no_json") else "fhir"
        routes.append(f'[[routes]]\nto = "{name}"\nshape = "{shape}"\n')
    head = 'title = "t"\nowner = "t"\ncontact = "t"\nassigner = "GENERAL"\n[[match]]\nsending_application = ["EHR"]\n'
    (folder / "adt" / "interface.toml").write_text(head + "\n".join(routes), encoding="utf-8")
    return folder, list(texts)


def is_mllp(name):
    return name in ("rejects", "garbles", "mute")


def bad_messages():
    """Return messages that each fail in their own way, all of them full of the canary."""
    good = adt("X", number=NUMBER, name=NAME, more=MORE)
    return {
        "conflict": adt("CONFLICT", "A08", number=NUMBER, name="ZZYZXother^Bert", born="19700202"),
        "unsupported": adt("EVENT", "A20", number=NUMBER, name=NAME, more=MORE),
        "bad_date": adt("DATE", "A08", number=NUMBER, name=NAME, born="ZZYZX", more="ZZYZX|ZZYZX|ZZYZX|ZZYZX"),
        "undecodable": adt("BYTES", number=NUMBER, name=NAME).replace(b"ZZYZXson", b"ZZYZX\xff\xfe\x80son"),
        "charset": good.replace(b"|P|2.5.1", b"|P|2.5.1||||||ZZYZX").replace(b"|X|", b"|CHARSET|"),
        "huge": adt("HUGE", "A08", number=NUMBER, name="ZZYZX" * 200_000),
        "delimiters": good.replace(b"MSH|^~\\&", b"MSH|^^^^"),
        "short": b"MSH|ZZYZX",
        "no_header": b"PID|1||ZZYZX4711||ZZYZXson\r",
        "escapes": adt("ESCAPES", "A08", number=NUMBER, name="ZZYZX\\Xzz\\\\Q\\^\\"),
        "refused": adt("REFUSED", number=NUMBER, name=NAME, processing="T"),
        "stranger": adt("STRANGER", number=NUMBER, name=NAME, application="ZZYZXAPP"),
        "merge": merge("MERGE", survivor="ZZYZX4711", prior="ZZYZX4712"),
        "result": result("RESULT", number=NUMBER, name=NAME, value="ZZYZX"),
        "text": result("TEXT", number=NUMBER, name=NAME)
        .replace(b"|NM|", b"|TX|")
        .replace(b"|138|", b"|ZZYZX positive|"),
        "two": good.replace(b"|X|", b"|TWO|") + good,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("canary")


@pytest.fixture(scope="module")
def hub(folder, receivers):
    """A hub that has been through all of it; it still runs."""
    interfaces, destinations = write_interfaces(folder / "interfaces", receivers)
    secrets = {
        f"CADUCEUS_SECRET_{name.upper()}": f"http://127.0.0.1:{receiver.port}/hook"
        for name, receiver in receivers.items()
        if not is_mllp(name)
    }
    environment = {**secrets, "CADUCEUS_SEND_TIMEOUT_SECONDS": "1", "PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}
    process = HubProcess(folder, interfaces, environment, prelude=LOUD)
    process.start()
    try:
        process.wait_ready()
        send_everything(process)
        wait_until(lambda: is_through(process, destinations), 60, "everything was tried")
        ask_for_trouble(process)
        yield process
    finally:
        process.close()


def send_everything(hub):
    """Send the good message, then every bad one over MLLP and HTTP, then broken frames."""
    send_frame(hub, START + adt("GOOD", number=NUMBER, name=NAME, more=MORE) + END)
    for message in bad_messages().values():
        send_frame(hub, START + message + END)
        post(hub, "/ingest", message)
    for frame in (b"ZZYZX without a start" + END, START + b"ZZYZX without an end", START + START + b"ZZYZX" + END):
        send_frame(hub, frame)


def send_frame(hub, frame):
    """Send bytes over MLLP; wait for an answer if a whole frame was sent, and hang up."""
    with closing(socket.create_connection(("127.0.0.1", hub.mllp_port), timeout=20)) as connection:
        try:
            if frame.endswith(END) and frame.startswith(START):
                exchange(connection, frame.removeprefix(START).removesuffix(END))
            else:
                connection.sendall(frame)
        except OSError:
            pass  # the hub may close on what it cannot answer


def post(hub, path, body):
    """Return status and body of a POST; an error status is an answer too."""
    return fetch(Request(f"http://127.0.0.1:{hub.http_port}{path}", data=body, method="POST"))


def fetch(request):
    try:
        with urlopen(request, timeout=20) as response:
            return response.status, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def is_through(hub, destinations):
    """Tell whether every message is in its last state, and the good one is in the store and was tried everywhere."""
    if not hub.ask("/hub/summary")["messages"].keys() <= {"routed", "quarantined", "refused", "filtered"}:
        return False
    told = hub.ask("/hub/messages/GOOD")
    tried = {one["destination"] for one in told["deliveries"] if one["attempts"] or one["settled"]}
    ended = {one["delivery"] for one in told["attempts"]}
    begun = {one["id"] for one in told["deliveries"] if one["attempts"]}
    is_stored = any(one["settled"] for one in told["deliveries"] if one["destination"] == "store")
    return is_stored and tried == set(destinations) and begun <= ended


def ask_for_trouble(hub):
    """Put the canary where people put what they look for, and where scanners put what they try."""
    base = f"http://127.0.0.1:{hub.http_port}"
    paths = (
        "/hub/messages/ZZYZX4711",
        "/hub/messages/ZZYZX4711/raw",
        "/hub/messages/ZZYZX4711/canonical",
        "/hub/messages?state=ZZYZX",
        "/hub/messages?limit=ZZYZX",
        "/hub/messages?interface=ZZYZX",
        "/fhir/Patient?identifier=" + quote("urn:id:GENERAL|ZZYZX4711"),
        "/fhir/Patient?name=ZZYZX",
        "/fhir/Patient/ZZYZX",
        "/fhir/ZZYZX",
        "/nowhere/ZZYZX",
        "/console/ZZYZX",
        "/local/receivers/ZZYZX/messages",
    )
    for path in paths:
        fetch(Request(base + path))
    for path in (
        "/ingest/ZZYZX",
        "/hub/messages/ZZYZX/resend",
        "/hub/destinations/ZZYZX/pause",
        "/hub/messages/GOOD/resend",
    ):
        post(hub, path, b'{"reason": ZZYZX')
    for line in (
        b"GET /ZZYZX\x00 HTTP/9.9\r\n\r\n",
        b"ZZYZX\r\n\r\n",
        b"POST /ingest HTTP/1.1\r\nX: ZZYZX\x01\r\n\r\n",
    ):
        with closing(socket.create_connection(("127.0.0.1", hub.http_port), timeout=20)) as connection:
            connection.sendall(line)
            connection.recv(1024)


def test_canary_is_where_it_belongs(hub):
    """Otherwise the tests below would pass because nothing was ever sent."""
    _, raw = fetch(Request(f"http://127.0.0.1:{hub.http_port}/hub/messages/GOOD/raw"))
    assert CANARY.encode() in raw
    [entry] = hub.ask("/fhir/Patient?identifier=" + quote("urn:id:GENERAL|ZZYZX4711"))["entry"]
    assert CANARY in json.dumps(entry["resource"])
    states = {one["control_id"]: one["state"] for one in hub.ask("/hub/messages?limit=100")["messages"]}
    assert states["GOOD"] == "routed"
    stopped = {control_id for control_id, state in states.items() if state == "quarantined"}
    assert stopped >= {"CONFLICT", "EVENT", "BYTES", "CHARSET"}
    traced = hub.ask("/hub/messages/GOOD")
    codes = {one["destination"]: one["code"] for one in traced["deliveries"]}
    assert codes["raises"] == codes["gives_no_json"] == "DELIVER-021"
    failed = {hop["detail"] for hop in traced["hops"] if hop["code"] == "DELIVER-021"}
    assert any(one.startswith("raises: adt/steps.py:") and "ValueError" in one for one in failed), failed


def test_canary_is_in_nothing_the_process_printed_or_logged(hub):
    """Logs travel: to files, to vendors, into tickets."""
    lines = hub.output.read_text("utf-8", "replace").splitlines()

    assert any(line == "DEBUG:asyncio:loud" for line in lines), "the loggers were loud"
    assert any("message_quarantined" in line for line in lines)
    assert found_in(lines) == []
    assert [line for line in lines if "Traceback" in line] == []


def found_in(texts):
    return [text[:300] for text in texts if CANARY.lower() in text.lower()]


def test_canary_is_in_no_column_of_the_hub_but_the_payloads_in_its_queues(hub):
    """Ledger, lanes, identities and queue properties carry codes, ids and hashes."""
    found = []
    with closing(sqlite3.connect(f"file:{hub.home / 'hub.db'}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"message", "hop", "delivery", "attempt", "queued", "identity"} <= set(tables)
        for table in tables:
            rows = connection.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in rows.description]
            found += [
                (table, column, str(value)[:200])
                for row in rows
                for column, value in zip(columns, row, strict=True)
                if (table, column) not in {("queued", "body"), ("scheduled", "body")}
                and CANARY.lower() in shown(value).lower()
            ]
    assert found == []


def shown(value):
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def test_canary_names_no_file(hub):
    """File names are listed, backed up and searched by people who may not read the files."""
    assert found_in(str(path.relative_to(hub.home)) for path in hub.home.rglob("*")) == []


def test_canary_is_in_no_answer_but_those_that_show_content(hub):
    """Traces, lists and errors are for operators; content has its own, audited, addresses."""
    answers = []
    ids = [one["id"] for one in hub.ask("/hub/messages?limit=100")["messages"]]
    for path in (
        "messages?limit=100",
        "quarantine",
        "destinations",
        "summary",
        "interfaces",
        *(f"messages/{one}" for one in ids),
    ):
        status, body = fetch(Request(f"http://127.0.0.1:{hub.http_port}/hub/{path}"))
        answers.append(f"{path} {status} {body.decode()}")
    for one in ids:
        status, body = fetch(Request(f"http://127.0.0.1:{hub.http_port}/hub/messages/{one}/report"))
        answers.append(f"{one}/report {status} {body.decode()}")

    assert found_in(answers) == []


def test_acknowledgement_says_nothing_of_the_patient(hub):
    """ERR segments are written to the sender's log; they name places and codes."""
    for name, message in bad_messages().items():
        _, body = post(hub, "/ingest", message)
        told = body.decode("utf-8", "replace").partition("\rMSA")[2]  # the header answers whoever sent, by name
        assert CANARY.lower() not in told.lower(), name


def test_commands_print_nothing_of_the_patient(hub, folder):
    """A terminal is shared over the shoulder, and its scrollback is pasted into tickets."""
    messages = folder / "messages"
    messages.mkdir()
    for name, message in bad_messages().items():
        (messages / f"{name}.hl7").write_bytes(message)
    url = f"http://127.0.0.1:{hub.http_port}"
    commands = (
        ("send", str(messages), "--to", f"mllp://127.0.0.1:{hub.mllp_port}"),
        ("send", str(messages), "--to", f"{url}/ingest/adt"),
        ("convert", str(messages), "--out", str(folder / "converted")),
        ("trace", "GOOD", "--hub", url),
        ("trace", "CONFLICT", "--hub", url),
        ("messages", "--hub", url),
        ("quarantine", "list", "--hub", url),
    )
    printed = []
    for command in commands:
        ended = subprocess.run(
            [sys.executable, "-c", COMMAND, *command], cwd=REPOSITORY, capture_output=True, text=True, timeout=240
        )
        assert ended.stdout + ended.stderr, command
        printed += [f"{command[0]}: {line}" for line in (ended.stdout + ended.stderr).splitlines()]

    assert found_in(printed) == []
    assert [line for line in printed if "Traceback" in line] == []
