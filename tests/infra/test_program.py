"""The program as Pulumi starts it, and the rules as Pulumi asks for them."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

from infra import program
from infra.policy import RULES
from tests.infra.graph import REPOSITORY, SUBSCRIPTION, TENANT

# In the program's own folder, which Pulumi puts first on the path; the repository is not on it.
_AS_PULUMI = """
import gc, os, runpy, sys
sys.path.remove({repository!r})
import pulumi
from pulumi.runtime.config import set_all_config

class Engine(pulumi.runtime.Mocks):
    kinds = []
    def new_resource(self, args):
        self.kinds.append(args.typ)
        outputs = {{"name": args.name, "properties": {{"vaultUri": "https://v/"}}, "identity": {{"principalId": "p"}}}}
        outputs["primaryEndpoints"] = {{"blob": "https://b/", "table": "https://t/"}}
        outputs["defaultHostName"] = "func.azurewebsites.net"
        outputs["gatewayUrl"] = "https://apim.azure-api.net"
        return args.name, {{**args.inputs, **outputs}}
    def call(self, args):
        assert args.token == "azure-native:authorization:getClientConfig"
        return {{"subscriptionId": {subscription!r}, "tenantId": {tenant!r}, "clientId": "c", "objectId": "o"}}

gc.disable()  # see the recorder
os.chdir("infra")
pulumi.runtime.set_mocks(Engine(), project="caduceus", stack="dev", preview=False)
set_all_config({config!r})

@pulumi.runtime.test
def program():
    runpy.run_path(".", run_name="__main__")

program()
print(len(Engine.kinds), Engine.kinds.count("azure-native:web:WebApp"), flush=True)
os._exit(0)  # see the recorder
"""


def run_as_pulumi(config):
    """Run the program in a process of its own, with configuration as the engine hands it on."""
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    program = _AS_PULUMI.format(repository=str(REPOSITORY), subscription=SUBSCRIPTION, tenant=TENANT, config=text)
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{program}"
    return subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


@pytest.fixture
def config():
    """The development stack's file."""
    return yaml.safe_load((REPOSITORY / "Pulumi.dev.yaml").read_text("utf-8"))["config"]


def test_the_program_runs_from_its_own_folder(config, dev):
    """A module of ours named like one of Python's would hide it; an import from above would not be found."""
    done = run_as_pulumi(config)
    components = 13
    assert done.stdout.split() == [str(len(dev.resources) + components), "1"], done.stderr


def test_a_wrong_file_is_one_sentence_and_declares_nothing(config):
    """The page of the code says what to do; a traceback says what we did."""
    done = run_as_pulumi({**config, "caduceus:locaton": "westeurope"})
    assert done.returncode != 0
    assert "INFRA-001" in done.stderr
    assert "Pulumi.dev.yaml: caduceus:locaton: unknown key" in done.stderr


class Declared(Exception):
    """The hub was put together."""


@pytest.mark.parametrize(("stack", "has"), [("prod", True), ("test", False)])
def test_a_closed_gateway_is_looked_for_before_it_is_declared(monkeypatch, stack, has):
    """A stack whose callers come privately asks Azure for the gateway's endpoint; one with a public door need not."""
    written = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]

    def put_together(stack, registry, occasion):
        raise Declared(occasion)

    monkeypatch.setattr(program, "Hub", put_together)
    monkeypatch.setattr(program, "get_config_env", lambda: written)
    monkeypatch.setattr(program, "has_endpoint", lambda names: names.of("apim") == "apim-contoso-prod")
    monkeypatch.setattr(program, "code_digest", lambda repository: "c0de")
    monkeypatch.setattr(program.pulumi, "get_stack", lambda: stack)
    client = SimpleNamespace(subscription_id=SUBSCRIPTION, tenant_id=TENANT)
    monkeypatch.setattr(program.authorization, "get_client_config", lambda: client)
    with pytest.raises(Declared) as caught:
        program.main()
    [occasion] = caught.value.args
    assert occasion.gateway_has_endpoint is has


@pytest.fixture(scope="module")
def pack():
    """The policy pack's module, without the server it starts."""
    return runpy.run_path(str(REPOSITORY / "infra" / "policy" / "__main__.py"), run_name="pack")


def asked(pack, resources):
    """Return what each rule of the pack reports about resources, as Pulumi would hear it."""
    stack = SimpleNamespace(
        resources=[SimpleNamespace(resource_type=one.token, name=one.name, props=one.inputs) for one in resources]
    )
    said: list[str] = []
    for rule in RULES:
        if not rule.joins_ids:
            pack["policy_of"](rule).validate(stack, lambda text, _: said.append(text))
    return said


def test_the_pack_accepts_what_the_repository_declares(graph, pack):
    """A pack that is red from the start is switched off."""
    assert asked(pack, graph.resources) == []


def test_the_pack_reports_by_name_what_breaks_a_rule(prod, pack):
    """And it knows by itself that a stack with a network is private."""
    opened = [one for one in prod.resources if one.kind != "storage:StorageAccount"]
    account = prod.of("storage:StorageAccount")[0]
    account = SimpleNamespace(
        token=account.token, name=account.name, inputs={**account.inputs, "publicNetworkAccess": "Enabled"}
    )
    assert asked(pack, [*opened, account]) == [
        f"{account.name}: publicNetworkAccess is not Disabled in a private stack"
    ]
