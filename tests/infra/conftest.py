"""The three stacks of the repository, declared once for all tests."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Mapping

import pytest

from tests.infra.graph import STACKS, Graph, declare


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Graph]:
    """What each stack declares, by its name: declared once, however many processes run the tests."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return declare(*STACKS)
    shared = tmp_path_factory.getbasetemp().parent / "graphs.pickle"  # of this run, and of all its processes
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            shared.write_bytes(pickle.dumps(declare(*STACKS)))
        found: Mapping[str, Graph] = pickle.loads(shared.read_bytes())  # our own, of this run
    return found


@pytest.fixture(params=STACKS)
def graph(request: pytest.FixtureRequest, graphs: Mapping[str, Graph]) -> Graph:
    """What one stack declares: each in turn."""
    return graphs[request.param]


@pytest.fixture
def prod(graphs: Mapping[str, Graph]) -> Graph:
    """What production declares."""
    return graphs["prod"]


@pytest.fixture
def dev(graphs: Mapping[str, Graph]) -> Graph:
    """What the cheap stack declares."""
    return graphs["dev"]
