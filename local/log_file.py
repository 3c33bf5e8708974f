"""The hub's log on a laptop: one file in the home, one line of JSON for each event."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 10_000_000


class LogFile:
    """Writes what the library logs to ``hub.log``; the file before it is kept as ``hub.log.1``."""

    def __init__(self, home: Path) -> None:
        self.path = home / "hub.log"
        self._handler = RotatingFileHandler(self.path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._logger = logging.getLogger("caduceus")
        self._logger.setLevel(logging.INFO)
        self._logger.addHandler(self._handler)

    def close(self) -> None:
        """Write no more."""
        self._logger.removeHandler(self._handler)
        self._handler.close()
