"""What the stacks of the repository declare, as data. Pulumi runs in a process of its own: it leaves loops behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.config import Stack, read_stack_file

REPOSITORY = Path(__file__).parents[2]
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
STACKS = ("dev", "test", "prod")


@dataclass(frozen=True)
class Declared:
    """One resource.

    Attributes:
        token: Its Pulumi type.
        id: What Azure would call it.
        after: What it waits for: type and name of each, without what these wait for.
    """

    token: str
    name: str
    inputs: Mapping[str, Any]
    id: str
    after: Sequence[str] = ()

    @property
    def kind(self) -> str:
        """The type, in short: ``servicebus:Queue``."""
        return self.token.removeprefix("azure-native:")


@dataclass(frozen=True)
class Graph:
    """All resources of one stack."""

    stack: Stack
    resources: tuple[Declared, ...]

    def of(self, kind: str) -> list[Declared]:
        """Return the resources of a type such as ``servicebus:Queue``."""
        return [one for one in self.resources if one.kind == kind]

    def one(self, kind: str, name: str = "") -> Declared:
        """Return the only resource of a type, or the one with a name."""
        [found] = [one for one in self.of(kind) if not name or one.name == name]
        return found

    def before(self, resource: Declared) -> set[str]:
        """Return type and name of all that is there before a resource is begun."""
        waits = {f"{one.kind} {one.name}": one.after for one in self.resources}
        found: set[str] = set()
        ahead = list(resource.after)
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                ahead += waits.get(name, ())
        return found


def declare(*names: str) -> dict[str, Graph]:
    """Return what these stacks of the repository declare."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.infra.recorder", *names],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {
        name: Graph(read_stack_file(REPOSITORY, name), tuple(Declared(**one) for one in resources))
        for name, resources in json.loads(done.stdout).items()
    }
