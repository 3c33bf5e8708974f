"""A watched folder: each file is a message or a batch; it leaves the folder once all of it is safe.

A file is taken when it has not changed for a while, or at once when it was moved in whole under its name. It goes to
``done/`` with the acknowledgements beside it, or to ``failed/`` where a message of it was refused; nothing is deleted.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from pathlib import Path

from connector.config import ListenTable
from connector.header import is_taken
from connector.log import log, log_failure
from connector.mllp_listener import Answerer
from shared.message.errors.hl7 import FrameTooLarge

LOOK_SECONDS = 1.0
QUIET_SECONDS = 2.0  # a file that was written to since is perhaps not whole
_KEPT_BYTES = 220  # of its name, from the end: with the moment and `.ack` it has to be a name, too


class FolderListener:
    """Watches between `start` and `stop`.

    Attributes:
        port: 0; it has none.
        tls: None; nor has it this.
    """

    def __init__(self, table: ListenTable, answerer: Answerer, quiet_seconds: float = QUIET_SECONDS) -> None:
        assert table.folder is not None, "checked with the file"
        self.table = table
        self.answerer = answerer
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        self._folder = table.folder
        self._quiet = quiet_seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self, port: int | None = None) -> None:
        """Begin to look; a file that was half done when the last process ended is begun again."""
        for name in ("done", "failed"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._task = asyncio.create_task(self._watch())

    async def stop(self, seconds: float = 10.0) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            for file in self._whole_files():
                try:
                    await self._take(file)
                except Exception as error:  # noqa: BLE001  # the boundary: the file stays where it is, and comes again
                    log_failure("file_not_taken", error, listener=self.table.name)
            await asyncio.sleep(LOOK_SECONDS)

    def _whole_files(self) -> list[Path]:
        """Return the files that are whole, oldest first."""
        try:
            found = [(file.stat().st_mtime, file) for file in self._folder.glob(self.table.pattern) if file.is_file()]
        except OSError as error:
            log_failure("folder_not_read", error, listener=self.table.name)
            return []
        quiet = time.time() - self._quiet
        return [file for changed, file in sorted(found) if changed <= quiet]

    async def _take(self, file: Path) -> None:
        body = await asyncio.to_thread(self._read, file)
        if body is None:
            log("file_too_large", listener=self.table.name, code=FrameTooLarge.code)
            self._put_away(file, b"", "failed")
            return
        said = await self.answerer.answer(body)
        self._put_away(file, said, "done" if is_taken(said) else "failed")
        log("file_taken", listener=self.table.name, count=said.count(b"\rMSA|"))

    def _read(self, file: Path) -> bytes | None:
        """Return a file; None when it is larger than a message may be."""
        return file.read_bytes() if file.stat().st_size <= self.table.frame_megabytes * 1024 * 1024 else None

    def _put_away(self, file: Path, answers: bytes, where: str) -> None:
        name = f"{time.time_ns()}-{os.fsencode(file.name)[-_KEPT_BYTES:].decode(errors='ignore')}"
        (self._folder / where / f"{name}.ack").write_bytes(answers)
        file.replace(self._folder / where / name)
