"""What the hub knows of its partners: interfaces and destinations, read from `interfaces/` and checked.

The models need pydantic (75 ms to import), so each name below is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.registry.check import check_registry
    from shared.registry.destination import DestinationConfig
    from shared.registry.interface import Interface, Route
    from shared.registry.load import load_registry
    from shared.registry.problem import Problem
    from shared.registry.registry import Registry

__all__ = ["DestinationConfig", "Interface", "Problem", "Registry", "Route", "check_registry", "load_registry"]

_HOMES = {
    "DestinationConfig": "destination",
    "Interface": "interface",
    "Problem": "problem",
    "Registry": "registry",
    "Route": "interface",
    "check_registry": "check",
    "load_registry": "load",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
