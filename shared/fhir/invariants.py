"""The invariants of R4 that one element can be judged by alone, in a table by their key.

Each is a JSON schema of draft 4, added to the definition of its element before a validator is compiled: it costs next
to nothing beside the walk the schema makes anyway. What compares values or looks elsewhere is in
``shared.fhir.coherence``.

Source: the ``constraint`` entries of the StructureDefinitions of https://hl7.org/fhir/R4. Those that are neither here
nor in ``coherence`` are listed in docs/fhir-validation.md with the reason why a mapping cannot break them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Schema = dict[str, Any]
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
UCUM = "http://unitsofmeasure.org"
NEVER: Schema = {"not": {}}


class Invariant(NamedTuple):
    """A rule of one element.

    Attributes:
        key: The key in the standard: ``cpt-2``.
        path: The definition it belongs to: ``ContactPoint``, ``Patient.contact``.
        schema: What the element must satisfy.
    """

    key: str
    path: str
    schema: Schema


def has(*names: str) -> Schema:
    """Want one of the properties at least; extensions alone stand for the value of a primitive."""
    return {"anyOf": [{"required": [key]} for name in names for key in (name, "_" + name)]}


def has_choice(name: str) -> Schema:
    """Want ``name[x]`` of any type."""
    return no(lacks_choice(name))


def lacks(*names: str) -> Schema:
    """Want none of the properties."""
    return no(has(*names))


def lacks_choice(name: str) -> Schema:
    """Want ``name[x]`` of no type."""
    return {"patternProperties": {f"^_?{name}[A-Z]": NEVER}}


def no(schema: Schema) -> Schema:
    """Want the schema not to hold."""
    return {"not": schema}


def one(*schemas: Schema) -> Schema:
    """Want one schema at least to hold."""
    return {"anyOf": list(schemas)}


def every(*schemas: Schema) -> Schema:
    """Want all schemas to hold."""
    return {"allOf": list(schemas)}


def either(first: Schema, second: Schema) -> Schema:
    """Want exactly one of two schemas to hold."""
    return {"oneOf": [first, second]}


def needs(name: str, *others: str) -> Schema:
    """Where ``name`` is, want one of the others."""
    return one(lacks(name), has(*others))


def when(condition: Schema, result: Schema) -> Schema:
    """Where the condition holds, want the result."""
    return one(no(condition), result)


def is_(name: str, *values: str | int | bool) -> Schema:
    """Want the property, with one of the values."""
    return {"properties": {name: {"enum": list(values)}}, "required": [name]}


def where(name: str, schema: Schema) -> Schema:
    """Want what the property holds to satisfy the schema, where it is."""
    return {"properties": {name: schema}}


def each(name: str, schema: Schema) -> Schema:
    """Want every item of the property to satisfy the schema."""
    return where(name, {"items": schema})


def first(name: str, schema: Schema) -> Schema:
    """Want a first item of the property that satisfies the schema."""
    return {"properties": {name: {"items": [schema]}}, "required": [name]}


def coded(name: str, system: str, *codes: str) -> Schema:
    """Want the property, a CodeableConcept, with a coding of the system that has one of the codes."""
    coding = every(is_("system", system), is_("code", *codes))
    concept = {"properties": {"coding": no({"items": no(coding)})}, "required": ["coding"]}
    return {"properties": {name: concept}, "required": [name]}


def unit(required: Schema) -> Schema:
    """Want a code wherever there is a value, and UCUM where there is a system."""
    return every(required, one(lacks("system"), is_("system", UCUM)))


def only_in(types: tuple[str, ...], name: str) -> Schema:
    """Want the property in every entry of bundles of these types, and in no entry of the others."""
    wanted = every(is_("type", *types), each("entry", has(name)))
    return one(wanted, every(no(is_("type", *types)), each("entry", lacks(name))))


PERCENT = every(is_("code", "%"), is_("system", UCUM))
AIT_ERROR = coded("verificationStatus", TERMINOLOGY + "allergyintolerance-verification", "entered-in-error")
CON_ERROR = coded("verificationStatus", TERMINOLOGY + "condition-ver-status", "entered-in-error")
CON_OVER = coded("clinicalStatus", TERMINOLOGY + "condition-clinical", "resolved", "remission", "inactive")
NO_PRACTITIONER = "(^|/)(CareTeam|Organization|Patient|PractitionerRole|RelatedPerson)/"
IS_DOCUMENT = is_("type", "document")
# An url and one thing more, which is not an id: what nearly every extension is. It spares the search among the fifty
# types of its value, which took half of the time of a Patient with phone numbers.
SIMPLE_EXTENSION: Schema = {"required": ["url"], "minProperties": 2, "maxProperties": 2, "not": {"required": ["id"]}}
ON_DATA = is_("type", "data-added", "data-modified", "data-removed", "data-accessed", "data-access-ended")

INVARIANTS: tuple[Invariant, ...] = (
    # Data types.
    Invariant(
        "age-1", "Age", every(unit(needs("value", "code")), where("value", {"minimum": 0, "exclusiveMinimum": True}))
    ),
    Invariant("att-1", "Attachment", needs("data", "contentType")),
    Invariant(
        "cnt-3",
        "Count",
        every(unit(needs("value", "code")), where("code", {"enum": ["1"]}), where("value", {"type": "integer"})),
    ),
    Invariant("cpt-2", "ContactPoint", needs("value", "system")),
    Invariant("dis-1", "Distance", unit(needs("value", "code"))),
    Invariant("drq-1", "DataRequirement.codeFilter", either(has("path"), has("searchParam"))),
    Invariant("drq-2", "DataRequirement.dateFilter", either(has("path"), has("searchParam"))),
    Invariant("drt-1", "Duration", one(lacks("code"), every(is_("system", UCUM), has("value")))),
    Invariant("exp-1", "Expression", has("expression", "reference")),
    Invariant("ext-1", "Extension", one(SIMPLE_EXTENSION, either(has("extension"), has_choice("value")))),
    *(
        Invariant("qty-3", name, needs("code", "system"))
        for name in ("Age", "Count", "Distance", "Duration", "Quantity")
    ),
    Invariant(
        "rat-1",
        "Ratio",
        one(every(has("numerator"), has("denominator")), every(lacks("numerator", "denominator"), has("extension"))),
    ),
    Invariant("tim-1", "Timing.repeat", needs("duration", "durationUnit")),
    Invariant("tim-2", "Timing.repeat", needs("period", "periodUnit")),
    Invariant("tim-4", "Timing.repeat", where("duration", {"minimum": 0})),
    Invariant("tim-5", "Timing.repeat", where("period", {"minimum": 0})),
    Invariant("tim-6", "Timing.repeat", needs("periodMax", "period")),
    Invariant("tim-7", "Timing.repeat", needs("durationMax", "duration")),
    Invariant("tim-8", "Timing.repeat", needs("countMax", "count")),
    Invariant(
        "tim-9",
        "Timing.repeat",
        one(lacks("offset"), every(has("when"), each("when", no({"enum": ["C", "CM", "CD", "CV"]})))),
    ),
    Invariant("tim-10", "Timing.repeat", one(lacks("timeOfDay"), lacks("when"))),
    Invariant("trd-1", "TriggerDefinition", one(lacks("data"), lacks_choice("timing"))),
    Invariant("trd-2", "TriggerDefinition", needs("condition", "data")),
    Invariant(
        "trd-3",
        "TriggerDefinition",
        every(
            when(is_("type", "named-event"), has("name")),
            when(is_("type", "periodic"), has_choice("timing")),
            when(ON_DATA, has("data")),
        ),
    ),
    # Resources.
    Invariant("ait-1", "AllergyIntolerance", one(AIT_ERROR, has("clinicalStatus"))),
    Invariant("ait-2", "AllergyIntolerance", one(no(AIT_ERROR), lacks("clinicalStatus"))),
    Invariant("app-1", "Appointment.participant", has("type", "actor")),
    Invariant("app-2", "Appointment", one(every(has("start"), has("end")), lacks("start", "end"))),
    Invariant(
        "app-3", "Appointment", one(every(has("start"), has("end")), is_("status", "proposed", "cancelled", "waitlist"))
    ),
    Invariant("app-4", "Appointment", one(lacks("cancelationReason"), is_("status", "noshow", "cancelled"))),
    Invariant("apr-1", "AppointmentResponse", has("participantType", "actor")),
    Invariant("bdl-1", "Bundle", one(lacks("total"), is_("type", "searchset", "history"))),
    Invariant("bdl-2", "Bundle", one(is_("type", "searchset"), each("entry", lacks("search")))),
    Invariant("bdl-3", "Bundle", only_in(("batch", "transaction", "history"), "request")),
    Invariant("bdl-4", "Bundle", only_in(("batch-response", "transaction-response", "history"), "response")),
    Invariant("bdl-5", "Bundle.entry", has("resource", "request", "response")),
    Invariant("bdl-8", "Bundle.entry", where("fullUrl", no({"pattern": "/_history/"}))),
    Invariant(
        "bdl-9",
        "Bundle",
        when(IS_DOCUMENT, every(has("identifier"), where("identifier", every(has("system"), has("value"))))),
    ),
    Invariant("bdl-10", "Bundle", when(IS_DOCUMENT, {"required": ["timestamp"]})),
    Invariant(
        "bdl-11", "Bundle", when(IS_DOCUMENT, first("entry", where("resource", is_("resourceType", "Composition"))))
    ),
    Invariant(
        "bdl-12",
        "Bundle",
        when(is_("type", "message"), first("entry", where("resource", is_("resourceType", "MessageHeader")))),
    ),
    Invariant("ces-1", "CoverageEligibilityResponse.insurance.item", either(has("category"), has("productOrService"))),
    Invariant("cmp-1", "Composition.section", has("text", "entry", "section")),
    Invariant("cmp-2", "Composition.section", one(lacks("emptyReason"), lacks("entry"))),
    Invariant("con-1", "Condition.stage", has("summary", "assessment")),
    Invariant("con-2", "Condition.evidence", has("code", "detail")),
    Invariant("con-4", "Condition", one(lacks_choice("abatement"), CON_OVER)),
    Invariant("con-5", "Condition", one(no(CON_ERROR), lacks("clinicalStatus"))),
    Invariant("cpb-1", "CapabilityStatement", has("rest", "messaging", "document")),
    Invariant("cpb-2", "CapabilityStatement", has("description", "software", "implementation")),
    Invariant("cpb-3", "CapabilityStatement", one(is_("kind", "instance"), each("messaging", lacks("endpoint")))),
    Invariant("cpb-14", "CapabilityStatement", when(is_("kind", "instance"), has("implementation"))),
    Invariant(
        "cpb-15",
        "CapabilityStatement",
        when(is_("kind", "capability"), every(lacks("implementation"), has("software"))),
    ),
    Invariant("cpb-16", "CapabilityStatement", when(is_("kind", "requirements"), lacks("implementation", "software"))),
    Invariant("cpl-3", "CarePlan.activity", one(lacks("detail"), lacks("reference"))),
    Invariant(
        "ctm-1",
        "CareTeam.participant",
        one(lacks("onBehalfOf"), where("member", where("reference", no({"pattern": NO_PRACTITIONER})))),
    ),
    Invariant("fhs-1", "FamilyMemberHistory", one(lacks_choice("age"), lacks_choice("born"))),
    Invariant("fhs-2", "FamilyMemberHistory", one(lacks("estimatedAge"), has_choice("age"))),
    Invariant("gol-1", "Goal.target", one(lacks_choice("detail"), has("measure"))),
    Invariant("grp-1", "Group", one(lacks("member"), is_("actual", True))),
    Invariant("imm-1", "Immunization.education", has("documentType", "reference")),
    Invariant("imr-1", "ImmunizationRecommendation.recommendation", has("vaccineCode", "targetDisease")),
    *(
        Invariant("inv-1", "Parameters.parameter", rule)
        for rule in (
            one(lacks("part"), every(lacks_choice("value"), lacks("resource"))),
            one(has("part"), either(has_choice("value"), has("resource"))),
        )
    ),
    Invariant("ipn-1", "InsurancePlan", has("identifier", "name")),
    Invariant("lnk-1", "Linkage", where("item", {"minItems": 2})),
    Invariant("lst-1", "List", one(lacks("emptyReason"), lacks("entry"))),
    Invariant("lst-2", "List", one(is_("mode", "changes"), each("entry", lacks("deleted")))),
    Invariant("lst-3", "List", one(is_("mode", "working"), each("entry", lacks("date")))),
    Invariant("mad-1", "MedicationAdministration.dosage", one(has("dose"), has_choice("rate"))),
    Invariant("obs-3", "Observation.referenceRange", has("low", "high", "text")),
    Invariant("obs-6", "Observation", one(lacks("dataAbsentReason"), lacks_choice("value"))),
    Invariant("org-1", "Organization", has("identifier", "name")),
    Invariant("org-2", "Organization", each("address", no(is_("use", "home")))),
    Invariant("org-3", "Organization", each("telecom", no(is_("use", "home")))),
    Invariant("pat-1", "Patient.contact", has("name", "telecom", "address", "organization")),
    Invariant("ppc-1", "Consent", has("policy", "policyRule")),
    Invariant("prr-1", "ServiceRequest", needs("orderDetail", "code")),
    Invariant("qrs-1", "QuestionnaireResponse.item", one(lacks("answer"), lacks("item"))),
    Invariant(
        "ras-1",
        "RiskAssessment.prediction",
        where("probabilityRange", every(where("low", PERCENT), where("high", PERCENT))),
    ),
    Invariant("ras-2", "RiskAssessment.prediction", where("probabilityDecimal", {"maximum": 100})),
    Invariant("rqg-1", "RequestGroup.action", either(has("resource"), has("action"))),
    Invariant("sev-1", "AuditEvent.entity", one(lacks("name"), lacks("query"))),
)
