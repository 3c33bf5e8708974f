"""Whether a commit waits for company: who was just answered sends again, and would have to wait for the next one."""

from __future__ import annotations

from typing import Protocol

_SLOW_SECONDS = 0.001  # a commit that takes longer is worth waiting for those who were just answered


class Waiting(Protocol):
    """What waits for a commit."""

    def __len__(self) -> int: ...

    def await_others(self, senders: int, seconds: float) -> None: ...


class Company:
    """What the last commit says of the next one (decision 0172); used by the thread that commits.

    Args:
        waiting: Those who wait for the next commit.
    """

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._senders = 0  # who was answered or waited at the last commit
        self._pause_seconds = 0.0  # how long they are waited for now

    def wait(self) -> None:
        """Wait until they are there, but no longer than half a commit; not at all where one is fast."""
        self._waiting.await_others(self._senders, self._pause_seconds)

    def note(self, answered: int, took_seconds: float) -> None:
        """Remember a commit: how many it answered, and how long it took."""
        self._senders = answered + len(self._waiting)
        self._pause_seconds = took_seconds / 2 if took_seconds > _SLOW_SECONDS else 0.0
