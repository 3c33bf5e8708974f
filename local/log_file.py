"""The hub's log on a laptop: one file in the home, one line of JSON for each event."""

from __future__ import annotations

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 10_000_000
SAID_AGAIN_SECONDS = 10.0


class _Handler(RotatingFileHandler):
    """Says in one line now and then that the log cannot be written, and what it would have said."""

    _said_at = float("-inf")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the base class's
        now = time.monotonic()
        if now - self._said_at > SAID_AGAIN_SECONDS:
            self._said_at = now
            print(
                f"caduceus: {self.baseFilename} cannot be written; last event: {record.getMessage()}", file=sys.stderr
            )


class LogFile:
    """Writes what the library logs to ``hub.log``; the file before it is kept as ``hub.log.1``."""

    def __init__(self, home: Path) -> None:
        self.path = home / "hub.log"
        self._handler = _Handler(self.path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._logger = logging.getLogger("caduceus")
        self._logger.setLevel(logging.INFO)
        self._logger.addHandler(self._handler)

    def close(self) -> None:
        """Write no more."""
        self._logger.removeHandler(self._handler)
        self._handler.close()
