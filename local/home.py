"""The home folder of the laptop: recognised by a mark, so that ``--fresh`` never empties anything else."""

from __future__ import annotations

import shutil
from pathlib import Path

from shared.adapters.local.folder import FolderLock
from shared.message.errors.storage import HomeNotOurs, StorageFailed

MARK = "caduceus-home"
_MARK_TEXT = "The laptop of Caduceus keeps its data here. `caduceus up --fresh` removes all of it.\n"


class Home:
    """Where things are in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def addresses(self) -> Path:
        """Where the receivers are: what CADUCEUS_ADDRESSES names."""
        return self.folder / "addresses.json"

    @property
    def receivers(self) -> Path:
        """Inboxes of the receivers."""
        return self.folder / "receivers"

    def open(self, *, is_fresh: bool) -> None:
        """Create the folder if needed and mark it.

        Raises:
            HomeNotOurs: it is to be emptied, and holds something without the mark.
            HomeInUse: another process works in it.
            StorageFailed: it cannot be made, emptied or written.
        """
        try:
            if is_fresh:
                self._remove()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            FolderLock(self.folder).release()  # before anything is written that the other one reads
            (self.folder / MARK).write_text(_MARK_TEXT, encoding="utf-8")
        except OSError as error:
            raise StorageFailed(f"{self.folder}: {error.strerror}") from None

    @property
    def is_seeded(self) -> bool:
        """Whether the samples were sent in this home before."""
        return self._seeded.exists()

    def note_seeded(self) -> None:
        """Remember that the samples were sent."""
        self._seeded.touch()

    @property
    def _seeded(self) -> Path:
        return self.folder / "seeded"

    def _remove(self) -> None:
        if not self.folder.exists():
            return
        if any(self.folder.iterdir()) and not (self.folder / MARK).is_file():
            raise HomeNotOurs(str(self.folder))
        lock = FolderLock(self.folder)
        try:
            shutil.rmtree(self.folder)
        finally:
            lock.release()
