"""Defects to plant in the wide bundle, each with what must be said of it.

A defect names the resource by type (its first entry), the change, and the finding: code and rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.unit.fhir.samples import HL7, Json, coded, refer, urn, wide_bundle

Change = Callable[[Json], object]


class Defect(NamedTuple):
    """One thing wrong with one resource of a bundle that is else valid.

    Attributes:
        name: What is wrong.
        resource: Type of the resource, or ``Bundle``, or ``entry`` for the first entry.
        change: Plants it.
        code: Code of the finding.
        rule: Its detail.
        judge_is_silent: The other judge does not look for it.
    """

    name: str
    resource: str
    change: Change
    code: str
    rule: str
    judge_is_silent: bool = False


def plant(defect: Defect) -> Json:
    """Return the wide bundle with one defect."""
    bundle = wide_bundle()
    if defect.resource == "Bundle":
        defect.change(bundle)
    elif defect.resource == "entry":
        defect.change(bundle["entry"][0])
    else:
        resources = (entry["resource"] for entry in bundle["entry"])
        defect.change(next(item for item in resources if item["resourceType"] == defect.resource))
    return bundle


def put(path: str, value: Any) -> Change:
    """Return a change that sets ``name.0.given``: names of elements and indexes, dots between."""

    def change(resource: Json) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        node: Any = resource
        for step in way:
            node = node[step]
        node[last] = value

    return change


def drop(path: str) -> Change:
    """Return a change that removes an element."""

    def change(resource: Json) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        node: Any = resource
        for step in way:
            node = node[step]
        del node[last]

    return change


def both(*changes: Change) -> Change:
    """Return several changes as one."""
    return lambda resource: [change(resource) for change in changes]


URL = {"url": "http://example.org/x"}
INACTIVE = coded(HL7 + "allergyintolerance-verification", "entered-in-error")
CODES = "required value set "

DEFECTS: tuple[Defect, ...] = (
    # Structure.
    Defect("unknown element", "Patient", put("surname", "X"), "fhir_unknown", "1 unknown elements"),
    Defect("unknown element of a data type", "Patient", put("name.0.first", "X"), "fhir_unknown", "1 unknown elements"),
    Defect("element of another resource", "Encounter", put("patient", refer(1)), "fhir_unknown", "1 unknown elements"),
    Defect("underscore on an object", "Patient", put("_name", [{"id": "x"}]), "fhir_unknown", "1 unknown elements"),
    Defect("no status", "Observation", drop("status"), "fhir_missing", "status is required"),
    Defect("no code", "Observation", drop("code"), "fhir_missing", "code is required"),
    Defect("no class", "Encounter", drop("class"), "fhir_missing", "class is required"),
    Defect("no intent", "ServiceRequest", drop("intent"), "fhir_missing", "intent is required"),
    Defect("no participant", "Appointment", drop("participant"), "fhir_missing", "participant is required"),
    Defect(
        "no url on an extension", "Patient", put("extension", [{"valueCode": "x"}]), "fhir_missing", "url is required"
    ),
    Defect("no method", "entry", drop("request.method"), "fhir_missing", "method is required"),
    Defect("object for a list", "Patient", put("name", {"family": "X"}), "fhir_type", "repeats"),
    Defect("list for an object", "Encounter", put("subject", [refer(1)]), "fhir_type", "is no Reference"),
    Defect("text for an object", "Patient", put("maritalStatus", "M"), "fhir_type", "is no CodeableConcept"),
    Defect("text for a list", "Patient", put("name.0.given", "Ada"), "fhir_type", "repeats"),
    Defect("empty list", "Patient", put("telecom", []), "fhir_cardinality", "minItems"),
    Defect("empty object", "Patient", put("maritalStatus", {}), "fhir_invariant", "ele-1"),
    Defect("id alone", "Patient", put("maritalStatus", {"id": "x"}), "fhir_invariant", "ele-1"),
    Defect("null", "Patient", put("gender", None), "fhir_code", CODES + "administrative-gender"),
    Defect("null in a list", "Patient", put("name.0.given", [None, "Ada"]), "fhir_type", "is no string"),
    Defect("unknown resource type", "Practitioner", put("resourceType", "Doctor"), "fhir_type", "resourceType"),
    Defect("no resource type", "Practitioner", drop("resourceType"), "fhir_missing", "resourceType is required"),
    # Primitives.
    Defect("number for text", "Patient", put("name.0.family", 7), "fhir_type", "is no string"),
    Defect("text for a boolean", "Patient", put("active", "true"), "fhir_type", "is no boolean"),
    Defect("text for a decimal", "Observation", put("valueQuantity.value", "5.5"), "fhir_type", "is no decimal"),
    Defect("boolean for a decimal", "Observation", put("valueQuantity.value", True), "fhir_type", "is no decimal"),
    Defect("fraction for an integer", "Appointment", put("minutesDuration", 1.5), "fhir_type", "is no positiveInt"),
    Defect("1.0 for an integer", "Appointment", put("minutesDuration", 1.0), "fhir_type", "is no positiveInt", True),
    Defect("zero for a positive", "Appointment", put("minutesDuration", 0), "fhir_primitive", "is no positiveInt"),
    Defect("empty text", "Patient", put("name.0.family", ""), "fhir_primitive", "is no string"),
    Defect("blank text", "Patient", put("name.0.family", "  "), "fhir_primitive", "is no string"),
    Defect("control character", "Patient", put("name.0.family", "a\x0bb"), "fhir_primitive", "is no string", True),
    Defect("HL7 date", "Patient", put("birthDate", "19790814"), "fhir_primitive", "is no date"),
    Defect("date with a time", "Patient", put("birthDate", "1979-08-14T00:00:00Z"), "fhir_primitive", "is no date"),
    Defect("30 February", "Patient", put("birthDate", "1979-02-30"), "fhir_primitive", "is no date"),
    Defect("29 February 1900", "Patient", put("birthDate", "1900-02-29"), "fhir_primitive", "is no date"),
    Defect("month 13", "Condition", put("abatementDateTime", "2024-13"), "fhir_primitive", "is no dateTime"),
    Defect(
        "time without zone",
        "Observation",
        put("effectiveDateTime", "2024-03-12T10:14:00"),
        "fhir_primitive",
        "is no dateTime",
    ),
    Defect("time to the minute", "Observation", put("issued", "2024-03-12T10:14Z"), "fhir_primitive", "is no instant"),
    Defect("instant without time", "Observation", put("issued", "2024-03-12"), "fhir_primitive", "is no instant"),
    Defect("id with an underscore", "Patient", put("id", "p_1"), "fhir_primitive", "is no id"),
    Defect("id of 65", "Patient", put("id", "p" * 65), "fhir_primitive", "is no id"),
    Defect("uri with a space", "Patient", put("identifier.0.system", "urn:oid 2"), "fhir_primitive", "is no uri"),
    Defect("code with two spaces", "Observation", put("code.coding.0.code", "a  b"), "fhir_primitive", "is no code"),
    Defect("code that ends in a space", "Observation", put("code.coding.0.code", "a "), "fhir_primitive", "is no code"),
    Defect(
        "broken base64",
        "DiagnosticReport",
        put("presentedForm.0.data", "aGVsbG8"),
        "fhir_primitive",
        "is no base64Binary",
    ),
    Defect(
        "script in a narrative",
        "Patient",
        put("text", {"status": "generated", "div": "<div><script>x</script></div>"}),
        "fhir_invariant",
        "txt-1",
    ),
    Defect(
        "narrative that is no div",
        "Patient",
        put("text", {"status": "generated", "div": "Ada"}),
        "fhir_invariant",
        "txt-1",
    ),
    Defect(
        "empty narrative",
        "Patient",
        put("text", {"status": "generated", "div": "<div> </div>"}),
        "fhir_invariant",
        "txt-2",
        True,
    ),
    # Codes.
    Defect("status of HL7 v2", "Observation", put("status", "F"), "fhir_code", CODES + "observation-status"),
    Defect("misspelt status", "Encounter", put("status", "finishd"), "fhir_code", CODES + "encounter-status"),
    Defect("gender of HL7 v2", "Patient", put("gender", "F"), "fhir_code", CODES + "administrative-gender"),
    Defect("use of a name", "Patient", put("name.0.use", "L"), "fhir_code", CODES + "name-use"),
    Defect(
        "system of a telecom", "Patient", put("telecom.0.system", "PH"), "fhir_code", CODES + "contact-point-system"
    ),
    Defect("method", "entry", put("request.method", "UPSERT"), "fhir_code", CODES + "http-verb"),
    Defect(
        "comparator", "Observation", put("valueQuantity.comparator", "="), "fhir_code", CODES + "quantity-comparator"
    ),
    Defect(
        "category", "AllergyIntolerance", put("category", ["drug"]), "fhir_code", CODES + "allergy-intolerance-category"
    ),
    Defect(
        "concept without its required code",
        "AllergyIntolerance",
        put("clinicalStatus", {"text": "active"}),
        "fhir_code",
        CODES + "allergyintolerance-clinical",
    ),
    Defect(
        "concept with a code of another system",
        "Condition",
        put("clinicalStatus", coded("urn:x", "resolved")),
        "fhir_code",
        CODES + "condition-clinical",
    ),
    # Choices.
    Defect("two values", "Observation", put("valueString", "5"), "fhir_choice", "one of value[x]"),
    Defect(
        "value and the extensions of another",
        "Observation",
        put("_valueBoolean", {"extension": [URL | {"valueCode": "x"}]}),
        "fhir_choice",
        "one of value[x]",
    ),
    Defect(
        "no medication", "MedicationRequest", drop("medicationCodeableConcept"), "fhir_choice", "one of medication[x]"
    ),
    Defect("type a choice has not", "Patient", put("deceasedString", "yes"), "fhir_unknown", "1 unknown elements"),
    # Invariants.
    Defect("telecom without system", "Patient", drop("telecom.0.system"), "fhir_invariant", "cpt-2"),
    Defect("contact without detail", "Patient", put("contact", [{"gender": "male"}]), "fhir_invariant", "pat-1"),
    Defect("organization without name", "Organization", drop("name"), "fhir_invariant", "org-1"),
    Defect("home address of an organization", "Organization", put("address.0.use", "home"), "fhir_invariant", "org-2"),
    Defect("home telecom of an organization", "Organization", put("telecom.0.use", "home"), "fhir_invariant", "org-3"),
    Defect(
        "absent reason beside a value", "Observation", put("dataAbsentReason", {"text": "x"}), "fhir_invariant", "obs-6"
    ),
    Defect(
        "component with the code of the whole",
        "Observation",
        put("component", [{"code": coded("http://loinc.org", "2345-7"), "valueString": "x"}]),
        "fhir_invariant",
        "obs-7",
    ),
    Defect(
        "reference range that says nothing",
        "Observation",
        put("referenceRange", [{"type": {"text": "x"}}]),
        "fhir_invariant",
        "obs-3",
    ),
    Defect("unit code without system", "Observation", drop("valueQuantity.system"), "fhir_invariant", "qty-3"),
    Defect(
        "data without content type", "DiagnosticReport", drop("presentedForm.0.contentType"), "fhir_invariant", "att-1"
    ),
    Defect(
        "period that ends before it starts",
        "Encounter",
        put("period.end", "2024-03-12T08:00:00+00:00"),
        "fhir_invariant",
        "per-1",
    ),
    Defect(
        "period that ends before by its zone",
        "Encounter",
        put("period.end", "2024-03-12T09:00:00+01:00"),
        "fhir_invariant",
        "per-1",
    ),
    Defect("period whose order is not known", "Encounter", put("period.end", "2024-03-12"), "fhir_invariant", "per-1"),
    Defect(
        "range upside down",
        "MedicationRequest",
        put("dosageInstruction.0.doseAndRate.0.doseRange.high.value", 0),
        "fhir_invariant",
        "rng-2",
        True,
    ),
    Defect(
        "ratio of one",
        "MedicationRequest",
        drop("dosageInstruction.0.doseAndRate.0.rateRatio.denominator"),
        "fhir_invariant",
        "rat-1",
    ),
    Defect(
        "period of a timing without unit",
        "ServiceRequest",
        drop("occurrenceTiming.repeat.periodUnit"),
        "fhir_invariant",
        "tim-2",
    ),
    Defect(
        "negative period of a timing",
        "ServiceRequest",
        put("occurrenceTiming.repeat.period", -8),
        "fhir_invariant",
        "tim-5",
    ),
    Defect("details without an order", "ServiceRequest", drop("code"), "fhir_invariant", "prr-1"),
    Defect("allergy without status", "AllergyIntolerance", drop("clinicalStatus"), "fhir_invariant", "ait-1"),
    Defect(
        "erroneous allergy with status",
        "AllergyIntolerance",
        put("verificationStatus", INACTIVE),
        "fhir_invariant",
        "ait-2",
    ),
    Defect(
        "over, and active",
        "Condition",
        put("clinicalStatus", coded(HL7 + "condition-clinical", "active")),
        "fhir_invariant",
        "con-4",
    ),
    Defect(
        "erroneous condition with status",
        "Condition",
        put("verificationStatus", coded(HL7 + "condition-ver-status", "entered-in-error")),
        "fhir_invariant",
        "con-5",
    ),
    Defect("stage that says nothing", "Condition", put("stage", [{"type": {"text": "x"}}]), "fhir_invariant", "con-1"),
    Defect("participant who is nobody", "Appointment", drop("participant.0.actor"), "fhir_invariant", "app-1"),
    Defect("start without end", "Appointment", drop("end"), "fhir_invariant", "app-2"),
    Defect("booked without a time", "Appointment", both(drop("start"), drop("end")), "fhir_invariant", "app-3"),
    Defect(
        "reason to cancel what is booked",
        "Appointment",
        put("cancelationReason", {"text": "x"}),
        "fhir_invariant",
        "app-4",
    ),
    Defect(
        "handed over before prepared",
        "MedicationDispense",
        put("whenHandedOver", "2024-03-12T07:00:00Z"),
        "fhir_invariant",
        "mdd-1",
    ),
    Defect("extension that says nothing", "Patient", put("extension", [URL]), "fhir_invariant", "ext-1"),
    Defect(
        "extension that says two things",
        "Patient",
        put("extension", [URL | {"valueCode": "x", "extension": [URL | {"valueCode": "x"}]}]),
        "fhir_invariant",
        "ext-1",
    ),
    Defect(
        "contained in contained",
        "MedicationDispense",
        put("contained.0.contained", [{"resourceType": "Basic"}]),
        "fhir_invariant",
        "dom-2",
    ),
    Defect(
        "contained, not referred to",
        "MedicationDispense",
        put("medicationReference", refer(1) | {"reference": "Medication/1"}),
        "fhir_invariant",
        "dom-3",
    ),
    Defect(
        "contained with a version",
        "MedicationDispense",
        put("contained.0.meta", {"versionId": "1"}),
        "fhir_invariant",
        "dom-4",
    ),
    Defect(
        "contained with a label",
        "MedicationDispense",
        put("contained.0.meta", {"security": [{"code": "R"}]}),
        "fhir_invariant",
        "dom-5",
        True,
    ),
    Defect(
        "contained and invalid",
        "MedicationDispense",
        put("contained.0.status", "on"),
        "fhir_code",
        CODES + "medication-status",
    ),
    # References.
    Defect(
        "contained that is not there",
        "MedicationDispense",
        put("medicationReference.reference", "#pill"),
        "fhir_reference",
        "ref-1",
    ),
    Defect(
        "entry that is not there",
        "Encounter",
        put("subject", refer(99)),
        "fhir_reference",
        "leads nowhere in the bundle",
    ),
    Defect(
        "subject that is a place", "Encounter", put("subject", refer(5)), "fhir_reference", "may not refer to Location"
    ),
    Defect(
        "relative target of a wrong type",
        "Encounter",
        put("subject.reference", "Location/1"),
        "fhir_reference",
        "may not refer to Location",
    ),
    Defect(
        "type that is not the target's",
        "Encounter",
        put("subject.type", "Group"),
        "fhir_reference",
        "type is not that of the target",
    ),
    Defect(
        "relative target of no type",
        "Encounter",
        put("subject.reference", "Persn/1"),
        "fhir_reference",
        "names no resource type",
    ),
    Defect(
        "words for a reference",
        "Encounter",
        put("subject.reference", "the patient"),
        "fhir_reference",
        "is no reference",
    ),
    Defect(
        "extension that leads nowhere",
        "Patient",
        put("extension", [URL | {"valueReference": refer(99)}]),
        "fhir_reference",
        "leads nowhere in the bundle",
    ),
    # Bundle.
    Defect("one address twice", "Bundle", put("entry.1.fullUrl", urn(1)), "fhir_invariant", "bdl-7"),
    Defect("relative address", "entry", put("fullUrl", "Patient/p1"), "fhir_url", "is not absolute"),
    Defect("uuid in capitals", "entry", put("fullUrl", urn(1).replace("f1f", "F1F")), "fhir_url", "is not absolute"),
    Defect("no request in a transaction", "entry", drop("request"), "fhir_invariant", "bdl-3"),
    Defect("response in a transaction", "entry", put("response", {"status": "200"}), "fhir_invariant", "bdl-4"),
    Defect("request in a collection", "Bundle", put("type", "collection"), "fhir_invariant", "bdl-3"),
    Defect("search in a transaction", "entry", put("search", {"mode": "match"}), "fhir_invariant", "bdl-2"),
    Defect("total of a transaction", "Bundle", put("total", 3), "fhir_invariant", "bdl-1"),
    Defect(
        "version in an address", "entry", put("fullUrl", "http://x.org/Patient/1/_history/1"), "fhir_invariant", "bdl-8"
    ),
    Defect("message without header", "Bundle", put("type", "message"), "fhir_invariant", "bdl-12"),
    Defect(
        "document without date", "Bundle", both(put("type", "document"), drop("timestamp")), "fhir_invariant", "bdl-10"
    ),
    Defect("document without identifier", "Bundle", put("type", "document"), "fhir_invariant", "bdl-9"),
    Defect("document without composition", "Bundle", put("type", "document"), "fhir_invariant", "bdl-11"),
    Defect("type of bundle", "Bundle", put("type", "transacton"), "fhir_code", CODES + "bundle-type"),
    Defect(
        "said twice",
        "Bundle",
        lambda bundle: bundle["entry"].append(bundle["entry"][2] | {"fullUrl": urn(98)}),
        "fhir_duplicate",
        "repeats another",
        True,
    ),
)
