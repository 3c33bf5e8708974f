"""The connector's events, and the only fields they may have; and what it lets the libraries below it say."""

from __future__ import annotations

import logging
import sys
from typing import Final

import orjson

from shared.message.errors.base import IntegrationError
from shared.message.errors.configuration import FilesInvalid
from shared.observe.event_log import EventLog

FIELDS: Final = frozenset(
    {"code", "connections", "count", "days", "delivery", "destination", "error", "file", "listener", "n", "seconds",
     "stream", "tolerated", "version"}
)  # fmt: skip

_OURS: Final = "caduceus"
_EVENTS: Final = EventLog(f"{_OURS}.connector", FIELDS)
log = _EVENTS.log
log_failure = _EVENTS.log_failure


class Lines(logging.Formatter):
    """One line for each event; of what a library says, its name and the type of the error: a text may hold anything."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        if record.name.partition(".")[0] == _OURS:
            return super().format(record)
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        said = orjson.dumps({"event": "library_said", "file": record.name, "error": error}).decode()
        return f"{self.formatTime(record)} {record.levelname} {said}"


def begin_log() -> None:
    """Write events to standard error; of the libraries warnings and worse."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger(_OURS).setLevel(logging.INFO)


def print_problem(error: IntegrationError) -> None:
    """Print what a person has done wrong, each with its place: it speaks of files and settings, never of a message."""
    said = str(error)
    if isinstance(error, FilesInvalid):
        print(*error.problems, sep="\n", file=sys.stderr)
        said = f"{error.code}: {error.what}; {error.next_step}"
    print(f"connector: {said}", file=sys.stderr, flush=True)
