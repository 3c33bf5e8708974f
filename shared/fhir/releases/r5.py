"""R5 (5.0.0) to R4. Source: the section "R4/R5 changes" of each R5 resource page (hl7.org/fhir/R5/diff.html)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.fhir.releases.rules import (
    Json,
    Rule,
    as_code,
    as_coding,
    as_list,
    codes,
    extend,
    move,
    only,
    rename,
    split,
    split_one,
)

_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
RENAMED: Mapping[str, str] = {}
_REASON = split("reason", "reasonCode", "reasonReference")
# A visit that is over is finished in R4, whether the bill or the plan is: R4 has no word for the difference.
_VISITS = {"completed": "finished", "discharged": "finished", "discontinued": "finished", "on-hold": "onleave"}
_DOCUMENTS = {"corrected": "amended", "appended": "amended", "partial": "preliminary", "registered": "preliminary"}
_OCCURRENCES = ("DateTime", "Period", "String", "Age", "Range")


def change_types(value: Any) -> None:
    """Change data types that R4 writes otherwise: Attachment.size is a number, no integer64."""
    if isinstance(value, dict):
        size = value.get("size")
        if isinstance(size, str) and size.isascii() and size.isdigit() and len(size) < 10:
            value["size"] = int(size)
        for inner in value.values():
            change_types(inner)
    elif isinstance(value, list):
        for inner in value:
            change_types(inner)


def reasons(visit: Json) -> None:
    """Encounter.reason: its values are codes and references; what they were used for has no element."""
    left = []
    for one in visit.pop("reason", ()):
        for value in one.pop("value", ()):
            for kind, element in (("concept", "reasonCode"), ("reference", "reasonReference")):
                if kind in value:
                    visit.setdefault(element, []).append(value[kind])
        if one:
            left.append(one)
    if left:
        visit["reason"] = left


def diagnoses(visit: Json) -> None:
    """Encounter.diagnosis: one for each condition; a condition that is only a code has no element."""
    found = []
    for one in visit.pop("diagnosis", ()):
        conditions, uses = one.pop("condition", []), one.pop("use", [])
        for value in conditions:
            if "reference" in value:
                found.append({"condition": value["reference"], **({"use": uses[0]} if uses else {})})
            else:
                visit.setdefault("diagnosisWithoutCondition", []).append(value)
        if len(uses) > 1 or not conditions:
            visit.setdefault("diagnosisUse", []).extend(uses[1:] if conditions else uses)
    if found:
        visit["diagnosis"] = found


def organization_contacts(organization: Json) -> None:
    """Organization.contact: one without name and purpose is telecom and address of the organization itself."""
    found = []
    for one in organization.pop("contact", ()):
        if not one.keys() & {"name", "purpose", "organization"}:
            organization.setdefault("telecom", []).extend(one.pop("telecom", []))
            if "address" in one:
                organization.setdefault("address", []).append(one.pop("address"))
        else:
            names = one.pop("name", [])
            found.append({**one, **({"name": names[0]} if names else {})})
            if len(names) > 1:
                found[-1]["furtherName"] = names[1:]
    if found:
        organization["contact"] = found
    if "telecom" in organization and not organization["telecom"]:
        del organization["telecom"]


def contact_telecoms(resource: Json) -> None:
    """Location, PractitionerRole: the telecom of a contact is that of the resource."""
    for one in resource.get("contact", ()):
        found = one.pop("telecom", [])
        if found:
            resource["telecom"] = [*resource.get("telecom", ()), *found]


def languages(practitioner: Json) -> None:
    """Practitioner.communication is the language alone."""
    found = practitioner.get("communication", [])
    if found and all(isinstance(one, dict) and one.keys() == {"language"} for one in found):
        practitioner["communication"] = [one["language"] for one in found]
    elif found:
        practitioner["communication"] = [one["language"] for one in found if "language" in one]
        practitioner["communicationPreferred"] = [one["preferred"] for one in found if "preferred" in one]


def recorders(resource: Json) -> None:
    """AllergyIntolerance, Condition: an author recorded it, an informant asserts it."""
    left = []
    for one in resource.pop("participant", ()):
        roles = {each.get("code") for each in one.get("function", {}).get("coding", ())}
        element = "recorder" if roles & {"author", "enterer"} else "asserter" if "informant" in roles else ""
        if element and element not in resource and "actor" in one:
            resource[element] = one["actor"]
        else:
            left.append(one)
    if left:
        resource["participant"] = left


def evidence(condition: Json) -> None:
    """Condition.evidence: codes and details."""
    found = condition.get("evidence", [])
    pairs = (("concept", "code"), ("reference", "detail"))
    parts = [{new: [one[old]] for old, new in pairs if old in one} for one in found if isinstance(one, dict)]
    if found:
        condition["evidence"] = parts


def coverage(plan: Json) -> None:
    """Coverage: the insurer and who pays are payors; numbers are text."""
    payors = [plan.pop("insurer")] if "insurer" in plan else []
    payors += [one.pop("party") for one in plan.get("paymentBy", ()) if "party" in one]
    if payors:
        plan["payor"] = payors
    plan["paymentBy"] = [one for one in plan.get("paymentBy", ()) if one]
    if not plan["paymentBy"]:
        del plan["paymentBy"]
    numbers = plan.get("subscriberId", [])
    if len(numbers) == 1 and isinstance(numbers[0], dict) and "value" in numbers[0]:
        plan["subscriberId"] = numbers[0]["value"]
    for one in plan.get("class", ()):
        if isinstance(one.get("value"), dict) and "value" in one["value"]:
            one["value"] = one["value"]["value"]


def required_participants(appointment: Json) -> None:
    """Appointment.participant.required is a code."""
    for one in appointment.get("participant", ()):
        if isinstance(one.get("required"), bool):
            one["required"] = "required" if one["required"] else "optional"


def instructions(resource: Json) -> None:
    """Appointment and ServiceRequest: what the patient is told is one text."""
    found = resource.get("patientInstruction", [])
    texts = [
        one.get("instructionMarkdown") or one.get("concept", {}).get("text") for one in found if isinstance(one, dict)
    ]
    if found and all(texts):
        resource["patientInstruction"] = "\n".join(texts)


def doses(vaccine: Json) -> None:
    """Immunization.protocolApplied: the numbers of doses are texts in R5 and say so in R4."""
    for one in vaccine.get("protocolApplied", ()):
        for element in ("doseNumber", "seriesDoses"):
            if element in one:
                one[f"{element}String"] = one.pop(element)


def document_context(document: Json) -> None:
    """DocumentReference: the visit, and what stands beside it in R5, are its context."""
    links = document.pop("context", [])
    within: Json = {}
    if links:
        within["encounter"] = links
    for element in ("facilityType", "practiceSetting", "period"):
        if element in document:
            within[element] = document.pop(element)
    events = document.pop("event", [])
    concepts = [one["concept"] for one in events if "concept" in one]
    if concepts:
        within["event"] = concepts
    if any("reference" in one for one in events):
        document["eventReference"] = [one["reference"] for one in events if "reference" in one]
    if within:
        document["context"] = within


def attesters(document: Json) -> None:
    """DocumentReference.attester: one party is the authenticator; how and when have no element."""
    found = document.get("attester", [])
    if len(found) == 1 and "party" in found[0]:
        document["authenticator"] = found[0].pop("party")


def formats(document: Json) -> None:
    """DocumentReference.content.profile: a Coding is the format."""
    for content in document.get("content", ()):
        profiles = content.get("profile", [])
        if len(profiles) == 1 and "valueCoding" in profiles[0]:
            content["format"] = content.pop("profile")[0]["valueCoding"]


def episode_diagnoses(episode: Json) -> None:
    """EpisodeOfCare.diagnosis: one for each condition."""
    found = [
        {"condition": value["reference"], **({"role": one["use"]} if "use" in one else {})}
        for one in episode.get("diagnosis", ())
        for value in one.get("condition", ())
        if "reference" in value
    ]
    if found:
        episode["diagnosis"] = found


RULES: Mapping[str, tuple[Rule, ...]] = {
    "Encounter": (
        codes("status", _VISITS),
        as_coding("class"),
        split_one("serviceType", "serviceType"),
        rename("participant.actor", "individual"),
        rename("actualPeriod", "period"),
        extend("plannedStartDate", _R5 + "Encounter.plannedStartDate", "valueDateTime"),
        extend("plannedEndDate", _R5 + "Encounter.plannedEndDate", "valueDateTime"),
        reasons,
        diagnoses,
        rename("admission", "hospitalization"),
        move("dietPreference", "hospitalization"),
        move("specialArrangement", "hospitalization"),
        move("specialCourtesy", "hospitalization"),
        rename("location.form", "physicalType"),
    ),
    "Location": (rename("form", "physicalType"), contact_telecoms),
    "Organization": (organization_contacts,),
    "Practitioner": (languages,),
    "PractitionerRole": (contact_telecoms,),
    "Observation": (
        extend(
            "valueAttachment",
            "https://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment",
            "valueAttachment",
        ),
    ),
    "DiagnosticReport": (
        extend("note", _R5 + "DiagnosticReport.note", "valueAnnotation"),
        rename("study", "imagingStudy"),
    ),
    "ServiceRequest": (
        split_one("code", "code"),
        _REASON,
        split("location", "locationCode", "locationReference"),
        split("supportingInfo", reference="supportingInfo"),
        instructions,
    ),
    "Specimen": (split_one("collection.bodySite", "bodySite"), rename("processing.method", "procedure")),
    "AllergyIntolerance": (as_code("type"), recorders, split("reaction.manifestation", "manifestation")),
    "Condition": (recorders, evidence),
    "Coverage": (coverage,),
    "Appointment": (
        rename("cancellationReason", "cancelationReason"),
        split("serviceType", "serviceType"),
        _REASON,
        extend("note", _R5 + "Appointment.note", "valueAnnotation"),
        instructions,
        required_participants,
    ),
    "Procedure": (
        *(rename(f"occurrence{kind}", f"performed{kind}") for kind in _OCCURRENCES),
        _REASON,
        split("complication", "complication", "complicationDetail"),
        split("used", "usedCode", "usedReference"),
    ),
    "Immunization": (
        split_one("manufacturer", reference="manufacturer"),
        _REASON,
        split_one("reaction.manifestation", reference="detail"),
        split_one("informationSource", "reportOrigin"),
        doses,
    ),
    "DocumentReference": (
        codes("docStatus", _DOCUMENTS),
        document_context,
        attesters,
        formats,
        as_code("relatesTo.code"),
    ),
    "MessageHeader": (rename("source.endpointUrl", "endpoint"), rename("destination.endpointUrl", "endpoint")),
    "Provenance": (split("authorization", "reason"),),
    "EpisodeOfCare": (episode_diagnoses,),
    "CareTeam": (_REASON, as_list("participant.role"), rename("participant.coveragePeriod", "period")),
    "Device": (rename("name", "deviceName"), rename("deviceName.value", "name"), only("type")),
}
