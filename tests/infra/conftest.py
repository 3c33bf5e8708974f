"""The three stacks of the repository, declared once for all tests."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.infra.graph import STACKS, Graph, declare


@pytest.fixture(scope="session")
def graphs() -> Mapping[str, Graph]:
    """What each stack declares, by its name."""
    return declare(*STACKS)


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
