"""What the gateway must ask of every caller, and must not write down."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree  # the documents are our own

from infra.gateway.tiers import TIERS
from infra.policy.rule import Finding, Resource, Resources, Rule, at

_POLICIES = (
    "apimanagement:Policy", "apimanagement:ApiPolicy", "apimanagement:ApiOperationPolicy",
    "apimanagement:ProductPolicy",
)  # fmt: skip
_SECTIONS = ["inbound", "backend", "outbound", "on-error"]
# They copy requests to where nobody expects patient data.
_TELLTALES = frozenset({"trace", "log-to-eventhub", "send-one-way-request", "emit-metric"})


def parsed(policy: Resource) -> ElementTree.Element | None:
    """Return a policy document, None when it is not well formed."""
    try:
        return ElementTree.fromstring(policy.inputs["value"])  # noqa: S314
    except ElementTree.ParseError:
        return None


def _well_formed(resources: Resources) -> Iterator[Finding]:
    for one in resources.of(*_POLICIES):
        root = parsed(one)
        if root is None:
            yield one.name, "not well-formed XML"
        elif [section.tag for section in root] != _SECTIONS:
            yield one.name, "not the four sections in order"
        elif one.kind != "apimanagement:Policy" and any(section.find("base") is None for section in root):
            yield one.name, "a section leaves out what holds for all: no <base />"
        if one.inputs.get("format") != "rawxml":
            yield one.name, "not rawxml: expressions would be escaped twice"


def _signed_in(resources: Resources) -> Iterator[Finding]:
    for one in resources.of("apimanagement:ApiPolicy"):
        root = parsed(one)
        inbound = root.find("inbound") if root is not None else None
        tags = [step.tag for step in inbound] if inbound is not None else []
        if "validate-azure-ad-token" not in tags:
            yield one.name, "takes callers without a token"
        elif "authentication-managed-identity" not in tags:
            yield one.name, "hands the caller's token on instead of its own identity"
        elif tags.index("authentication-managed-identity") < tags.index("validate-azure-ad-token"):
            yield one.name, "replaces the caller's token before it is read"


def _silent(resources: Resources) -> Iterator[Finding]:
    for one in resources.of(*_POLICIES):
        root = parsed(one)
        tags = {step.tag for step in root.iter()} if root is not None else set()
        for tag in sorted(tags & _TELLTALES):
            yield one.name, f"<{tag}> may carry patient data away"
    for one in resources.of("apimanagement:Diagnostic"):
        for part in ("frontend.request", "frontend.response", "backend.request", "backend.response"):
            if at(one.inputs, f"{part}.body.bytes") != 0:
                yield one.name, f"logs the body of {part}"
            masked = at(one.inputs, f"{part}.dataMasking.queryParams") or []
            if {"mode": "Hide", "value": "*"} not in masked:
                yield one.name, f"logs the query of {part}"
        if one.inputs.get("logClientIp") is not False:
            yield one.name, "logs who calls by address"


def _fits_tier(resources: Resources) -> Iterator[Finding]:
    for service in resources.of("apimanagement:ApiManagementService"):
        tier = TIERS[at(service.inputs, "sku.name")]
        for one in resources.of(*_POLICIES):
            root = parsed(one)
            tags = {step.tag for step in root.iter()} if root is not None else set()
            for tag in sorted(tags & {"rate-limit-by-key", "quota-by-key"}):
                yield one.name, f"<{tag}> is not in every tier"
            if "cache-lookup" in tags and not tier.has_cache:
                yield one.name, "this tier has no cache of its own"
        for one in resources.of("apimanagement:Backend"):
            if one.inputs.get("circuitBreaker") and not tier.has_breaker:
                yield one.name, "this tier has no circuit breaker"
        for one in resources.of("apimanagement:Diagnostic"):
            if one.inputs["diagnosticId"] != "applicationinsights":
                for key in sorted({"operationNameFormat", "httpCorrelationProtocol"} & set(one.inputs)):
                    yield one.name, f"{key} is for Application Insights alone"


def _limited(resources: Resources) -> Iterator[Finding]:
    limited = set()
    for one in resources.of("apimanagement:ProductPolicy"):
        root = parsed(one)
        if root is not None and {"rate-limit", "quota"} <= {step.tag for step in root.iter()}:
            limited.add(one.inputs["productId"])
    for one in resources.of("apimanagement:Product"):
        if one.inputs["productId"] not in limited:
            yield one.name, "a subscription without rate limit and quota"


def _subscribed(resources: Resources) -> Iterator[Finding]:
    named = {one.inputs["apiId"] for one in resources.of("apimanagement:ApiPolicy") if _names_callers(parsed(one))}
    for one in resources.of("apimanagement:Api"):
        if one.inputs.get("subscriptionRequired") is not True and one.inputs["apiId"] not in named:
            yield one.name, "open to every caller of the tenant"
        if list(one.inputs.get("protocols", ())) != ["https"]:
            yield one.name, "not HTTPS only"


def _asked(resources: Resources) -> Iterator[Finding]:
    """Where no certificate is asked for at the handshake, the policy that wants one refuses everybody."""
    wanted = any(
        root.find("inbound/validate-client-certificate") is not None
        for one in resources.of("apimanagement:ApiPolicy")
        if (root := parsed(one)) is not None
    )
    for one in resources.of("apimanagement:ApiManagementService") if wanted else ():
        hosts = [host for host in at(one.inputs, "hostnameConfigurations") or () if host["type"] == "Proxy"]
        asks = one.inputs.get("enableClientCertificate") is True
        if TIERS[at(one.inputs, "sku.name")].asks_by_host:
            asks = bool(hosts) and all(host.get("negotiateClientCertificate") is True for host in hosts)
        if not asks:
            yield one.name, "partners must show a certificate, and no host name asks for one"


def _names_callers(root: ElementTree.Element | None) -> bool:
    claims = root.iter("claim") if root is not None else ()
    return any(claim.get("name") == "oid" and len(claim) > 0 for claim in claims)


RULES = (
    Rule("well-formed", "Policies are strict XML with all sections.", _well_formed),
    Rule("signed-in", "Every API asks for a token, and goes on with the gateway's own.", _signed_in),
    Rule("silent", "Nothing of a request or answer is written down.", _silent),
    Rule("fits-tier", "Only what the tier has.", _fits_tier),
    Rule("limited", "Every product has a rate limit and a quota.", _limited),
    Rule("asked", "Where a partner must show a certificate, the gateway asks for one.", _asked),
    Rule("subscribed", "Every API needs a subscription, or names its callers one by one; HTTPS only.", _subscribed),
)
