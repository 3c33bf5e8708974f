"""How long a delivery waits before it is tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Uniform = Callable[[float, float], float]


class RetryPolicy(Protocol):
    """The part of a destination's configuration that backs off."""

    @property
    def base_seconds(self) -> float: ...

    @property
    def cap_seconds(self) -> float: ...


def backoff_seconds(attempt: int, policy: RetryPolicy, uniform: Uniform) -> float:
    """Return the wait before the next delivery attempt.

    Exponential with full jitter: uniform(0, min(cap, base * 2 ** (attempt - 1))).

    Args:
        attempt: Failed attempts so far; 1 or more.
        policy: The destination's retry policy.
        uniform: Draws from [low, high]; tests pass a fixed one.

    Returns:
        Seconds, between 0 and ``policy.cap_seconds``.

    Raises:
        ValueError: attempt is below 1.

    Source:
        M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    if attempt < 1:
        raise ValueError("attempt counts failed attempts: 1 or more")
    # Beyond 2 ** 32 the cap has long decided; a larger exponent would only make a large float.
    return uniform(0.0, min(policy.cap_seconds, policy.base_seconds * 2.0 ** min(attempt - 1, 32)))
