"""Where a component declares its resources: one resource group, its names, its tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.config import Stack
from infra.names import Names


@dataclass(frozen=True, slots=True)
class Place:
    """What every component is told."""

    stack: Stack
    names: Names
    group: pulumi.Output[str]
    tags: Mapping[str, str]

    @property
    def public_access(self) -> str:
        """``Enabled`` or ``Disabled``, as most services spell it."""
        return "Disabled" if self.stack.private else "Enabled"


def child(parent: pulumi.Resource, *, protect: bool | None = None) -> pulumi.ResourceOptions:
    """Return the options of a resource inside a component."""
    return pulumi.ResourceOptions(parent=parent, protect=protect)
