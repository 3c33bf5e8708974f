"""Folders: made durable, and kept to one process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from shared.message.errors.storage import HomeInUse

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """A folder of one process: the lock ends with it, however it ends.

    Raises:
        HomeInUse: another process has it.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
        except OSError:  # BlockingIOError here, PermissionError on Windows
            os.close(self._descriptor)
            raise HomeInUse(str(folder)) from None

    def release(self) -> None:
        os.close(self._descriptor)


def sync_folder(folder: Path) -> None:
    """Return once the names in the folder are durable; Windows makes them so by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
