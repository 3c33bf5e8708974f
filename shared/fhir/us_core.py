"""US Core 6.1.0: what its profiles require of the resources the mapping makes, as findings and never as a refusal.

Structure and required elements, by hand from the profiles' published cardinalities (hl7.org/fhir/us/core/STU6.1). What
R4 requires itself is R4's to judge; here stands what US Core requires more. Terminology bindings are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.message.finding import Finding

Json = dict[str, Any]
VERSION = "6.1.0"
_TERMS = "http://terminology.hl7.org/CodeSystem/"
_PRESENT_WHEN = frozenset(
    {"partial", "preliminary", "final", "amended", "corrected", "appended"}
)  # us-core-8, us-core-9
_ORDERS = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})  # us-core-21


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile of US Core.

    Attributes:
        name: ``us-core-patient``.
        required: Elements with a cardinality of at least one: ``name``. One below another is required where that one
            is: ``identifier.system``. ``[x]``: of any type.
        is_for: Which resources of the type it is for; the others have no profile here.
        rules: Its invariants, and slices of a fixed code: what is missing, or nothing.
    """

    name: str
    required: tuple[str, ...]
    is_for: Callable[[Json], bool] = lambda resource: True
    rules: tuple[Callable[[Json], str], ...] = ()


def check_bundle(bundle: Json) -> list[Finding]:
    """Return what US Core requires and the resources of a bundle do not have; each element of a type once."""
    entries = bundle.get("entry", ())
    return list(dict.fromkeys(finding for entry in entries for finding in check_us_core(entry.get("resource", {}))))


def check_us_core(resource: Json) -> Iterator[Finding]:
    """Yield ``profile_element_missing`` for each element that US Core requires and a resource does not have.

    An element whose absence is explained by an extension (``_gender``, data-absent-reason) is there: so US Core has it.
    """
    kind = str(resource.get("resourceType"))
    profile = next((one for one in PROFILES.get(kind, ()) if one.is_for(resource)), None)
    if profile is None:
        return
    named = f"{profile.name} {VERSION}"
    for path in profile.required:
        if _is_missing(resource, path.split(".")):
            yield Finding("profile_element_missing", f"{kind}.{path}", named)
    for rule in profile.rules:
        missing = rule(resource)
        if missing:
            yield Finding("profile_element_missing", f"{kind}.{missing}", named)


def _is_missing(holder: Any, path: list[str]) -> bool:
    name, *rest = path
    if not isinstance(holder, dict):
        return False
    found = _values(holder, name)
    if not rest:
        return not found
    return any(_is_missing(one, rest) for one in found)


def _values(holder: Json, name: str) -> list[Any]:
    """Return the values of an element; the extensions that stand for one are a value."""
    if name.endswith("[x]"):
        stem = name.removesuffix("[x]")
        return [value for key, value in holder.items() if key.lstrip("_").startswith(stem) and _is_choice(key, stem)]
    found = holder.get(name, holder.get(f"_{name}"))
    return found if isinstance(found, list) else [] if found is None else [found]


def _is_choice(key: str, stem: str) -> bool:
    return key.lstrip("_")[len(stem) :][:1].isupper()


def has_code(resource: Json, element: str, system: str, *codes: str) -> bool:
    """Tell whether an element holds one of some codes of a system."""
    found = resource.get(element, ())
    concepts = found if isinstance(found, list) else [found]
    return any(
        coding.get("system") == system and (not codes or coding.get("code") in codes)
        for concept in concepts
        if isinstance(concept, dict)
        for coding in concept.get("coding", ())
        if isinstance(coding, dict)
    )


def _named_patient(patient: Json) -> str:
    """us-core-6: a name has a family or a given name, or says why not."""
    named = ("family", "given", "_family", "_given", "extension")
    return "" if all(any(part in name for part in named) for name in patient.get("name", ())) else "name.family"


def _grouped(url: str) -> Callable[[Json], str]:
    def rule(patient: Json) -> str:
        for one in patient.get("extension", ()):
            is_it = one.get("url") == f"http://hl7.org/fhir/us/core/StructureDefinition/{url}"
            if is_it and not any(part.get("url") == "text" for part in one.get("extension", ())):
                return f"extension({url}).text"
        return ""

    return rule


def _member(coverage: Json) -> str:
    """us-core-15: the member's number is an identifier of type MB, or the subscriberId."""
    is_member = any(has_code(one, "type", _TERMS + "v2-0203", "MB") for one in coverage.get("identifier", ()))
    return "" if is_member or "subscriberId" in coverage else "subscriberId"


def _effective(report: Json) -> str:
    """us-core-8, us-core-10: a report that says something says when it was observed."""
    return "effective[x]" if report.get("status") in _PRESENT_WHEN and not _values(report, "effective[x]") else ""


def _issued(report: Json) -> str:
    """us-core-9: a report that says something says when it was issued."""
    return "issued" if report.get("status") in _PRESENT_WHEN and not _values(report, "issued") else ""


def _value(observation: Json) -> str:
    """us-core-2: a result without members and components has a value, or says why not."""
    has_parts = any(element in observation for element in ("component", "hasMember", "dataAbsentReason"))
    return "" if has_parts or _values(observation, "value[x]") else "value[x]"


def _requester(request: Json) -> str:
    """us-core-21: an order names who orders."""
    return "requester" if request.get("intent") in _ORDERS and not _values(request, "requester") else ""


def _performed(procedure: Json) -> str:
    """us-core-7: what was done says when."""
    is_done = procedure.get("status") in ("completed", "in-progress")
    return "performed[x]" if is_done and not _values(procedure, "performed[x]") else ""


def _name_or_relationship(person: Json) -> str:
    """us-core-14: a related person is known by a name or a relationship."""
    return "" if _values(person, "name") or _values(person, "relationship") else "name"


def _somewhere(role: Json) -> str:
    """us-core-13: a role is of somebody, or somewhere."""
    parts = ("practitioner", "organization", "healthcareService", "location")
    return "" if any(part in role for part in parts) else "practitioner"


def _reachable(role: Json) -> str:
    """pd-1: a role can be reached."""
    return "" if "telecom" in role or "endpoint" in role else "telecom"


def _content(document: Json) -> str:
    """us-core-6: an attachment has data or an address."""
    attachments = [one.get("attachment", {}) for one in document.get("content", ()) if isinstance(one, dict)]
    return "" if all("url" in one or "data" in one for one in attachments) else "content.attachment.url"


def _is_laboratory(observation: Json) -> bool:
    return has_code(observation, "category", _TERMS + "observation-category", "laboratory")


def _is_laboratory_report(report: Json) -> bool:
    return has_code(report, "category", _TERMS + "v2-0074", "LAB")


PROFILES: Mapping[str, tuple[Profile, ...]] = {
    "Patient": (
        Profile(
            "us-core-patient",
            (
                "identifier",
                "identifier.system",
                "identifier.value",
                "name",
                "telecom.system",
                "telecom.value",
                "gender",
            ),
            rules=(_named_patient, _grouped("us-core-race"), _grouped("us-core-ethnicity")),
        ),
    ),
    "Encounter": (Profile("us-core-encounter", ("identifier.system", "identifier.value", "type", "subject")),),
    "Condition": (
        Profile(
            "us-core-condition-encounter-diagnosis",
            ("code",),
            lambda one: has_code(one, "category", _TERMS + "condition-category", "encounter-diagnosis"),
        ),
        Profile("us-core-condition-problems-health-concerns", ("category", "code")),
    ),
    "AllergyIntolerance": (Profile("us-core-allergyintolerance", ("code",)),),
    "Observation": (
        Profile("us-core-observation-lab", ("subject",), _is_laboratory, (_value,)),
        Profile(
            "us-core-observation-clinical-result",
            ("category", "subject"),
            lambda one: "category" not in one,  # one of another category has a profile of its own
            (_value,),
        ),
    ),
    "DiagnosticReport": (
        Profile("us-core-diagnosticreport-lab", ("subject",), _is_laboratory_report, (_effective, _issued)),
        Profile("us-core-diagnosticreport-note", ("category", "subject"), rules=(_effective,)),
    ),
    "Immunization": (Profile("us-core-immunization", ("vaccineCode", "occurrence[x]")),),
    "MedicationRequest": (Profile("us-core-medicationrequest", ("medication[x]",), rules=(_requester,)),),
    "Practitioner": (
        Profile(
            "us-core-practitioner",
            ("identifier", "identifier.system", "identifier.value", "name", "name.family"),
        ),
    ),
    "PractitionerRole": (
        Profile("us-core-practitionerrole", ("telecom.system", "telecom.value"), rules=(_somewhere, _reachable)),
    ),
    "Organization": (Profile("us-core-organization", ("active", "name")),),
    "Location": (Profile("us-core-location", ("name",)),),
    "RelatedPerson": (Profile("us-core-relatedperson", ("active",), rules=(_name_or_relationship,)),),
    "Coverage": (Profile("us-core-coverage", ("relationship",), rules=(_member,)),),
    "Procedure": (Profile("us-core-procedure", ("code",), rules=(_performed,)),),
    "ServiceRequest": (Profile("us-core-servicerequest", ("code",)),),
    "Specimen": (Profile("us-core-specimen", ("type",)),),
    "DocumentReference": (Profile("us-core-documentreference", ("type", "category", "subject"), rules=(_content,)),),
}
