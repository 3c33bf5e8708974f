"""How work grows with its input: a ratio of two times of one run, so that a slow or busy machine judges nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

FACTOR = 16
# In proportion would be 16, quadratic 256; what outgrows the processor's cache is slower by some.
PROPORTIONAL = 4 * FACTOR
_TIMES = 3
_LEAST_SECONDS = 0.001  # below it nothing grows, whatever the quotient of two hiccups says


def growth(work: Callable[[bytes], object], make: Callable[[int], bytes], size: int) -> float:
    """Return the time of `work` on what `make` gives for `size`, divided by that for a sixteenth of it."""
    return _seconds(work, make(size)) / _seconds(work, make(size // FACTOR))


def _seconds(work: Callable[[bytes], object], raw: bytes) -> float:
    gc.disable()  # what the collector takes depends on everything else that this process holds
    try:
        return min(_once(work, raw) for _ in range(_TIMES))
    finally:
        gc.enable()


def _once(work: Callable[[bytes], object], raw: bytes) -> float:
    began = time.process_time()
    work(raw)
    return max(time.process_time() - began, _LEAST_SECONDS)
