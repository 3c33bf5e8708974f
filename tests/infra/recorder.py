"""What a stack declares, without Pulumi's engine and without Azure: each resource with what would go over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from infra.config import Stack, read_stack_file
from infra.hub import Hub, Occasion
from shared.registry import load_registry
from tests.infra.azure_types import AZURE_TYPES

REPOSITORY = Path(__file__).parents[2]
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
STACKS = ("dev", "test", "prod")


@dataclass(frozen=True)
class Declared:
    """One resource: its Pulumi type and name, its inputs, and the id Azure would give it."""

    token: str
    name: str
    inputs: Mapping[str, Any]
    id: str

    @property
    def kind(self) -> str:
        """The type, in short: ``servicebus:Queue``."""
        return self.token.removeprefix("azure-native:")


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


def record(stack: Stack, code: str = "c0de") -> Graph:
    """Return what a stack declares."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="caduceus", stack=stack.stage, preview=False)
    occasion = Occasion(SUBSCRIPTION, TENANT, code, "2026-01-01T00:00:00Z")

    @pulumi.runtime.test
    def program() -> None:
        Hub(stack, load_registry(REPOSITORY / "interfaces", stack.stage), occasion)

    program()
    return Graph(stack, tuple(sorted(recorder.declared, key=lambda one: (one.token, one.name))))


def record_file(name: str) -> Graph:
    """Return what the stack of a file in the repository declares."""
    return record(read_stack_file(REPOSITORY, name))


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
