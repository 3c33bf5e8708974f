"""A receiving system for tests: it answers every message AA and remembers all of them, in order."""

from __future__ import annotations

import socketserver
import threading
from typing import Any

from tests.pipeline.mllp_source import END, START

# Not 127.0.0.1: there the laptop would put a sample system of its own.
ADDRESS = "127.0.0.2"


class MllpReceiver:
    """Listens between `start` and `stop`.

    Attributes:
        received: Every message, as it came in, copies included.
    """

    def __init__(self) -> None:
        receiver, self.received = self, []
        self._lock = threading.Lock()

        class Line(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                receiver._serve(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A sender that is killed in the middle is what these tests are for."""

        self._server = Server((ADDRESS, 0), Line)
        self.address = f"mllp://{ADDRESS}:{self._server.server_address[1]}"

    received: list[bytes]

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, incoming: Any, outgoing: Any) -> None:
        buffer = b""
        while part := incoming.read1(65536):
            buffer += part
            while END in buffer:
                frame, _, buffer = buffer.partition(END)
                outgoing.write(START + self._take(frame.removeprefix(START)) + END)

    def _take(self, message: bytes) -> bytes:
        with self._lock:
            self.received.append(message)
        control_id = message.split(b"|", 10)[9]
        return b"MSH|^~\\&|LAB|LAB|HUB|HUB|20260301||ACK|1|P|2.5.1\rMSA|AA|" + control_id + b"\r"
