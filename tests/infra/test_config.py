"""The configuration of a stack: what is wrong with it is known before anything is declared."""

from __future__ import annotations

import pytest
import yaml

from infra.config import of_project, read_stack, read_stack_file
from infra.gateway.tiers import TIERS
from infra.hub import refuse_strangers
from shared.message.errors.configuration import StackInvalid
from shared.registry import load_registry
from tests.connector.certificate_authority import Authority
from tests.infra.graph import REPOSITORY, STACKS

IMAGE = f"contoso.azurecr.io/caduceus-relay@sha256:{'0' * 64}"
MANY = {f"hospital-{n}": "00000000-0000-0000-0000-000000000000" for n in range(17)}
GATEWAY = {"publisherName": "Contoso", "publisherEmail": "it@contoso.example"}

PRIVATE = {"private": True, "serviceBus": {"tier": "Premium"}, "gateway": {**GATEWAY, "tier": "StandardV2"}}


@pytest.fixture
def given():
    """The keys of the development stack, as Pulumi hands them on."""
    return of_project(yaml.safe_load((REPOSITORY / "Pulumi.dev.yaml").read_text("utf-8"))["config"])


@pytest.mark.parametrize("name", STACKS)
def test_the_stacks_of_the_repository_can_be_read(name):
    """Whoever clones it begins with them."""
    assert read_stack_file(REPOSITORY, name).stage == name


def test_an_unknown_key_names_the_file_and_the_key(given):
    """A misspelt key that is passed over is a wish nobody fulfils: `locaton` would put patients anywhere."""
    with pytest.raises(StackInvalid, match=r"Pulumi\.dev\.yaml: caduceus:locaton: unknown key"):
        read_stack("dev", {**given, "locaton": "westeurope"})


def test_an_unknown_key_inside_a_table_names_its_place(given):
    """The same, one level down."""
    with pytest.raises(StackInvalid, match=r"Pulumi\.dev\.yaml: caduceus:serviceBus\.teir: unknown key"):
        read_stack("dev", {**given, "serviceBus": {"teir": "Premium"}})


def test_a_python_name_is_no_key(given):
    """One spelling for each key, or two files say the same thing differently."""
    with pytest.raises(StackInvalid, match="caduceus:zone_redundant: unknown key"):
        read_stack("dev", {**given, "zone_redundant": True})


def test_every_fault_is_said_at_once(given):
    """Nobody mends a file one `pulumi up` at a time."""
    del given["location"]
    with pytest.raises(StackInvalid) as caught:
        read_stack("dev", {**given, "prefix": "Contoso_Health", "monthlyBudget": 0})
    assert all(f"caduceus:{key}: " in str(caught.value) for key in ("location", "prefix", "monthlyBudget"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"private": True}, "private needs serviceBus.tier Premium"),
        ({"private": True, "serviceBus": {"tier": "Premium"}}, "private needs gateway.tier"),
        ({"gatewayPublic": False}, "gatewayPublic: false needs private: true"),
        ({"outbound": {"billing": {}}}, "outbound needs private: true"),
        ({"outbound": {"billing": {"addresses": ["0.0.0.0/0"]}}}, "outbound.billing.addresses.0: is everywhere"),
        ({"outbound": {"billing": {"addresses": ["Internet"]}}}, "outbound.billing.addresses.0: is everywhere"),
        (
            {"outbound": {"billing": {"addresses": ["billing.example"]}}},
            "outbound.billing.addresses.0: Expected 4 octets",
        ),
        ({**PRIVATE, "relay": {"listenerImage": IMAGE}}, "pulls from relay.registry alone"),
        ({"zoneRedundant": True, "relay": {"listenerImage": IMAGE}}, "a listener stands in zones only in a network"),
        ({"customerManagedKeys": True}, "customerManagedKeys needs"),
        ({"geoLocation": "northeurope"}, "geoLocation needs"),
        ({"geoLocation": "westeurope", "serviceBus": {"tier": "Premium"}}, "geoLocation is the location itself"),
        ({"fhir": {"managed": False}}, "fhir needs"),
        ({"fhir": {"managed": True, "url": "https://fhir.example/r4"}}, "fhir needs"),
        ({"network": "10.0.0.0/24"}, "smaller than a /22"),
        ({"relay": {"listenerImage": "contoso.azurecr.io/caduceus-relay:latest"}}, "relay.listenerImage"),
        ({"relay": {"listenerImage": IMAGE, "connectors": MANY}}, "one replica holds 16 connectors"),
        ({"relay": {"registry": "contoso.azurecr.io"}}, "relay.registry"),
        ({"gateway": {**GATEWAY, "partnerCertificates": {"hospital_lab": []}}}, "hospital_lab"),
        ({"gateway": {**GATEWAY, "partnerAuthorities": ["MIIB"]}}, "is no certificate in PEM"),
        ({"stage": "prod"}, "is prod, and the stack is dev"),
    ],
)
def test_what_cannot_be_together_is_refused(given, changed, said):
    """Azure says so after twenty minutes, or never: a private stack with a public broker deploys well."""
    with pytest.raises(StackInvalid, match=said):
        read_stack("dev", {**given, **changed})


@pytest.mark.parametrize("tier", [tier for tier, can in TIERS.items() if not can.has_authorities])
def test_an_authority_that_is_not_public_needs_a_tier_that_can_be_told_of_it(given, tmp_path, tier):
    """CA certificates: not in V2 tiers (MicrosoftDocs/azure-docs#122943) and not on Consumption."""
    pem = Authority(tmp_path).certificate.read_text("utf-8")
    with pytest.raises(StackInvalid, match=f"{tier} knows public authorities only"):
        read_stack("dev", {**given, "gateway": {**GATEWAY, "tier": tier, "partnerAuthorities": [pem]}})
    told = read_stack("dev", {**given, "gateway": {**GATEWAY, "tier": "Developer", "partnerAuthorities": [pem]}})
    assert told.gateway.partner_authorities == (pem,)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gateway": {**GATEWAY, "partnerCertificates": {"hospital_labb": ["0" * 40]}}}, "partnerCertificates: .*labb"),
        (
            {"eventSubscribers": {"patient_ap": "00000000-0000-0000-0000-000000000000"}},
            "eventSubscribers: .*patient_ap",
        ),
    ],
)
def test_a_name_that_nothing_in_interfaces_has_is_refused(given, changed, said):
    """A misspelt interface is one whose partner shows no certificate, and nobody notices."""
    registry = load_registry(REPOSITORY / "interfaces", "dev")
    refuse_strangers(read_stack("dev", given), registry)
    with pytest.raises(StackInvalid, match=said):
        refuse_strangers(read_stack("dev", {**given, **changed}), registry)


def test_values_that_pulumi_hands_on_as_text_are_read():
    """`pulumi config` has numbers, truths and tables as JSON text."""
    config = {"caduceus:private": "true", "caduceus:functions": '{"memoryMb": 512}', "other:key": "1"}
    assert of_project(config) == {"private": True, "functions": {"memoryMb": 512}}


def test_a_stack_file_that_is_no_stack_file_is_named(tmp_path):
    """The message is about the file, not about YAML's insides."""
    (tmp_path / "Pulumi.dev.yaml").write_text("config")
    with pytest.raises(StackInvalid, match=r"Pulumi\.dev\.yaml"):
        read_stack_file(tmp_path, "dev")
