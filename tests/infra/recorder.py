"""The program under Pulumi's mocks: ``python -m tests.infra.recorder dev`` prints what a stack declares."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

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
    occasion = Occasion(SUBSCRIPTION, TENANT, "c0de", "2026-01-01T00:00:00Z")

    @pulumi.runtime.test
    def program() -> None:
        Hub(stack, load_registry(REPOSITORY / "interfaces", name), occasion)

    program()
    return sorted(recorder.declared, key=lambda one: (one.token, one.name))


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


def main(arguments: Sequence[str]) -> int:
    """Print the resources of a stack as one JSON document."""
    [name] = arguments
    gc.disable()  # Pulumi keeps a hundred thousand tasks and futures: looking through them is a third of the time
    print(json.dumps([asdict(one) for one in record(name)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
