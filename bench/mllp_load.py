"""A load of MLLP senders in one process: each sends a message, waits for its answer, and sends the next.

    python -m bench.mllp_load PORT CONNECTIONS SECONDS

Prints one line of JSON: messages a second, the median and the 99th percentile of the answers in milliseconds. It does
as little as it can for each message: what it takes of the processor, the listener does not have.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from bench.messages import admission

WARM_SECONDS = 1.0
FRAMES = [b"\x0b" + admission(number) + b"\x1c\r" for number in range(1000)]


def main(port: int, connections: int, seconds: float) -> None:
    """Send for some seconds after warming up, and print what came of it."""
    poll = select.epoll()
    sockets = {one.fileno(): one for one in (_connect(port) for _ in range(connections))}
    began = dict.fromkeys(sockets, time.perf_counter())
    for descriptor, connection in sockets.items():
        poll.register(descriptor, select.EPOLLIN)
        connection.send(FRAMES[0])
    waits: list[float] = []
    count = 0
    first = time.perf_counter() + WARM_SECONDS
    end = first + seconds
    now = 0.0
    while now < end:
        for descriptor, _ in poll.poll(0.1):
            connection = sockets[descriptor]
            answer = connection.recv(4096)
            assert b"\rMSA|AA|" in answer or b"\rMSA|CA|" in answer, "every message is accepted, in one piece"
            now = time.perf_counter()
            if now > first:
                waits.append(now - began[descriptor])
            began[descriptor] = now
            count += 1
            connection.send(FRAMES[count % 1000])
    waits.sort()
    middle, slow = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    print(json.dumps({"rate": len(waits) / seconds, "p50_ms": middle * 1e3, "p99_ms": slow * 1e3}))


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
