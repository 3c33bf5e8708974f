"""Every resource against Azure's own definitions: Microsoft's SDK models, and the published schemas where they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.components.role_grants import ROLES
from infra.gateway.tiers import TIERS
from tests.infra.azure_types import AZURE_TYPES
from tests.infra.graph import Graph
from tests.infra.model_check import check

# Names that Pulumi and Microsoft's SDKs share and the schemas spell otherwise (x-ms-client-name in the specifications).
OTHER_SPELLINGS = (
    "disableLocalAuth", "criteria.odata.type", "encryption.keyVaultProperties", "encryption.encryptionIdentity",
)  # fmt: skip

# In the API version that Pulumi uses (Microsoft.Web 2025-05-01) and in the SDK; the schemas at hand are of 2025-03-01.
NEWER = ("functionAppConfig.siteUpdateStrategy",)

# A role that Azure has, and the table of the schemas at hand has not.
UNLISTED_ROLES = (ROLES["AcrPull"],)

_VALIDATE = """
import json, sys
from validate import validate, arm_template
from rules import rules
found, templates = [], []
for one in json.load(sys.stdin):
    faults, template = validate(one)
    templates.append(template)
    found += [[fault["kind"], one["token"], one["name"], fault["path"], fault["msg"]] for fault in faults]
template = arm_template(templates)
found += [["rule", *fault] for fault in rules(template)]
json.dump({"found": found, "template": template}, sys.stdout)
"""


@pytest.fixture(scope="session")
def validator() -> Path:
    """The folder of schemas beside the checkout."""
    shared = Path(os.environ.get("CADUCEUS_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    folder = shared / "tools" / "azure-validator"
    if not (folder / "validate.py").exists():
        pytest.skip("needs Azure's published schemas in ../shared/tools, which are not beside this checkout")
    return folder


def run_validator(folder: Path, program: str, *arguments: str, given: str = "") -> str:
    """Return what a program says that runs among the validator's modules."""
    done = subprocess.run(
        [sys.executable, *(("-c", program) if program else ()), *arguments],
        input=given, capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout


def validated(folder: Path, graph: Graph) -> dict[str, list[list[str]]]:
    resources = [
        {"token": one.token, "name": one.name, "inputs": one.inputs}
        for one in graph.resources
        if one.token.startswith("azure-native:")
    ]
    return json.loads(run_validator(folder, _VALIDATE, given=json.dumps(resources)))


def test_every_resource_is_of_its_model(graph):
    """A name, a nesting or a word that Microsoft's own SDK does not know is a mistake of ours."""
    assert [fault for one in graph.resources for fault in check(one)] == []


def test_every_kind_of_resource_has_a_type(graph):
    """A kind without one would pass unchecked."""
    kinds = {one.token for one in graph.resources if one.token.startswith("azure-native:")}
    assert kinds <= set(AZURE_TYPES)
    assert [kind for kind in sorted(kinds) if not AZURE_TYPES[kind].model] == [
        "azure-native:apimanagement:ProductApi",  # it has no body
        "azure-native:monitor:DiagnosticSetting",  # left out of azure-mgmt-monitor 7; the schemas have it
    ]


def test_every_resource_is_of_its_schema(graph, validator):
    """The second opinion: Azure's published schemas, and rules learned from failed deployments."""
    found = validated(validator, graph)["found"]
    unknown_kinds = {one[1] for one in found if one[0] == "no-mapping"}
    known = OTHER_SPELLINGS + NEWER + UNLISTED_ROLES
    if not TIERS[graph.stack.gateway.tier].has_logs:
        known += ("Microsoft.ApiManagement/service has no diagnostic setting",)  # Consumption has nothing to send
    assert [one for one in found if one[0] != "no-mapping" and not one[3].endswith(known)] == []
    assert all(AZURE_TYPES[kind].model for kind in unknown_kinds), "a kind that neither opinion checks"


# Rules of Microsoft's HITRUST and HIPAA initiatives that no stack meets, and why that is right.
_SERVICE_ENDPOINT = "it has private endpoints, and service endpoints would be a second, wider way in"
_LOG_FORM = "all categories go to the workspace; the rule looks for a retention in days that the setting no longer has"
_TELEMETRY = "telemetry holds no patient data and is read with Entra alone; closing it needs a private link scope"
ACCEPTED = {
    "Application Insights components should block log ingestion and querying from public networks": _TELEMETRY,
    "Log Analytics workspaces should block log ingestion and querying from public networks": _TELEMETRY,
    "Key Vault should use a virtual network service endpoint": _SERVICE_ENDPOINT,
    "Storage Accounts should use a virtual network service endpoint": _SERVICE_ENDPOINT,
    "Resource logs in Key Vault should be enabled": _LOG_FORM,
    "Resource logs in Service Bus should be enabled": _LOG_FORM,
}


# Development has no network to restrict anything to, and synthetic data only (decision 0081).
IN_DEVELOPMENT = frozenset({"Storage accounts should restrict network access"})


@pytest.mark.parametrize("initiative", ["HITRUST_CSF_v11.3", "HIPAA_HITRUST_audit"])
def test_stacks_meet_microsofts_health_initiatives_but_for_what_is_accepted(graph, validator, tmp_path, initiative):
    """What the adopter's dashboard will show on the first day; a new line there is a finding here first."""
    template = tmp_path / "stack.json"
    template.write_text(json.dumps(validated(validator, graph)["template"]))
    said = run_validator(validator, "", "azure_policy_check.py", str(template), "--set", initiative)
    rows = [line for line in said.splitlines() if line.startswith(("audit", "deny"))]
    assert rows
    accepted = (*ACCEPTED, *(IN_DEVELOPMENT if graph.stack.stage == "dev" else ()))
    assert [row for row in rows if not row.endswith(accepted)] == []
