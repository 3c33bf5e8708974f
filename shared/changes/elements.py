"""Elements that belong together in R4, so that a new one never stands beside what it replaces."""

from __future__ import annotations

from typing import Any

from shared.changes.lists import without_part

Resource = dict[str, Any]

# Choice elements (``value[x]``) at the top of the resources that messages make.
CHOICES: dict[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("onset",),
    "ChargeItem": ("occurrence", "product"),
    "Condition": ("abatement", "onset"),
    "Consent": ("source",),
    "DeviceRequest": ("code", "occurrence"),
    "DiagnosticReport": ("effective",),
    "FamilyMemberHistory": ("age", "born", "deceased"),
    "Goal": ("start",),
    "Immunization": ("occurrence",),
    "Media": ("created",),
    "MedicationAdministration": ("effective", "medication"),
    "MedicationDispense": ("medication", "statusReason"),
    "MedicationRequest": ("medication", "reported"),
    "MedicationStatement": ("effective", "medication"),
    "MessageHeader": ("event",),
    "Observation": ("effective", "value"),
    "Patient": ("deceased", "multipleBirth"),
    "Procedure": ("performed",),
    "Provenance": ("occurred",),
    "ServiceRequest": ("asNeeded", "occurrence", "quantity"),
    "SupplyDelivery": ("occurrence",),
    "SupplyRequest": ("item", "occurrence"),
}

# The extension that R5 has for a document that is the value of an observation.
ATTACHED = "https://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment"

# R4 obs-6: a reason for absence stands only where no value does.
_INSTEAD_OF: dict[tuple[str, str], str] = {("Observation", "value"): "dataAbsentReason"}

# Single elements whose parts come from different fields, or from different messages: they are merged part by part.
# Any other element (a name, a code, a quantity) is one statement and is replaced as a whole.
COMPOSITES: dict[str, frozenset[str]] = {
    "Account": frozenset({"servicePeriod"}),
    "Coverage": frozenset({"period"}),
    "DocumentReference": frozenset({"context"}),
    "Encounter": frozenset({"hospitalization", "period"}),
    "MedicationDispense": frozenset({"substitution"}),
    "MedicationRequest": frozenset({"dispenseRequest", "substitution"}),
    "Specimen": frozenset({"collection"}),
}

# Choices inside them.
_INNER_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {("Specimen", "collection"): ("collected", "fastingStatus")}


def compose(kind: str, name: str, before: Resource, sent: Resource) -> Resource:
    """Return a composite element after a message: part by part, and one type of a choice."""
    replaced = [one for one in _INNER_CHOICES.get((kind, name), ()) if any(_is_choice(part, one) for part in sent)]
    kept = {part: value for part, value in before.items() if not any(_is_choice(part, one) for one in replaced)}
    return {**kept, **sent}


def drop_replaced(stored: Resource, sent: Resource) -> None:
    """Remove from ``stored`` what elements of ``sent`` stand instead of: other types of a choice, ``_`` siblings."""
    if stored["resourceType"] == "Observation":
        _drop_judgement(stored, sent)
        _drop_values(stored, sent)
    for name in sent:
        sibling = name[1:] if name[0] == "_" else "_" + name
        if sibling in stored and sibling not in sent:
            del stored[sibling]
    for prefix in CHOICES.get(stored["resourceType"], ()):
        instead = _INSTEAD_OF.get((stored["resourceType"], prefix))
        if instead in sent or any(_is_choice(name, prefix) for name in sent):
            for name in [name for name in stored if name == instead or _is_choice(name, prefix)]:
                del stored[name]


def _drop_judgement(stored: Resource, sent: Resource) -> None:
    """Remove the flag of a value that another one replaces, and the range of a value in another unit.

    Many laboratories leave OBX-8 empty for what is normal: a potassium that is corrected from 6.9 to 4.1 is no longer
    critically high. A value that is only said again keeps them.
    """
    if all(stored.get(name) == value for name, value in sent.items() if _is_of_value(name)):
        return
    if "interpretation" not in sent:
        stored.pop("interpretation", None)
    if "referenceRange" not in sent and _has_another_unit(stored.get("valueQuantity"), sent.get("valueQuantity")):
        stored.pop("referenceRange", None)


def value_of(observation: Resource) -> Resource:
    """Return the elements of an observation that hold its value, a document among them."""
    value = {name: one for name, one in observation.items() if name == "component" or _is_choice(name, "value")}
    documents = [one for one in observation.get("extension", ()) if _is_attached(one)]
    return {**value, "extension": documents} if documents else value


def is_attached(observation: Resource) -> bool:
    """Tell whether a document is the value of an observation."""
    return any(map(_is_attached, observation.get("extension", ())))


def _has_another_unit(before: Any, after: Any) -> bool:
    return bool(before and after) and (before.get("unit"), before.get("code")) != (after.get("unit"), after.get("code"))


def _is_of_value(name: str) -> bool:
    return name in ("component", "dataAbsentReason") or _is_choice(name, "value")


def _drop_values(stored: Resource, sent: Resource) -> None:
    """Remove several values where there is one now, and the other way round: R4 obs-7 has one answer to one code.

    A document is a value, too, and one takes the place of the other.
    """
    has_one = "dataAbsentReason" in sent or any(_is_choice(name, "value") for name in sent)
    is_attached, is_said = any(map(_is_attached, sent.get("extension", ()))), has_one or "component" in sent
    if is_said and not is_attached:
        _drop_attached(stored)
    elif is_attached and not is_said:
        for name in [name for name in stored if name == "dataAbsentReason" or _is_choice(name, "value")]:
            del stored[name]
    if "component" not in sent and has_one and _has_several(stored):
        del stored["component"]
    elif "component" in sent and not has_one and _has_several({"code": stored.get("code"), **sent}):
        for name in [name for name in stored if name == "dataAbsentReason" or _is_choice(name, "value")]:
            del stored[name]


def _is_attached(extension: Resource) -> bool:
    return extension.get("url") == ATTACHED


def _drop_attached(observation: Resource) -> None:
    """Remove the documents that are the value of an observation."""
    extensions = observation.get("extension", ())
    if any(map(_is_attached, extensions)):
        _put_or_drop(observation, "extension", [one for one in extensions if not _is_attached(one)])


def _has_several(observation: Resource) -> bool:
    """Tell whether the components of an observation are its several values: each has its code."""
    components = observation.get("component", [])
    return bool(components) and all(one.get("code") == observation.get("code") for one in components)


def remove(resource: Resource, path: str) -> None:
    """Remove the element at a path; what is shared with another version is copied first.

    ``period.end`` removes one part and the whole when nothing remains; ``participant[ATND]`` removes one part of a
    list; a choice (``value`` or ``value[x]``) is removed whatever its type.
    """
    path = path.removesuffix("[x]")
    dot, bracket = path.find("."), path.find("[")  # the key of a part may be an url
    is_nested = dot > 0 and not 0 < bracket < dot
    name = path[:dot] if is_nested else path[:bracket] if bracket > 0 else path
    value = resource.get(name)
    if is_nested:
        _remove_within(resource, name, value, path[dot + 1 :])
    elif bracket > 0:
        kept = without_part(_type(resource), name, value or [], path[bracket + 1 : -1])
        _put_or_drop(resource, name, kept)
    else:
        resource.pop(name, None)
        resource.pop("_" + name, None)
        for choice in [one for one in resource if _is_choice(one, name)] if _is_choice_name(resource, name) else ():
            del resource[choice]
        if name == "value":
            resource.pop("interpretation", None)  # the flag of no value
            _drop_attached(resource)
            if _has_several(resource):
                del resource["component"]


def _remove_within(resource: Resource, name: str, value: Any, rest: str) -> None:
    if isinstance(value, dict):
        _put_or_drop(resource, name, _without(value, rest))
    elif isinstance(value, list):
        _put_or_drop(resource, name, [item for item in (_without(one, rest) for one in value) if item])


def _without(value: Resource, path: str) -> Resource:
    copy = dict(value)
    remove(copy, path)
    return copy


def _put_or_drop(resource: Resource, name: str, value: Any) -> None:
    if value:
        resource[name] = value
    else:
        resource.pop(name, None)


def _is_choice_name(resource: Resource, name: str) -> bool:
    return name in CHOICES.get(_type(resource), ())


def _type(resource: Resource) -> str:
    return str(resource.get("resourceType", ""))


def _is_choice(name: str, prefix: str) -> bool:
    start = 1 if name[0] == "_" else 0
    return name.startswith(prefix, start) and name[start + len(prefix) :][:1].isupper()
