"""A load of MLLP senders in one process: each sends a message, waits for its answer, and sends the next.

    python -m bench.mllp_load PORT CONNECTIONS SECONDS

Prints one line of JSON: messages a second, the median and the 99th percentile of the answers in milliseconds.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

from bench.messages import admission

WARM_SECONDS = 1.0


def main(port: int, connections: int, seconds: float) -> None:
    """Send for some seconds after warming up, and print what came of it."""
    selector = selectors.DefaultSelector()
    frames = [b"\x0b" + admission(number) + b"\x1c\r" for number in range(1000)]
    began: dict[int, float] = {}
    waits: list[float] = []
    count = 0
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, connection)
        began[connection.fileno()] = time.perf_counter()
        connection.sendall(frames[count % 1000])
        count += 1
    first = time.perf_counter() + WARM_SECONDS
    end = first + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(0.1):
            answer = key.fileobj.recv(65536)  # type: ignore[union-attr]  # a socket
            if not answer.endswith(b"\x1c\r"):
                if not answer:
                    raise SystemExit("the listener closed a connection")
                continue
            assert b"\rMSA|AA|" in answer or b"\rMSA|CA|" in answer, "every message is accepted"
            now = time.perf_counter()
            if now > first:
                waits.append(now - began[key.fd])
            began[key.fd] = now
            key.fileobj.sendall(frames[count % 1000])  # type: ignore[union-attr]
            count += 1
    waits.sort()
    middle, slow = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    said = {"rate": len(waits) / seconds, "p50_ms": middle * 1e3, "p99_ms": slow * 1e3}
    print(json.dumps(said))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
