"""The program under Pulumi's mocks: ``python -m tests.infra.recorder dev prod`` prints what these stacks declare.

Pulumi and its classes for Azure are loaded once; each stack is declared in a fork of that process, side by side.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from types import ModuleType
from typing import Any, NoReturn

import pulumi
import pulumi.resource
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.mocks import MockMonitor

from infra.config import read_stack_file
from infra.hub import Hub, Occasion
from shared.registry import load_registry
from tests.infra.azure_types import AZURE_TYPES
from tests.infra.graph import REPOSITORY, SUBSCRIPTION, TENANT, Declared


@dataclass
class Recorder(Mocks):
    """Pulumi's engine, as far as a program can tell: gives ids and outputs, and keeps what was declared."""

    declared: list[Declared] = field(default_factory=list)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Return the id and the outputs of a resource."""
        if args.custom is False:
            return f"{args.name}-component", {}
        id_, own_name = _arm_id(args)
        self.declared.append(Declared(args.typ, args.name, args.inputs, id_))
        return id_, {**_returned(args.inputs), "name": own_name, **_outputs(args, own_name)}

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        """Return the answer of a look-up: there is none in a hub."""
        return {}


def record(name: str) -> list[Declared]:
    """Return what the stack of a file declares."""
    recorder, stack = Recorder(), read_stack_file(REPOSITORY, name)
    pulumi.runtime.set_mocks(recorder, project="caduceus", stack=name, preview=False)
    waits = _watch_order()
    occasion = Occasion(SUBSCRIPTION, TENANT, "c0de", "2026-01-01T00:00:00Z")

    @pulumi.runtime.test
    def program() -> None:
        Hub(stack, load_registry(REPOSITORY / "interfaces", name), occasion)

    program()
    declared = (replace(one, after=waits[one.token, one.name]) for one in recorder.declared)
    return sorted(declared, key=lambda one: (one.token, one.name))


def _watch_order() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return what each resource, by type and name, waits for: filled while the program runs.

    The engine is told so with every resource, by its dependencies and its inputs; Pulumi's mocks drop it.
    """
    waits: dict[tuple[str, str], tuple[str, ...]] = {}
    register = MockMonitor.RegisterResource

    def keep(self: MockMonitor, request: Any) -> Any:
        waits[request.type, request.name] = tuple(sorted(map(_type_and_name, request.dependencies)))
        return register(self, request)

    MockMonitor.RegisterResource = keep  # type: ignore[method-assign]
    return waits


def _type_and_name(urn: str) -> str:
    *_, types, name = urn.split("::")
    return f"{types.rpartition('$')[2].removeprefix('azure-native:')} {name}"


def _arm_id(args: MockResourceArgs) -> tuple[str, str]:
    known, inputs = AZURE_TYPES.get(args.typ), args.inputs
    if known is None:
        return f"{args.name}-id", args.name
    segments = [part[1:] if part.startswith("=") else str(inputs.get(part, args.name)) for part in known.named_by]
    if args.typ.endswith(":ResourceGroup"):
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{segments[0]}", segments[0]
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{inputs.get('resourceGroupName')}"
    scope = str(inputs[known.scoped_by]) if known.scoped_by else group
    provider, *kinds = known.arm.split("/")
    path = "/".join(f"{kind}/{segment}" for kind, segment in zip(kinds, segments, strict=True))
    return f"{scope}/providers/{provider}/{path}", segments[-1]


def _returned(value: Any) -> Any:
    """Return inputs as Azure gives them back: identities go in as a list and come out as a map."""
    if isinstance(value, dict):
        return {
            key: {one: {} for one in inner}
            if key == "userAssignedIdentities" and isinstance(inner, list)
            else _returned(inner)
            for key, inner in value.items()
        }
    return [_returned(one) for one in value] if isinstance(value, list) else value


def _outputs(args: MockResourceArgs, name: str) -> dict[str, Any]:
    own = {"principalId": f"principal of {args.name}", "tenantId": TENANT}
    match args.typ.removeprefix("azure-native:"):
        case "managedidentity:UserAssignedIdentity":
            return {**own, "clientId": f"client of {args.name}"}
        case "storage:StorageAccount":
            return {
                "primaryEndpoints": {kind: f"https://{name}.{kind}.core.windows.net/" for kind in ("blob", "table")}
            }
        case "web:WebApp":
            return {"defaultHostName": f"{name}.azurewebsites.net"}
        case "eventgrid:Topic":
            return {
                "endpoint": f"https://{name}.eventgrid.azure.net/api/events",
                "identity": {**args.inputs["identity"], **own},
            }
        case "keyvault:Vault":
            return {"properties": {**args.inputs["properties"], "vaultUri": f"https://{name}.vault.azure.net/"}}
        case "applicationinsights:Component":
            return {"connectionString": f"InstrumentationKey=00000000;IngestionEndpoint=https://{name}"}
        case "apimanagement:ApiManagementService":
            return {"identity": {**args.inputs["identity"], **own}, "gatewayUrl": f"https://{name}.azure-api.net"}
        case _:
            return {}


def spare_aliases() -> None:
    """Spare Pulumi the names a resource would have under each older version of its type: half of its time.

    They are for the children of a resource, and every parent here is a component. What goes to the engine is another
    list, which is left alone.
    """
    assert callable(pulumi.resource.collapse_alias_to_urn)
    pulumi.resource.collapse_alias_to_urn = lambda *_: ""  # type: ignore[assignment]


def print_and_leave(found: object) -> NoReturn:
    """Print one JSON document and end at once: to free what Pulumi leaves behind takes as long as to declare it."""
    print(json.dumps(found), flush=True)
    os._exit(0)


def _load_types() -> None:
    """Load what the components name of azure-native, which Pulumi loads at first use: in each fork again."""
    for name, module in list(sys.modules.items()):
        if name.startswith("infra."):
            for named in vars(module).values():
                if isinstance(named, ModuleType) and named.__name__.startswith("pulumi_azure_native."):
                    hasattr(named, "loaded")


def _resources_of(name: str) -> list[dict[str, Any]]:
    return [asdict(one) for one in record(name)]


def main(names: Sequence[str]) -> NoReturn:
    """Print the resources of each stack, by its name, as one JSON document."""
    gc.disable()  # Pulumi keeps a hundred thousand tasks and futures: looking through them is a third of the time
    spare_aliases()
    _load_types()
    with get_context("fork").Pool(len(names)) as forks:
        found = forks.map(_resources_of, names, chunksize=1)
    print_and_leave(dict(zip(names, found, strict=True)))


if __name__ == "__main__":
    main(sys.argv[1:])
