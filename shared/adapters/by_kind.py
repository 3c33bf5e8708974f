"""One function for jobs of several kinds, so that they share the same workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class ByKind:
    """Does each job with the function of its class. It can be pickled where they can."""

    def __init__(self, functions: Mapping[type, Callable[[Any], Any]]) -> None:
        self._functions = functions

    def __call__(self, job: object) -> Any:
        return self._functions[type(job)](job)
