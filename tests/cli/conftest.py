"""A hub and a receiver that say what a test tells them to, on real sockets."""

from __future__ import annotations

import errno
import json
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.main import main

MESSAGE = b"MSH|^~\\&|WARD|HERE|||20250101||ADT^A01|%s|P|2.5\rEVN|A01\rPID|1||77^^^HERE^MR||Smith^Ann\r"
ACK = b"MSH|^~\\&|HUB|HERE|||20250101||ACK|A1|P|2.5\rMSA|%s|%s\r"


@dataclass
class FakeHub:
    """Answers by path; keeps what it was asked."""

    url: str
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def answer(self, path: str, value: Any, status: int = 200) -> None:
        """Answer a path with JSON."""
        self.answers[path] = (status, value if isinstance(value, bytes) else json.dumps(value).encode())


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A hub over HTTP; 404 for what a test did not name."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(b"")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])))

        def _reply(self, body: bytes) -> None:
            fake.asked.append((self.command, self.path, body))
            missing = json.dumps({"error": {"code": "HUB-404", "text": "no such message"}}).encode()
            status, content = fake.answers.get(self.path, (404, missing))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake = FakeHub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class FakeReceiver:
    """Keeps the messages it got; ``reply`` makes the answer, None closes the connection, b"" stays silent."""

    port: int
    reply: Callable[[bytes], bytes | None]
    got: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mllp://127.0.0.1:{self.port}"


def acknowledge(message: bytes, code: bytes = b"AA") -> bytes:
    """Return the acknowledgement of a message."""
    return ACK % (code, message.split(b"\r")[0].split(b"|")[9])


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    """An MLLP receiver that accepts everything, unless a test changes its reply."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while frame := _read_frame(self.rfile):
                fake.got.append(frame)
                answer = fake.reply(frame)
                if answer is None:
                    return
                self.wfile.write(b"\x0b" + answer + b"\x1c\r" if answer else b"")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    fake = FakeReceiver(server.server_address[1], acknowledge)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def _read_frame(stream: Any) -> bytes:
    frame = b""
    while not frame.endswith(b"\x1c\r"):
        byte = stream.read(1)
        if not byte:
            return b""
        frame += byte
    return frame[1:-2]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `caduceus` with these arguments."""

    def run_command(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run_command


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let nobody read files of a name, whoever runs the tests."""

    def refuse(name: str) -> None:
        read = Path.read_bytes

        def read_bytes(path: Path) -> bytes:
            if path.name == name:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return read(path)

        monkeypatch.setattr(Path, "read_bytes", read_bytes)

    return refuse


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write files by name, and return their folder."""

    def write(**files: bytes) -> Path:
        for name, content in files.items():
            file = tmp_path / (name.replace("__", "/") + ".hl7")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return tmp_path

    return write
