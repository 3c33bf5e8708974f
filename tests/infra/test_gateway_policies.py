"""What the gateway asks of callers and tells them: the documents themselves, and their C# where a compiler is."""

from __future__ import annotations

import json
import subprocess
from xml.etree import ElementTree

import pytest

from infra.config import Deprecation, Entra
from infra.gateway.operations import ABOUT_PATIENTS, CACHEABLE, FHIR, HUB, OF_THIS_MOMENT
from infra.gateway.policies import (
    BODY_LIMIT_BYTES,
    cached_policy,
    connector_policy,
    fhir_policy,
    global_policy,
    hub_policy,
    ingest_policy,
    product_policy,
)
from infra.gateway.tiers import TIERS
from tests.infra.expressions import compile_and_run, expressions_of, is_here, main_of, variable_of
from tests.infra.test_azure_types import run_validator, validator  # noqa: F401  # a fixture

ENTRA = Entra(tenantId="33333333-3333-3333-3333-333333333333", clientId="44444444-4444-4444-4444-444444444444",
              audience="api://caduceus-prod")  # fmt: skip
SUNSET = Deprecation(since="2026-01-01", sunset="2027-01-01", link="https://hub.example/why?a=1&b=2")
POLICIES = {
    "global": global_policy(),
    "ingest": ingest_policy(ENTRA, "hospital_adt", ()),
    "ingest with certificate": ingest_policy(ENTRA, "hospital_lab", ["a" * 40]),
    "ingest with pinned certificate": ingest_policy(ENTRA, "hospital_lab", ["a" * 40], is_pinned=True),
    "connector": connector_policy(ENTRA, ["55555555-5555-5555-5555-555555555555"]),
    "fhir": fhir_policy(ENTRA, None),
    "fhir deprecated": fhir_policy(ENTRA, SUNSET),
    "hub": hub_policy(ENTRA, None),
    "cached": cached_policy(),
    "product": product_policy(60, 2000),
}
each_policy = pytest.mark.parametrize("name", POLICIES)
needs_csharp = pytest.mark.skipif(not is_here(), reason="needs mono-mcs and libnewtonsoft-json5.0-cil")


def inbound(policy):
    """Return the steps a request goes through, in order."""
    return list(ElementTree.fromstring(policy).find("inbound"))


def tags(policy):
    return [step.tag for step in inbound(policy)]


@each_policy
def test_a_policy_is_strict_xml_with_four_sections(name):
    """The portal forgives an unescaped quote; the API that Pulumi calls does not."""
    assert [section.tag for section in ElementTree.fromstring(POLICIES[name])] == [
        "inbound", "backend", "outbound", "on-error",
    ]  # fmt: skip
    assert "${" not in POLICIES[name]


def test_a_sender_is_known_by_entra_before_anything_reaches_the_hub():
    """Its token is read first, and replaced by the gateway's own after that."""
    steps = tags(POLICIES["ingest"])
    order = [
        steps.index(tag)
        for tag in ("validate-azure-ad-token", "set-backend-service", "authentication-managed-identity")
    ]
    assert order == sorted(order)
    token = next(step for step in inbound(POLICIES["ingest"]) if step.tag == "validate-azure-ad-token")
    assert token.get("tenant-id") == ENTRA.tenant_id
    assert [one.text for one in token.iter("value")] == ["Hub.Ingest"]


@pytest.mark.parametrize("name", ["ingest", "connector", "fhir", "hub"])
def test_a_token_of_either_version_is_for_the_hub(name):
    """In a v2.0 token `aud` is always the application's id (Microsoft Learn, "Access token claims reference").

    It is asked for by its name, and the registration gives v2.0 tokens: with the name alone in the policy every call of
    every caller would end with 401.
    """
    [token] = ElementTree.fromstring(POLICIES[name]).iter("validate-azure-ad-token")
    assert {one.text for one in token.iter("audience")} == {ENTRA.client_id, "api://caduceus-prod"}


def test_the_app_takes_the_gateways_token_in_either_version(prod):
    """The gateway signs in for the audience, and its token says the application's id."""
    validation = prod.one("web:WebAppAuthSettingsV2").inputs["identityProviders"]["azureActiveDirectory"]["validation"]
    assert validation["allowedAudiences"] == ["00000000-0000-0000-0000-000000000000", "api://caduceus-prod"]


def test_a_connector_is_known_by_name_and_needs_no_subscription(prod):
    """The principals of the stack's connectors, and the listener's own; nobody else of the tenant."""
    assert prod.one("apimanagement:Api", "api-connector").inputs["subscriptionRequired"] is False
    policy = prod.one("apimanagement:ApiPolicy", "policy-connector").inputs["value"]
    [claim] = ElementTree.fromstring(policy).iter("claim")
    assert claim.get("name") == "oid"
    assert [one.text for one in claim] == [
        "00000000-0000-0000-0000-000000000000", "principal of identity-listener",
    ]  # fmt: skip


def test_the_listener_speaks_to_the_gateway_as_connectors_do(prod):
    """One bridge for each connector, with the arguments that `relay.bridge` takes."""
    [container] = prod.one("app:ContainerApp").inputs["template"]["containers"]
    assert "command" not in container  # the image's own: relay/service/Containerfile, run by tests/connector
    assert container["args"] == [
        "--relay", "sb://relay-contoso-prod.servicebus.windows.net/northgate-up",
        "--hub", "https://apim-contoso-prod.azure-api.net/connector",
        "--scope", "api://caduceus-prod/.default",
        "--health-port", "8080",
    ]  # fmt: skip
    assert [(one["type"], one["httpGet"]["port"]) for one in container["probes"]] == [
        ("Readiness", 8080), ("Liveness", 8080),
    ]  # fmt: skip


def test_an_operator_needs_the_role_of_operators():
    """Whoever may send must not read."""
    token = next(step for step in inbound(POLICIES["hub"]) if step.tag == "validate-azure-ad-token")
    assert [one.text for one in token.iter("value")] == ["Hub.Operate"]


def test_the_hub_hears_from_the_token_who_an_operator_is():
    """The audit says who looked, and only a role shows patients: both come from the token, whatever the caller sent."""
    steps = inbound(POLICIES["hub"])
    told = {step.get("name"): (step.get("exists-action"), step[0].text) for step in steps if step.tag == "set-header"}
    for header, claim in (("X-Hub-Caller", "oid"), ("X-Hub-Roles", "roles")):
        assert told[header][0] == "override"
        assert f'["token"]).Claims.GetValueOrDefault("{claim}"' in told[header][1]


@pytest.mark.parametrize("name", ["connector", "ingest"])
def test_the_hub_hears_from_the_token_whose_a_stream_is(name):
    """A connector's streams belong to the identity that opened them."""
    steps = inbound(POLICIES[name])
    [told] = [step for step in steps if step.get("name") == "X-Hub-Caller" and step.get("exists-action") == "override"]
    assert 'Claims.GetValueOrDefault("oid"' in told[0].text


@each_policy
def test_a_token_is_asked_for_a_claim_by_name(name):
    """`validate-azure-ad-token` is refused without a client or a claim (Microsoft Learn, its reference)."""
    for check in ElementTree.fromstring(POLICIES[name]).iter("validate-azure-ad-token"):
        [claim] = check.iter("claim")
        assert claim.get("name") in ("roles", "oid", "tid")
        assert [value.text for value in claim if value.text]


def test_a_sender_reaches_its_own_interface_only():
    """What comes after the address of the interface is cut off: nobody walks on to another one."""
    rewrite = next(step for step in inbound(POLICIES["ingest"]) if step.tag == "rewrite-uri")
    assert rewrite.attrib == {"template": "/ingest/hospital_adt", "copy-unmatched-params": "false"}


def test_a_certificate_is_checked_before_the_token_and_cannot_be_passed_over():
    """Revoked, expired, not yet valid and foreign certificates all end the call."""
    steps = inbound(POLICIES["ingest with certificate"])
    [check] = [step for step in steps if step.tag == "validate-client-certificate"]
    assert check.attrib == {
        "validate-revocation": "true", "validate-trust": "true", "validate-not-before": "true",
        "validate-not-after": "true", "ignore-error": "false",
    }  # fmt: skip
    assert [one.get("thumbprint") for one in check.iter("identity")] == ["A" * 40]
    assert [step.tag for step in steps].index("validate-client-certificate") == 1


def test_a_pinned_certificate_is_known_by_its_thumbprint_and_its_dates():
    """A V2 gateway cannot be told of a hospital's own authority: it would refuse all that one has issued."""
    [check] = ElementTree.fromstring(POLICIES["ingest with pinned certificate"]).iter("validate-client-certificate")
    assert check.attrib == {
        "validate-revocation": "false", "validate-trust": "false", "validate-not-before": "true",
        "validate-not-after": "true", "ignore-error": "false",
    }  # fmt: skip
    assert [one.get("thumbprint") for one in check.iter("identity")] == ["A" * 40]


def test_a_caller_cannot_hand_in_the_gateways_own_headers():
    """`x-functions-key` and the sign-in header of App Service are taken off before anything else."""
    removed = [step.get("name") for step in inbound(POLICIES["global"]) if step.get("exists-action") == "delete"]
    assert removed == ["x-functions-key", "X-MS-CLIENT-PRINCIPAL", "X-Hub-Caller", "X-Hub-Roles"]


def test_the_body_limit_is_that_of_the_function_app():
    """A Function App takes 100 MB (Microsoft Learn, "Azure Functions HTTP trigger: limits"); more is refused here."""
    assert BODY_LIMIT_BYTES == 104_857_600
    assert f"&gt; {BODY_LIMIT_BYTES}L" in POLICIES["global"]


def test_errors_are_operation_outcomes_without_the_gateways_message():
    """`LastError.Message` may quote what was sent: a name in it would leave in an answer and in a partner's log."""
    [body] = [step for step in ElementTree.fromstring(POLICIES["global"]).find("on-error") if step.tag == "set-body"]
    assert '"OperationOutcome"' in body.text
    assert "LastError.Message" not in POLICIES["global"]


def test_nothing_is_kept_by_a_cache_on_the_way_unless_the_policy_keeps_it():
    """A proxy between us and the caller must not keep patients."""
    outbound = ElementTree.fromstring(POLICIES["global"]).find("outbound")
    [control] = [step for step in outbound if step.get("name") == "Cache-Control"]
    assert control.find("value").text == "no-store"
    lookup = ElementTree.fromstring(POLICIES["cached"]).find("inbound/cache-lookup")
    assert (lookup.get("downstream-caching-type"), lookup.get("must-revalidate")) == ("none", "true")
    assert [one.text for one in lookup.iter("vary-by-header")] == ["Authorization"]


def test_every_read_is_kept_or_has_a_reason_why_not(dev, prod):
    """A new read that nobody thought about is not kept; one that is, is of the list, and the page says why."""
    reads = {one.id for one in (*FHIR, *HUB) if one.method == "GET"}
    groups = (CACHEABLE, ABOUT_PATIENTS, OF_THIS_MOMENT)
    assert frozenset().union(*groups) == reads
    assert sum(map(len, groups)) == len(reads)
    kept = {one.inputs["operationId"] for one in prod.of("apimanagement:ApiOperationPolicy")}
    assert kept == CACHEABLE
    assert dev.of("apimanagement:ApiOperationPolicy") == []  # Consumption has no cache of its own


def test_a_deprecated_api_says_since_when_and_until_when():
    """RFC 9745: an epoch second after @. RFC 8594: an HTTP date. 2026-01-01 is 1767225600, by `date -u -d`."""
    outbound = ElementTree.fromstring(POLICIES["fhir deprecated"]).find("outbound")
    said = {step.get("name"): step.find("value").text for step in outbound if step.tag == "set-header"}
    assert said == {
        "Deprecation": "@1767225600",
        "Sunset": "Fri, 01 Jan 2027 00:00:00 GMT",
        "Link": '<https://hub.example/why?a=1&b=2>; rel="deprecation"',
    }
    assert "Sunset" not in POLICIES["fhir"]


@pytest.mark.parametrize("text", ["@(context.Request.Body)", "api://{{secret}}"])
def test_text_of_a_stack_never_becomes_an_expression(text):
    """Whoever may edit a stack's file may not run code in the gateway."""
    with pytest.raises(ValueError, match="expression of the gateway"):
        hub_policy(Entra(tenantId=ENTRA.tenant_id, clientId=ENTRA.client_id, audience=text), None)


def test_text_of_a_stack_is_escaped():
    """An audience with a quote must not end its attribute."""
    audience = 'api://a"&<b'
    root = ElementTree.fromstring(
        hub_policy(Entra(tenantId=ENTRA.tenant_id, clientId=ENTRA.client_id, audience=audience), None)
    )
    assert audience in [one.text for one in root.iter("audience")]


def test_the_gateway_of_each_stack_has_a_breaker_where_its_tier_has_one(graph):
    """A hub that fails is left alone for half a minute; callers hear 503 at once and keep their messages."""
    backend = graph.one("apimanagement:Backend").inputs
    assert ("circuitBreaker" in backend) == TIERS[graph.stack.gateway.tier].has_breaker


def test_a_request_is_guarded_before_any_api_is_there(prod):
    """The policy for all and the key it needs come before the first API, or it is open for a minute."""
    assert len(prod.of("apimanagement:Policy")) == 1
    assert prod.one("apimanagement:NamedValue").inputs["keyVault"]["secretIdentifier"].endswith("/secrets/hub-access")


def test_every_policy_is_valid_by_microsofts_schema(validator):  # noqa: F811
    """The published XSDs know elements, attributes and their order."""
    pytest.importorskip("xmlschema", reason="needs xmlschema and lxml")
    program = (
        "import json, sys, apim_policy_check as checker\n"
        "for name, text in json.load(sys.stdin).items():\n"
        "    print(*(f'{name}: {fault}' for fault in checker.check(text, name == 'global')[0]), sep='\\n', end='')"
    )
    broken = {"broken": POLICIES["product"].replace("renewal-period", "renewal-perod")}
    said = run_validator(validator, program, given=json.dumps({**POLICIES, **broken}))
    assert said.startswith("broken: xsd")  # the last of them, and the only one


@needs_csharp
def test_every_expression_compiles(tmp_path):
    """A misspelt member shows at the first call, as 500, in production."""
    found = sorted({one for policy in POLICIES.values() for one in expressions_of(policy)})
    assert len(found) >= 9
    methods = {f"E{number}": expression for number, expression in enumerate(found)}
    assert compile_and_run(methods, main_of(['Console.WriteLine("compiled");']), tmp_path) == ["compiled"]


SCOPES = [
    # granted (scp), type, has an id, permitted: SMART App Launch 2.2, "Scopes for requesting FHIR resources"
    ("system/Patient.rs", "Patient", True, True),
    ("system/Patient.rs", "Patient", False, True),
    ("system/Patient.r", "Patient", True, True),
    ("system/Patient.r", "Patient", False, False),
    ("system/Patient.s", "Patient", False, True),
    ("system/Patient.s", "Patient", True, False),
    ("system/Patient.cud", "Patient", True, False),
    ("system/Patient.cruds", "Patient", True, True),
    ("system/Patient.read", "Patient", False, True),
    ("system/*.read", "Observation", True, True),
    ("system.all.read", "Observation", True, True),
    ("user/Observation.rs openid profile", "Observation", True, True),
    ("user/Observation.rs", "Patient", True, False),
    ("patient/*.read", "Patient", True, False),
    ("patient/Patient.rs", "Patient", True, False),
    ("system/Patient.rs", "PatientX", True, False),
    ("system/Patient.rs", "Pati.nt", True, False),
    ("xsystem/Patient.rs", "Patient", True, False),
    ("system/Patient.rsx", "Patient", True, False),
    ("", "Patient", True, False),
]


def permitted(tmp_path, calls):
    """Run the scope check of the FHIR policy for each (claim, its values, resource type, whether an id is given)."""
    lines = ["Context c; Dictionary<string, string[]> claims;"]
    for claim, values, kind, has_id in calls:
        said = ", ".join(f'"{value}"' for value in values)
        lines += [
            "c = new Context(); claims = new Dictionary<string, string[]>();",
            f'claims["{claim}"] = new string[] {{ {said} }};',
            'c.Variables["token"] = new Jwt { Claims = claims };',
            f'c.Request.MatchedParameters["type"] = "{kind}";',
            'c.Request.MatchedParameters["id"] = "1";' if has_id else "",
            "Console.WriteLine(Permitted(c));",
        ]
    methods = {"Permitted": variable_of(POLICIES["fhir"], "permitted")}
    return [line == "True" for line in compile_and_run(methods, main_of(lines), tmp_path)]


@needs_csharp
def test_smart_scopes_permit_what_they_say_and_nothing_else(tmp_path):
    """The table is the contract of every reader of FHIR; it is run in C#, as the gateway runs it."""
    said = permitted(tmp_path, [("scp", [granted], kind, has_id) for granted, kind, has_id, _ in SCOPES])
    assert said == [expected for _, _, _, expected in SCOPES]


@needs_csharp
def test_application_roles_count_as_scopes(tmp_path):
    """A service has roles where a person has scopes."""
    assert permitted(tmp_path, [("roles", ["x", "system.Patient.rs"], "Patient", False)]) == [True]


@needs_csharp
def test_an_error_of_the_gateway_quotes_nothing_of_the_request(tmp_path):
    """The stub's message is PATIENT; the answer must say where and why, and not that."""
    [body] = [one for one in expressions_of(POLICIES["global"]) if "OperationOutcome" in one]
    said = "\n".join(compile_and_run({"Body": body}, main_of(["Console.WriteLine(Body(new Context()));"]), tmp_path))
    assert "forward-request: Timeout" in said
    assert "PATIENT" not in said


@needs_csharp
def test_a_correlation_id_of_the_caller_is_kept_only_if_it_is_one(tmp_path):
    """It goes into every log: an identifier of a patient in it, or a line break, must not."""
    lines = ["Context c;"]
    for given in ("0af7651916cd43dd8448eb211c80319c", "short", "Smith^Ann 19800101", "x" * 65):
        lines += [
            "c = new Context();",
            f'c.Request.Headers["X-Correlation-Id"] = new [] {{ "{given}" }};',
            "Console.WriteLine(Id(c));",
        ]
    own = "00000000-0000-0000-0000-000000000000"
    said = compile_and_run({"Id": variable_of(POLICIES["global"], "correlation")}, main_of(lines), tmp_path)
    assert said == ["0af7651916cd43dd8448eb211c80319c", own, own, own]


def test_a_misspelt_member_would_not_compile(tmp_path):
    """The stand-in for the gateway must be as strict as the gateway, or the tests above prove nothing."""
    if not is_here():
        pytest.skip("needs mono-mcs and libnewtonsoft-json5.0-cil")
    with pytest.raises(subprocess.CalledProcessError):
        compile_and_run({"E": "@(context.Requst.Method)"}, main_of([]), tmp_path)
