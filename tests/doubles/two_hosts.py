"""A second host on this machine: a network namespace with two lines to here, its own network and the way out.

A line that is down swallows what is sent over it, and nobody is told: as it is between two hosts, and never on one.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field


@dataclass
class TwoHosts:
    """Stands between `start` and `stop`; needs root on Linux.

    Attributes:
        here: Addresses of this host: on the other one's network, and at the end of its way out.
        there: Addresses of the other one.
    """

    name: str = field(default_factory=lambda: f"cad{os.getpid()}")
    here: tuple[str, str] = ("10.77.1.1", "10.77.2.1")
    there: tuple[str, str] = ("10.77.1.2", "10.77.2.2")

    @property
    def run(self) -> list[str]:
        """What stands before a command that runs on the other host."""
        return ["ip", "netns", "exec", self.name]

    def start(self) -> None:
        """Make the other host.

        Raises:
            CalledProcessError: this one does not allow it.
        """
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")
        for line, here, there in zip(self._lines, self.here, self.there, strict=True):
            _ip("link", "add", line, "type", "veth", "peer", "name", "to" + line, "netns", self.name)
            _ip("address", "add", f"{here}/30", "dev", line)
            _ip("link", "set", line, "up")
            _ip("-n", self.name, "address", "add", f"{there}/30", "dev", "to" + line)
            _ip("-n", self.name, "link", "set", "to" + line, "up")

    def stop(self) -> None:
        """Take the other host away, and both lines with it."""
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)

    def cut(self) -> None:
        """Cut the way out: what is sent is swallowed."""
        _ip("link", "set", self._lines[1], "down")

    def refuse(self) -> None:
        """Cut it by a router that says so."""
        _ip("-n", self.name, "route", "add", "unreachable", self.here[1])

    def mend(self) -> None:
        """Let the way out stand again."""
        subprocess.run(["ip", "-n", self.name, "route", "delete", "unreachable", self.here[1]], check=False)
        _ip("link", "set", self._lines[1], "up")

    @property
    def _lines(self) -> tuple[str, str]:
        return f"{self.name}a", f"{self.name}b"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
