"""STU3 (3.0.2) to R4. Source: the section "R3/R4 changes" of each R4 resource page (hl7.org/fhir/R4/diff.html)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.fhir.releases.rules import Json, Rule, as_concept, as_list, coded, codes, extend, rename

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_TERMS = "http://terminology.hl7.org/CodeSystem/"
RENAMED = {"ProcedureRequest": "ServiceRequest"}
_IN_ENCOUNTER = rename("context", "encounter")


def change_types(value: Any) -> None:
    """Change data types that R4 writes otherwise: Money was a Quantity whose code is the currency."""
    if isinstance(value, dict):
        if value.get("system") == "urn:iso:std:iso:4217" and "value" in value:
            currency = value.pop("code", None) or value.pop("unit", None)
            value.pop("system")
            value.pop("unit", None)
            if currency:
                value["currency"] = currency
        for inner in value.values():
            change_types(inner)
    elif isinstance(value, list):
        for inner in value:
            change_types(inner)


def animal(patient: Json) -> None:
    """Patient.animal is an extension of the standard in R4."""
    found = patient.pop("animal", None)
    if isinstance(found, dict):
        parts = [{"url": name, "valueCodeableConcept": found[name]} for name in found if isinstance(found[name], dict)]
        patient.setdefault("extension", []).append({"url": _EXTENSION + "patient-animal", "extension": parts})


def related(observation: Json) -> None:
    """Observation.related is hasMember or derivedFrom; the other kinds have no element."""
    left = []
    for one in observation.pop("related", ()):
        element = {"has-member": "hasMember", "derived-from": "derivedFrom"}.get(one.get("type", ""))
        if element and "target" in one:
            observation.setdefault(element, []).append(one["target"])
        else:
            left.append(one)
    if left:
        observation["related"] = left


def comment(observation: Json) -> None:
    """Observation.comment is a note."""
    if "comment" in observation:
        observation.setdefault("note", []).append({"text": observation.pop("comment")})


def performers(report: Json) -> None:
    """DiagnosticReport.performer is a reference; the role of one has no element."""
    found = report.get("performer", [])
    actors = [one["actor"] for one in found if isinstance(one, dict) and "actor" in one]
    roles = [one["role"] for one in found if isinstance(one, dict) and "role" in one]
    if actors:
        report["performer"] = actors
    if roles:
        report["performerRole"] = roles


def requester(order: Json) -> None:
    """ServiceRequest.requester is a reference; on whose behalf has no element."""
    found = order.get("requester")
    if isinstance(found, dict) and "agent" in found:
        order["requester"] = found.pop("agent")
        if found:
            order["requesterOnBehalfOf"] = found


def grouping(coverage: Json) -> None:
    """Coverage.grouping is a list of classes."""
    found = coverage.pop("grouping", None)
    if not isinstance(found, dict):
        return
    names = {"group": "group", "subGroup": "subgroup", "plan": "plan", "subPlan": "subplan"}
    names |= {"class": "class", "subClass": "subclass"}
    for element, code in names.items():
        value, shown = found.pop(element, None), found.pop(f"{element}Display", None)
        if value or shown:
            kind = {"coding": [{"system": _TERMS + "coverage-class", "code": code}]}
            entry = {"type": kind, "value": value or shown, **({"name": shown} if value and shown else {})}
            coverage.setdefault("class", []).append(entry)
    if found:
        coverage["grouping"] = found


def not_done(procedure: Json) -> None:
    """Procedure.notDone is a status, with its reason."""
    if procedure.pop("notDone", False):
        procedure["status"] = "not-done"
    if "notDoneReason" in procedure:
        procedure["statusReason"] = procedure.pop("notDoneReason")


def immunization(vaccine: Json) -> None:
    """Immunization: what was not given is a status, the explanation two elements, the protocol another one."""
    if vaccine.pop("notGiven", False):
        vaccine["status"] = "not-done"
    explanation = vaccine.pop("explanation", None) or {}
    if explanation.get("reason"):
        vaccine["reasonCode"] = explanation.pop("reason")
    reasons = explanation.get("reasonNotGiven", [])
    if len(reasons) == 1:
        vaccine["statusReason"] = explanation.pop("reasonNotGiven")[0]
    if explanation:
        vaccine["explanation"] = explanation
    for one in vaccine.pop("vaccinationProtocol", ()):
        kept = {"series": "series", "authority": "authority", "targetDisease": "targetDisease"}
        kept |= {"doseSequence": "doseNumberPositiveInt", "seriesDoses": "seriesDosesPositiveInt"}
        applied = {new: one.pop(old) for old, new in kept.items() if old in one}
        vaccine.setdefault("protocolApplied", []).append({**applied, **one})


def provenance_agents(provenance: Json) -> None:
    """Provenance: the agent, and what was used, are one reference each."""
    for part, names in (("agent", ("who", "onBehalfOf")), ("entity", ("what",))):
        for one in provenance.get(part, ()):
            for name in names:
                if f"{name}Reference" in one:
                    one[name] = one.pop(f"{name}Reference")
                elif f"{name}Uri" in one:
                    one[name] = {"reference": one.pop(f"{name}Uri")}


def receiver(header: Json) -> None:
    """MessageHeader.receiver belongs to its destination."""
    if "receiver" in header and len(header.get("destination", ())) == 1:
        header["destination"][0].setdefault("receiver", header.pop("receiver"))


def related_documents(document: Json) -> None:
    """DocumentReference.context.related is a reference, whose identifier stands in it."""
    context = document.get("context")
    found = context.get("related", []) if isinstance(context, dict) else []
    if isinstance(context, dict) and found:
        pairs = [(one.get("ref"), one.get("identifier")) for one in found]
        context["related"] = [{**(ref or {}), **({"identifier": number} if number else {})} for ref, number in pairs]


def unknown_verification(condition: Json) -> None:
    """R4 has no code for an unknown verification: without one it is unknown."""
    if condition.get("verificationStatus") == "unknown":
        del condition["verificationStatus"]


RULES: Mapping[str, tuple[Rule, ...]] = {
    "Patient": (animal,),
    "Encounter": (
        rename("reason", "reasonCode"),
        rename("diagnosis.role", "use"),
        rename("incomingReferral", "basedOn"),
    ),
    "Observation": (
        _IN_ENCOUNTER,
        comment,
        related,
        as_list("interpretation"),
        as_list("component.interpretation"),
        extend(
            "valueAttachment",
            "https://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment",
            "valueAttachment",
        ),
    ),
    "DiagnosticReport": (
        _IN_ENCOUNTER,
        performers,
        as_list("category"),
        rename("codedDiagnosis", "conclusionCode"),
        rename("image", "media"),
    ),
    "ProcedureRequest": (
        _IN_ENCOUNTER,
        requester,
        as_list("performer"),
        codes("status", {"suspended": "on-hold", "cancelled": "revoked"}),
    ),
    "AllergyIntolerance": (
        as_concept("clinicalStatus", _TERMS + "allergyintolerance-clinical"),
        as_concept("verificationStatus", _TERMS + "allergyintolerance-verification"),
        rename("assertedDate", "recordedDate"),
    ),
    "Condition": (
        _IN_ENCOUNTER,
        unknown_verification,
        as_concept("clinicalStatus", _TERMS + "condition-clinical"),
        as_concept("verificationStatus", _TERMS + "condition-ver-status"),
        rename("assertedDate", "recordedDate"),
        as_list("stage"),
    ),
    "Coverage": (grouping,),
    "Account": (as_list("subject"), rename("period", "servicePeriod")),
    "Appointment": (
        rename("reason", "reasonCode"),
        rename("indication", "reasonReference"),
        rename("incomingReferral", "basedOn"),
        as_list("serviceCategory"),
    ),
    "Procedure": (_IN_ENCOUNTER, not_done, rename("performer.role", "function")),
    "Immunization": (
        immunization,
        rename("date", "occurrenceDateTime"),
        rename("practitioner", "performer"),
        rename("performer.role", "function"),
    ),
    "DocumentReference": (
        rename("indexed", "date"),
        rename("class", "category"),
        as_list("category"),
        as_list("context.encounter"),
        related_documents,
    ),
    "Location": (as_list("type"),),
    "RelatedPerson": (as_list("relationship"),),
    "MessageHeader": (rename("event", "eventCoding"), receiver),
    "Provenance": (
        rename("period", "occurredPeriod"),
        coded("reason"),
        coded("activity"),
        provenance_agents,
    ),
    "CareTeam": (_IN_ENCOUNTER, as_list("participant.role")),
}
