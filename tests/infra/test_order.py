"""What is there before what: that a first `pulumi up` does not fail where Azure needs one thing before another.

The order is the engine's own: what the program tells it of each resource, which Pulumi's mocks leave out.
"""

from __future__ import annotations

import pytest

ENCRYPTION_ROLES = "pulumi-python:dynamic/caduceus:Action encryption-roles"
GATEWAY_ROLES = "pulumi-python:dynamic/caduceus:Action gateway-roles"
SENT = "pulumi-python:dynamic/caduceus:Action send-code"


@pytest.fixture(params=["test", "prod"])
def private(request, graphs):
    """A stack with a network."""
    return graphs[request.param]


def test_private_endpoints_are_made_one_after_the_other(private):
    """Of several at once some fail in most runs: the account or the network is busy with another one
    (hashicorp/terraform-provider-azurerm#21293, Azure/bicep-registry-modules#6001)."""
    endpoints = {f"{one.kind} {one.name}": one for one in private.of("network:PrivateEndpoint")}
    before = sorted(len(private.before(one) & set(endpoints)) for one in endpoints.values())
    assert before == list(range(len(endpoints)))
    assert len(endpoints) == 9


def test_whoever_joins_the_network_does_so_before_the_endpoints_or_after_them(prod):
    """The app and the gateway before, and the listener's environment when the hub answers."""
    endpoints = prod.of("network:PrivateEndpoint")
    for one in endpoints:
        assert {"web:WebApp app", "apimanagement:ApiManagementService service"} <= prod.before(one)
    assert {f"{one.kind} {one.name}" for one in endpoints} <= prod.before(prod.one("app:ManagedEnvironment"))


@pytest.mark.parametrize(("kind", "name"), [("storage:StorageAccount", "data-account"), ("servicebus:Namespace", "")])
def test_what_is_encrypted_with_a_key_of_ours_waits_until_its_use_is_heeded(prod, kind, name):
    """Azure tries the key when the account is made: a role given a second ago is not heeded yet."""
    before = prod.before(prod.one(kind, name))
    assert {"keyvault:Key encryption-key", ENCRYPTION_ROLES} <= before
    given = "authorization:RoleAssignment encryption as Key Vault Crypto Service Encryption User of vault"
    assert given in prod.before(prod.one("pulumi-python:dynamic/caduceus:Action", "encryption-roles"))


def test_the_gateway_reads_its_key_when_it_may(graph):
    """It is tried when the named value is made; the role is on the secret alone, so the secret is first."""
    before = graph.before(graph.one("apimanagement:NamedValue"))
    assert {GATEWAY_ROLES, "pulumi-python:dynamic/caduceus:Action make-access-key"} <= before
    given = "authorization:RoleAssignment gateway as Key Vault Secrets User of secret hub-access"
    assert given in graph.before(graph.one("pulumi-python:dynamic/caduceus:Action", "gateway-roles"))


def test_no_caller_comes_in_before_the_policy_that_holds_for_all(graph):
    """And a policy that names a value or a backend that is not there is refused."""
    ahead = {"apimanagement:NamedValue access-key", "apimanagement:Backend backend", SENT}
    for one in (*graph.of("apimanagement:Api"), *graph.of("apimanagement:ApiPolicy")):
        assert {*ahead, "apimanagement:Policy global-policy"} <= graph.before(one)


def test_events_are_subscribed_to_long_after_the_topic_may_deliver(graph):
    """Its roles were given before the code was sent."""
    for one in graph.of("eventgrid:EventSubscription"):
        before = graph.before(one)
        assert SENT in before
        assert [name for name in before if name.startswith("authorization:RoleAssignment topic as ")]


def test_code_is_sent_when_every_role_and_every_door_is_there(graph):
    """`/health` asks every service by name: it says 200 when all of them answer the hub."""
    before = graph.before(graph.one("pulumi-python:dynamic/caduceus:Action", "send-code"))
    given = {f"{one.kind} {one.name}" for one in graph.of("authorization:RoleAssignment") if one.name[:7] == "hub as "}
    doors = {f"{one.kind} {one.name}" for one in graph.of("network:PrivateDnsZoneGroup")}
    links = {f"{one.kind} {one.name}" for one in graph.of("privatedns:VirtualNetworkLink")}
    assert len(given) >= 12
    assert given | doors | links <= before


def test_the_gateways_door_is_closed_when_there_is_another_one(prod):
    """Azure takes no gateway that nobody can reach; and no API is in it before it is closed."""
    close = prod.one("pulumi-python:dynamic/caduceus:Action", "close-door")
    assert "network:PrivateEndpoint endpoint-gateway" in prod.before(close)
    for one in prod.of("apimanagement:Api"):
        assert f"{close.kind} {close.name}" in prod.before(one)


def test_what_azure_gave_the_gateway_is_put_right_before_ours_comes(graph):
    """A policy that Azure made cannot be created, and a diagnostic needs its logger."""
    for one in (*graph.of("apimanagement:Policy"), *graph.of("apimanagement:Diagnostic")):
        assert "pulumi-python:dynamic/caduceus:Action prepare-gateway" in graph.before(one)
