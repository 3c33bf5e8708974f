"""Receiving systems that do with a message what they should not: echo it, garble their answer, say nothing."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from typing import Any

from tests.pipeline.mllp_source import END, START

Reply = Callable[[bytes], bytes | None]


def echo_as_rejection(message: bytes) -> bytes:
    """Return AE with the whole message in its texts, as engines do that quote what they did not like."""
    quoted = message.replace(b"\r", b" ").replace(b"|", b" ")
    head = b"MSH|^~\\&|LAB|LAB|HUB|HUB|20260301||ACK|1|P|2.5.1\rMSA|AE|" + message.split(b"|", 10)[9]
    return START + head + b"|" + quoted + b"\rERR||PID^1^5|" + quoted + b"|E||||" + quoted + b"\r" + END


def echo_in_a_frame(message: bytes) -> bytes:
    """Return the message itself where an acknowledgement is expected."""
    return START + message + END


def echo_as_outcome(request: bytes) -> bytes:
    """Return HTTP 422 with an OperationOutcome, a reason phrase and headers full of the request."""
    body = request.partition(b"\r\n\r\n")[2]
    phrase = body.replace(b"\n", b" ").replace(b"\r", b" ")[:200]
    outcome = b'{"resourceType":"OperationOutcome","issue":[{"code":"' + phrase.replace(b'"', b"'") + b'"}]}'
    head = b"HTTP/1.1 422 " + phrase + b"\r\nX-Echo: " + phrase + b"\r\nRetry-After: " + phrase
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(outcome) + outcome


def echo_without_http(request: bytes) -> bytes:
    """Return the request where an HTTP answer is expected."""
    return request


def say_nothing(message: bytes) -> None:
    """Take it and never answer."""


class CarelessReceiver:
    """One socket that treats every request alike; it listens until `stop`."""

    def __init__(self, reply: Reply, host: str, is_whole: Callable[[bytes], bool]) -> None:
        ended = self._ended = threading.Event()

        class Line(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(0.2)
                buffer = b""
                while not ended.is_set():
                    try:
                        part = self.request.recv(1 << 16)
                    except TimeoutError:
                        continue
                    if not part:
                        return
                    buffer += part
                    if is_whole(buffer):
                        answer = reply(buffer.removeprefix(START).removesuffix(END))
                        if answer is not None:
                            self.request.sendall(answer)
                        buffer = b""

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """The hub hangs up on such answers."""

        self._server = Server((host, 0), Line)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()


def is_whole_frame(received: bytes) -> bool:
    return received.endswith(END)


def is_whole_request(received: bytes) -> bool:
    """Tell whether an HTTP request with a Content-Length is complete."""
    head, found, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    return bool(found) and len(body) >= int(lengths[0] if lengths else 0)
