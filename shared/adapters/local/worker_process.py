"""One worker: what `workers.py` starts, and what the two say to each other.

A frame is its length and one pickled object. The first is the function; each later one is a list of jobs, answered by
the list of their results. The socket is the worker's standard input. When the hub ends, however it does, so does the
worker, whatever it is doing.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import struct
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from shared.adapters.inline_workers import result_of
from shared.observe.log import log_failure

HEAD = struct.Struct("!Q")
COLLECT_AFTER_OBJECTS = 20_000  # a message makes thousands and no circles: counting references frees nearly all
GIVES_WAY = 10  # steps of niceness: a tenth of a core that others want whole


def frame(content: Any) -> bytes:
    """Return an object as it is sent."""
    body = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return HEAD.pack(len(body)) + body


def main() -> None:
    """Work until the hub is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # sent to every process of a service: the hub says when it is over
    # A sender waits for the hub, and nobody for a worker: where both want the same core the hub's threads go first.
    os.nice(GIVES_WAY)
    channel = socket.socket(fileno=0)
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(channel, requests), daemon=True).start()
    function = pickle.loads(requests.get())  # noqa: S301  # the hub's own
    gc.freeze()  # what it made ready stays as long as the process
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
    while True:
        channel.sendall(frame(_run(function, pickle.loads(requests.get()))))  # noqa: S301


def _receive(channel: socket.socket, requests: SimpleQueue[bytes]) -> None:
    try:
        with channel.makefile("rb") as stream:
            while head := stream.read(HEAD.size):
                requests.put(stream.read(*HEAD.unpack(head)))
    finally:  # a hub that is killed with an answer unread resets the connection instead of closing it
        os._exit(0)


def _run(function: Callable[[Any], Any], jobs: list[Any]) -> list[Any] | RuntimeError:
    try:
        return [result_of(function, job) for job in jobs]
    except Exception as error:  # noqa: BLE001  # the boundary: the hub raises it again, and delivers again
        log_failure("worker_failed", error)
        return RuntimeError(type(error).__name__)  # without what it says of a message, and sure to be unpickled
