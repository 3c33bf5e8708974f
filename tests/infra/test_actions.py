"""What our own Pulumi resources do, against a double of Azure; and that Pulumi's process for them can."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from infra.deployment import actions
from infra.deployment.actions import ACTIONS, close_door, make_access_key, make_hub_key, prepare_gateway
from infra.deployment.resources import provider_of
from shared.message.errors.configuration import DeploymentFailed
from tests.doubles.azure_deployment import Credential, azure_double

VAULT = "/subscriptions/1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
APP = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Web/sites/func"
GATEWAY = "/subscriptions/1/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim"


@pytest.fixture
def azure(monkeypatch):
    """The management API, signed in."""
    monkeypatch.setattr(actions, "credential_here", Credential)
    with azure_double() as double:
        yield double


def secret(azure, name):
    return azure.resources[f"{VAULT}/secrets/{name}"]["properties"]["value"]


def test_the_hubs_key_is_made_once_and_never_again(azure):
    """With another key every resource id would change: patients would be there twice."""
    make_hub_key({"management": azure.url, "vault_id": VAULT})
    first = secret(azure, "hub-key")
    make_hub_key({"management": azure.url, "vault_id": VAULT})
    assert secret(azure, "hub-key") == first
    assert len(bytes.fromhex(first)) == 32


def test_an_access_key_is_laid_where_its_caller_reads_it(azure):
    """The gateway takes it from the vault; nobody else sees it."""
    make_access_key({"management": azure.url, "vault_id": VAULT, "app_id": APP, "name": "hub-access"})
    made = azure.resources[f"{APP}/host/default/functionKeys/hub-access"]["properties"]["value"]
    assert secret(azure, "hub-access") == made
    assert len(made) >= 40


def test_another_revision_is_another_key(azure):
    """Rotation is one word in a file."""
    props = {"management": azure.url, "vault_id": VAULT, "app_id": APP, "name": "hub-access"}
    make_access_key(props)
    first = secret(azure, "hub-access")
    make_access_key(props)
    assert secret(azure, "hub-access") != first


def test_a_new_gateway_loses_the_policy_that_azure_gave_it(azure):
    """azure-native creates the policy for all where there is none or a text it knows, and Azure's text is another one
    each year: `cannot create already existing subresource` (pulumi/pulumi-azure-native#1729)."""
    azure.resources[f"{GATEWAY}/policies/policy"] = {"properties": {"value": "<policies />"}}
    props = {"management": azure.url, "service_id": GATEWAY, "log": ""}
    prepare_gateway(props)
    prepare_gateway(props)  # nothing to take away is no fault
    assert f"{GATEWAY}/policies/policy" not in azure.resources
    assert f"{GATEWAY}/loggers/azuremonitor" not in azure.resources  # Consumption has no log of its own


def test_a_new_gateway_has_a_log_of_its_own_whether_azure_made_it_or_not(azure):
    """Old tiers have it from the start; what a diagnostic refers to must be there."""
    props = {"management": azure.url, "service_id": GATEWAY, "log": "azuremonitor"}
    prepare_gateway(props)
    prepare_gateway(props)
    assert azure.resources[f"{GATEWAY}/loggers/azuremonitor"]["properties"]["loggerType"] == "azureMonitor"


def test_the_door_of_the_gateway_is_closed_and_the_rest_left_as_it_is(azure):
    """A patch, not a put: nothing else of the service may change."""
    azure.resources[GATEWAY] = {"properties": {"publisherName": "Contoso", "publicNetworkAccess": "Enabled"}}
    close_door({"management": azure.url, "service_id": GATEWAY})
    assert azure.resources[GATEWAY]["properties"] == {"publisherName": "Contoso", "publicNetworkAccess": "Disabled"}


def test_a_door_that_is_not_there_is_an_error(azure):
    """An open gateway must not count as closed."""
    with pytest.raises(DeploymentFailed, match="the gateway is not there"):
        close_door({"management": azure.url, "service_id": GATEWAY})


def test_roles_are_given_time_to_be_heeded(monkeypatch):
    """Azure says "up to 10 minutes" and offers nothing to ask; what comes next would fail in a stack's first run."""
    waited: list[float] = []
    monkeypatch.setattr(actions.time, "sleep", waited.append)
    ACTIONS["let-roles-spread"]({"of": "somebody"})
    assert waited == [actions.ROLES_SPREAD_SECONDS]


def test_a_key_never_enters_pulumis_state(azure):
    """The state is read by everyone who deploys."""
    provider = provider_of("make-hub-key")
    made = provider.create({"management": azure.url, "vault_id": VAULT, "repository": str(Path.cwd())})
    assert secret(azure, "hub-key") not in json.dumps(made.outs)


def test_a_provider_sees_a_difference_in_what_it_handles_and_not_in_where_it_runs():
    """Two people deploy from two folders; the code is the same."""
    provider = provider_of("send-code")
    old = {"revision": "1", "hub_url": "https://a", "repository": "/home/ann", "__provider": "x"}
    assert provider.diff("id", old, {**old, "repository": "/home/bob", "__provider": "y"}).changes is False
    assert provider.diff("id", old, {**old, "revision": "2"}).changes is True
    assert provider.diff("id", old, {**old, "hub_url": "https://b"}).changes is True


def test_a_provider_runs_in_a_process_that_knows_nothing_of_this_repository(tmp_path):
    """Pulumi pickles a provider into its state and runs it elsewhere; by reference it would not be found there."""
    repository = tmp_path / "elsewhere"
    deployment = repository / "infra" / "deployment"
    deployment.mkdir(parents=True)
    (repository / "infra" / "__init__.py").write_text("")
    (deployment / "__init__.py").write_text("")
    (deployment / "actions.py").write_text("ACTIONS = {'send-code': lambda props: print('sent', props['revision'])}\n")
    pickled = serialize_provider(provider_of("send-code"))
    program = (
        "import base64, dill, sys\n"
        f"provider = dill.loads(base64.b64decode({pickled!r}))\n"
        f"made = provider.create({{'revision': '7', 'repository': {str(repository)!r}}})\n"
        "print(made.id, sorted(made.outs))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["sent 7", "send-code ['repository', 'revision']"], done.stderr


def test_every_action_that_is_declared_exists(prod):
    """A word in a file and a function in another."""
    declared = {one.inputs["action"] for one in prod.resources if one.token.startswith("pulumi-python:dynamic")}
    assert declared == set(ACTIONS)


def test_the_revision_of_the_code_is_its_digest(prod):
    """`pulumi up` sends code when the code has changed, and only then."""
    assert prod.one("pulumi-python:dynamic/caduceus:Action", "send-code").inputs["revision"] == "c0de"


def test_code_is_sent_to_the_app_by_its_own_name(prod):
    """The endpoint of deployment has another name than the app."""
    inputs = prod.one("pulumi-python:dynamic/caduceus:Action", "send-code").inputs
    assert inputs["scm_url"] == "https://func-contoso-prod.scm.azurewebsites.net"
    assert inputs["hub_url"] == "https://func-contoso-prod.azurewebsites.net"
