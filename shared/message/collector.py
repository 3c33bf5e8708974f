"""The garbage collector stands aside while something large is made.

It looks, again and again, at a million new objects that all live on: a quarter to a half of the time. There is one
collector for the process, so whoever comes first turns it off, and whoever goes last turns it on again.
"""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager, nullcontext
from threading import Lock


class _Pause:
    """How many want it off, over all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                self._was_enabled = gc.isenabled()
                gc.disable()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._was_enabled:
                gc.enable()


_PAUSE = _Pause()
_LEFT_ALONE = nullcontext()


def collector_paused(*, when: bool) -> AbstractContextManager[None]:
    """Return what keeps the collector off within the block, where ``when`` says that it is worth it."""
    return _PAUSE if when else _LEFT_ALONE
