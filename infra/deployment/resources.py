"""Our own resources, for what no provider of Pulumi can make: code in the app, keys nobody sees, a closed door."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

REPOSITORY = Path(__file__).resolve().parents[2]


class Action(Resource, module="caduceus", name="Action"):
    """One function of `actions.py`, run when the resource is made and whenever its ``revision`` is another one.

    What it handles is not in Pulumi's state: neither the package nor a key.
    """

    def __init__(
        self,
        name: str,
        action: str,
        revision: str,
        props: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {**props, "action": action, "revision": revision, "repository": str(REPOSITORY)}
        super().__init__(provider_of(action), name, inputs, opts)


def provider_of(action: str) -> ResourceProvider:
    """Return the provider of an action.

    Pulumi pickles it and runs it in another process, which knows nothing of this repository. A class inside a function
    is pickled as a whole; it finds the rest by the path it is given.
    """

    class Provider(ResourceProvider):
        serialize_as_secret_always = False  # there is no secret in it

        def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
            # Where the repository lies on this machine is not a difference.
            watched = [name for name in news if name not in ("repository", "__provider")]
            return DiffResult(changes=any(olds.get(name) != news[name] for name in watched))

        def create(self, props: dict[str, Any]) -> CreateResult:
            self._act(props)
            return CreateResult(action, props)

        def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
            self._act(news)
            return UpdateResult(news)

        def _act(self, props: dict[str, Any]) -> None:
            import importlib
            import sys

            if props["repository"] not in sys.path:
                sys.path.insert(0, props["repository"])
            importlib.import_module("infra.deployment.actions").ACTIONS[action](props)

    return Provider()
