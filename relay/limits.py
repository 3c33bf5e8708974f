"""What the service carries and how long it waits, by Microsoft's protocol guide; tests shorten the waits."""

from __future__ import annotations

from dataclasses import dataclass

LISTENERS = 25  # of one hybrid connection


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, waits in seconds.

    Attributes:
        control_bytes: Headers and body of a request or an answer on the control channel.
        header_bytes: Names and values of the headers of one request or answer.
        rendezvous_seconds: A rendezvous address can be used so long.
        answer_seconds: A request has to be answered within it, and a body may pause so long.
        frame_bytes: The largest single WebSocket frame taken in; bodies of any size come in many.
        ping_seconds: Between two pings of the control channel; no pong until the next one: the channel is dead.
        concurrent_requests: Handled at a time by one listener; more wait their turn.
        waiting_requests: At work or waiting; beyond them a request hears 503 at once.
    """

    control_bytes: int = 64 * 1024
    header_bytes: int = 32 * 1024
    rendezvous_seconds: float = 30.0
    answer_seconds: float = 60.0
    frame_bytes: int = 16 * 1024 * 1024
    ping_seconds: float = 30.0
    concurrent_requests: int = 128
    waiting_requests: int = 1024
