"""The hub as a process of its own, to be started, killed and started again over one home folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

from tests.conftest import REPOSITORY

COMMAND = "from cli.main import main; raise SystemExit(main())"
READY_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_LONGEST_LOOK_SECONDS = 5.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return once the condition holds. While the machine stands still, as one that is suspended does, no time passes.

    Raises:
        TimeoutError: it did not in time.
    """
    waited, looked = 0.0, time.monotonic()
    while not condition():
        now = time.monotonic()
        waited += min(now - looked, _LONGEST_LOOK_SECONDS)
        looked = now
        if waited > seconds:
            raise TimeoutError(what)
        time.sleep(_LOOK_SECONDS)


class HubProcess:
    """``caduceus up`` over a folder, on ports that stay the same from start to start.

    Args:
        prelude: Python that runs before the command.

    Attributes:
        output: What all its lives wrote to stdout and stderr.
    """

    def __init__(
        self, folder: Path, interfaces: Path, environment: Mapping[str, str] | None = None, prelude: str = ""
    ) -> None:
        self.home = folder / "home"
        self.output = folder / "output.txt"
        self.http_port, self.mllp_port = free_port(), free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CADUCEUS_")},
            "CADUCEUS_INTERFACES": str(interfaces),
            **(environment or {}),
        }
        self._code = prelude + COMMAND
        self._process: subprocess.Popen[bytes] | None = None
        self._written: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, within: Sequence[str] = ()) -> None:
        """Start it; `wait_ready` says when it listens.

        Args:
            within: A command that becomes the hub's own: it gets the hub's as its arguments.
        """
        ports = ["--http-port", str(self.http_port), "--mllp-port", str(self.mllp_port)]
        self._written = self.output.open("ab")
        self._process = subprocess.Popen(
            [*within, sys.executable, "-c", self._code, "up", "--home", str(self.home), *ports, "--no-seed"],
            cwd=REPOSITORY,
            env=self._environment,
            stdout=self._written,
            stderr=subprocess.STDOUT,
        )

    def wait_ready(self) -> None:
        """Return when it takes messages.

        Raises:
            AssertionError: it ended instead.
        """
        wait_until(self._listens_or_ended, READY_SECONDS, "the hub listens")
        assert self._process is not None
        assert self._process.poll() is None, self.output.read_text("utf-8", "replace")[-2000:]

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def terminate(self, seconds: float) -> int:
        """End it as an operator does; return its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def ask(self, path: str, seconds: float = 20) -> Any:
        """Return what its API answers."""
        with urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=seconds) as response:
            return json.load(response)

    def memory_kilobytes(self) -> int:
        """Return how much of it is in memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if self._written is not None:
            self._written.close()

    def _end(self, number: signal.Signals, seconds: float = 10.0) -> int:
        assert self._process is not None
        assert self._written is not None
        self._process.send_signal(number)
        code = self._process.wait(seconds)
        self._written.close()
        return code

    def _listens_or_ended(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            return True
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.mllp_port)) == 0
