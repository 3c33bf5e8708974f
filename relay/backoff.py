"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Waits that grow, and that no two processes share.

    Exponential with full jitter: uniform(0, min(cap, base * 2 ** failures)).

    Source:
        M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(
        self, base_seconds: float, cap_seconds: float, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._base = base_seconds
        self._cap = cap_seconds
        self._uniform = uniform
        self.failures = 0

    def next_seconds(self) -> float:
        """Return the wait after one more failure."""
        wait = self._uniform(0.0, min(self._cap, self._base * 2.0 ** min(self.failures, 32)))
        self.failures += 1
        return wait

    def reset(self) -> None:
        """Begin anew: it worked."""
        self.failures = 0
