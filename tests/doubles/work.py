"""Pure functions that workers run in tests: a worker imports them by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.message.errors.hl7 import ContentUndecodable


@dataclass(frozen=True)
class Work:
    """Does what a job says.

    Attributes:
        key: Something that nobody else may see.
    """

    key: str = ""

    def __call__(self, job: tuple[str, Any]) -> Any:
        what, value = job
        match what:
            case "give":
                return value
            case "refuse":
                raise ContentUndecodable("PID-5", value)
            case "fail":
                raise ValueError(value)
            case "die":
                os._exit(3)
            case "stay":
                time.sleep(value)
            case "spin":
                while True:
                    pass
            case "touch":
                Path(value).touch()
            case "tell":
                return os.getpid(), self.key
        return None


@dataclass(frozen=True)
class DiesOn:
    """A function that takes its process with it where a job's body holds these bytes."""

    function: Callable[[Any], Any]
    mark: bytes

    def __call__(self, job: Any) -> Any:
        if self.mark in job.body:
            os._exit(3)
        return self.function(job)
