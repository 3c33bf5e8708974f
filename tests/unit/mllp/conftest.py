"""Lines are tried on both loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], Any]]:
    """Run every test on both loops: the connector has the one on Linux, the other on Windows, and Azure too."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
