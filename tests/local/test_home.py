"""The home folder survives restarts, and `--fresh` empties nothing else."""

from __future__ import annotations

import socket

import pytest

from local.home import Home
from local.ports import refuse_ports_in_use
from shared.adapters.local.folder import FolderLock
from shared.message.errors.configuration import PortInUse
from shared.message.errors.storage import HomeInUse, HomeNotOurs, StorageFailed


def test_fresh_removes_what_a_home_held(tmp_path):
    """Begin anew means: nothing of before."""
    home = Home(tmp_path / "home")
    home.open(is_fresh=False)
    (home.folder / "hub.db").write_text("old")
    home.note_seeded()

    home.open(is_fresh=True)

    assert not (home.folder / "hub.db").exists()
    assert not home.is_seeded


def test_second_start_keeps_everything(tmp_path):
    """A second start continues where the first ended."""
    home = Home(tmp_path / "home")
    home.open(is_fresh=False)
    (home.folder / "hub.db").write_text("kept")
    home.note_seeded()

    Home(tmp_path / "home").open(is_fresh=False)

    assert (home.folder / "hub.db").read_text() == "kept"
    assert Home(tmp_path / "home").is_seeded


def test_fresh_refuses_a_folder_that_is_no_home_and_removes_nothing(tmp_path):
    """`--home ~ --fresh` must cost nobody their files."""
    (tmp_path / "thesis.txt").write_text("ten years")

    with pytest.raises(HomeNotOurs):
        Home(tmp_path).open(is_fresh=True)

    assert (tmp_path / "thesis.txt").read_text() == "ten years"


def test_fresh_takes_a_folder_that_is_empty_or_not_there(tmp_path):
    """The first start with --fresh is a first start."""
    (tmp_path / "empty").mkdir()

    for name in ("empty", "absent"):
        Home(tmp_path / name).open(is_fresh=True)

    assert (tmp_path / "absent").is_dir()


def test_fresh_refuses_a_home_in_which_a_hub_is_at_work(tmp_path):
    """A database pulled from under a running hub loses what it acknowledged."""
    home = Home(tmp_path / "home")
    home.open(is_fresh=False)
    lock = FolderLock(home.folder)

    with pytest.raises(HomeInUse):
        home.open(is_fresh=True)

    assert home.folder.exists()
    lock.release()


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path):
    """A file in the way, or no right to write: a newcomer needs the folder's name, not a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match=r"STORAGE-002.*file/home: Not a directory"):
        Home(tmp_path / "file" / "home").open(is_fresh=False)


def test_ports_in_use_are_named_with_what_they_were_for():
    """One sentence that says what to do, before anything has started."""
    with socket.socket() as other, socket.socket() as another:
        for each in (other, another):
            each.bind(("127.0.0.1", 0))
            each.listen()
        first, second = other.getsockname()[1], another.getsockname()[1]

        with pytest.raises(PortInUse, match=rf"LOCAL-002.*{first} for HTTP, {second} for MLLP.*--http-port 0"):
            refuse_ports_in_use({"HTTP": first, "MLLP": second, "billing": 0})


def test_free_ports_are_no_reason_to_refuse():
    """A port that was closed a moment ago is free: restarts must not wait for TIME_WAIT."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    refuse_ports_in_use({"HTTP": free, "MLLP": 0})
