"""Ports of this machine, looked at before anything starts."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from local.http_server import ADDRESS
from shared.message.errors.configuration import PortInUse


def refuse_ports_in_use(wanted: Mapping[str, int]) -> None:
    """Return if every port is free; 0 always is.

    Args:
        wanted: What each port is for.

    Raises:
        PortInUse: names every one that is not free.
    """
    taken = [f"{port} for {purpose}" for purpose, port in wanted.items() if port and not _is_free(port)]
    if taken:
        raise PortInUse(", ".join(taken))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":  # as asyncio does: a port just closed is free. On Windows every port would be.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True
