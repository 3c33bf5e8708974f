"""The gateway itself, in every tier: partners who show a certificate, and a door that is closed to the public."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from types import SimpleNamespace

import pytest
from cryptography.x509 import load_der_x509_certificate
from pulumi_azure_native import apimanagement

from infra.components.api_gateway import has_endpoint
from infra.gateway.tiers import TIERS
from infra.names import Names
from tests.connector.certificate_authority import Authority
from tests.infra.graph import REPOSITORY, Declared, Graph
from tests.infra.model_check import check
from tests.infra.test_azure_types import OTHER_SPELLINGS, validated, validator  # noqa: F401  # a fixture


@pytest.fixture(scope="module")
def gateways(tmp_path_factory):
    """By tier: what its gateway declares, plain and where partners show certificates."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    files = [authority.certificate, authority.issue("below").certificate]
    done = subprocess.run(
        [sys.executable, "-m", "tests.infra.gateways", *map(str, files)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {
        tier: SimpleNamespace(**{how: Declared(**one) for how, one in both.items()}) for tier, both in found.items()
    }


@pytest.mark.parametrize("tier", [tier for tier, can in TIERS.items() if can.asks_by_host])
def test_the_host_name_asks_at_the_handshake(gateways, tier):
    """Since May 2021 a policy sees a certificate only where `negotiateClientCertificate` is set (Microsoft Learn)."""
    asking = gateways[tier].asks.inputs
    [host] = asking["hostnameConfigurations"]
    assert host == {
        "type": "Proxy", "hostName": f"{asking['serviceName']}.azure-api.net", "certificateSource": "BuiltIn",
        "defaultSslBinding": True, "negotiateClientCertificate": True,
    }  # fmt: skip
    assert not asking.get("enableClientCertificate")


def test_consumption_asks_for_the_whole_service(gateways):
    """It has no such property of host names: "Property only meant to be used for Consumption" (its reference)."""
    asking = gateways["Consumption"].asks.inputs
    assert asking["enableClientCertificate"] is True
    assert "hostnameConfigurations" not in asking


@pytest.mark.parametrize("tier", TIERS)
def test_nobody_is_asked_where_no_partner_has_agreed(gateways, tier):
    """A browser that is asked shows its user a list of certificates."""
    plain = gateways[tier].plain.inputs
    assert not plain.get("enableClientCertificate")
    assert not {"hostnameConfigurations", "certificates"} & set(plain)


@pytest.mark.parametrize("tier", [tier for tier, can in TIERS.items() if can.has_authorities])
def test_an_authority_that_is_not_public_is_told_to_the_gateway(gateways, tier):
    """A partner's own authority: without it `validate-trust` refuses all it has issued. A root signed itself."""
    told = gateways[tier].asks.inputs["certificates"]
    assert [one["storeName"] for one in told] == ["Root", "CertificateAuthority"]
    names = [load_der_x509_certificate(_bytes(one)).subject.rfc4514_string() for one in told]
    assert names == ["CN=test authority", "CN=below"]


@pytest.mark.parametrize("tier", TIERS)
def test_a_gateway_that_asks_is_of_its_model(gateways, tier):
    """Microsoft's own SDK knows every name and word of it; PremiumV2 is younger than the API version it has."""
    assert [fault for fault in check(gateways[tier].asks) if "'PremiumV2' is none of" not in fault] == []


def test_gateways_that_ask_are_of_their_schema(gateways, validator, dev):  # noqa: F811
    """The second opinion, for all tiers at once."""
    graph = Graph(dev.stack, tuple(both.asks for both in gateways.values()))
    faults = [one for one in validated(validator, graph)["found"] if one[0] != "rule"]
    faults = [one for one in faults if not one[3].endswith(OTHER_SPELLINGS)]
    assert [one for one in faults if not one[4].startswith("'PremiumV2' is not a documented")] == []


@pytest.mark.parametrize("tier", TIERS)
def test_a_gateway_is_created_open_and_stays_closed_once_it_has_another_door(gateways, tier):
    """Azure creates none closed, and Pulumi writes a service whole: declared open, each change would open it again."""
    assert gateways[tier].plain.inputs["publicNetworkAccess"] == "Enabled"
    assert gateways[tier].closed.inputs["publicNetworkAccess"] == "Disabled"


@pytest.mark.parametrize(("endpoints", "has"), [([object()], True), ([], False), (None, False)])
def test_azure_is_asked_whether_there_is_another_door(monkeypatch, endpoints, has):
    """The names are those of the stack: nothing else is known before it is declared."""
    asked = {}

    def get(**names):
        asked.update(names)
        return SimpleNamespace(private_endpoint_connections=endpoints)

    monkeypatch.setattr(apimanagement, "get_api_management_service", get)
    assert has_endpoint(Names("contoso", "prod")) is has
    assert asked == {"resource_group_name": "rg-contoso-prod", "service_name": "apim-contoso-prod"}


def test_a_gateway_that_is_not_there_yet_has_no_door(monkeypatch):
    """The first run: Azure says 404, for the service or for the whole group."""

    def get(**_):
        raise Exception('invoke failed: Status=404 Code="ResourceGroupNotFound"')

    monkeypatch.setattr(apimanagement, "get_api_management_service", get)
    assert has_endpoint(Names("contoso", "prod")) is False


def test_an_azure_that_does_not_answer_is_not_taken_for_a_gateway_without_a_door(monkeypatch):
    """It would be opened by the run that could not look."""

    def get(**_):
        raise Exception("invoke failed: Status=403 AuthorizationFailed")

    monkeypatch.setattr(apimanagement, "get_api_management_service", get)
    with pytest.raises(Exception, match="AuthorizationFailed"):
        has_endpoint(Names("contoso", "prod"))


def _bytes(certificate):
    return b64decode(certificate["encodedCertificate"])
