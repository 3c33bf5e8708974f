"""The one table of prices, `bench/prices.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("prices.toml")


@cache
def prices() -> dict[str, Any]:
    """Return the table."""
    return tomllib.loads(FILE.read_text("utf-8"))


def price(path: str) -> float:
    """Return one price in dollars: ``price("relay.listener_month")``."""
    value: Any = prices()
    for key in path.split("."):
        value = value[key]
    return float(value)
