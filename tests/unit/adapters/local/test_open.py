"""Opening a home folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.adapters.local.folder import FolderLock
from shared.message.errors.storage import HomeInUse

OPEN = """
import sys
from pathlib import Path
from shared.adapters.local.folder import FolderLock
FolderLock(Path(sys.argv[1]))
"""


def open_elsewhere(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", OPEN, str(folder)], capture_output=True, text=True, check=False)


def test_a_second_process_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Two hubs on one folder would each hold the other's locks in its own memory."""
    lock = FolderLock(tmp_path)

    refused = open_elsewhere(tmp_path)

    assert refused.returncode != 0
    assert "STORAGE-003: another process of the hub uses this folder" in refused.stderr.splitlines()[-1]
    lock.release()
    assert open_elsewhere(tmp_path).returncode == 0


def test_the_same_process_is_refused_as_well(tmp_path: Path) -> None:
    """The second hub of a test would go unnoticed."""
    lock = FolderLock(tmp_path)
    with pytest.raises(HomeInUse):
        FolderLock(tmp_path)
    lock.release()
