"""Judges resources and bundles against FHIR R4 (4.0.1).

The happy path is one pass of a compiled schema and one walk; findings are written only for what failed. They name
places and rules, never values:

    fhir_type         not the JSON type the standard wants, or no resource type of R4
    fhir_unknown      elements R4 does not have
    fhir_missing      an element that is required
    fhir_cardinality  too few or too many
    fhir_primitive    a string or number that is no value of its type
    fhir_code         a code outside a required value set
    fhir_choice       two types of one value[x], or none where one is required
    fhir_invariant    a rule of the standard, by its key
    fhir_reference    a reference that leads nowhere, or to a type that may not stand there
    fhir_url          a fullUrl that is not absolute
    fhir_duplicate    a resource that repeats another of the bundle
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.fhir.bundle import SharedEntry, write_entries
from shared.fhir.coherence import check_coherence
from shared.fhir.entries import check_addresses, known_types
from shared.fhir.exact_json import Written
from shared.fhir.explain import explain_faults
from shared.fhir.place import write_place
from shared.fhir.recall import is_plainly_sound
from shared.fhir.references import check_references
from shared.fhir.schema import type_of, validator
from shared.fhir.survey import Part, Survey
from shared.message.finding import Finding

Json = dict[str, Any]


def validate_resource(resource: Json) -> list[Finding]:
    """Return what makes a resource invalid, what it holds inside included; empty when it is valid R4."""
    return judge(resource, None, is_closed=False)


def validate_bundle(bundle: Json, *, is_closed: bool = False, texts: Sequence[bytes] | None = None) -> list[Finding]:
    """Return what makes a bundle invalid: each resource, each reference, and the bundle as a whole.

    Args:
        bundle: A Bundle.
        is_closed: A relative reference (``Patient/1``) must be to an entry, too: so for what transform makes.
        texts: The resources of its entries as ``exact_json`` writes them, where the caller has them already.
    """
    if bundle.get("resourceType") != "Bundle":
        return [Finding("fhir_type", "Bundle", "resourceType")]
    if is_plainly_sound(bundle, texts):
        return []
    listed = bundle.get("entry")
    if isinstance(listed, list):  # judged as plain dicts: the walk looks into nothing else
        listed = [dict(entry) if isinstance(entry, SharedEntry) else entry for entry in listed]
        bundle = {**bundle, "entry": listed}
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    findings = judge(bundle, known_types(entries), is_closed=is_closed)
    findings.extend(check_addresses(entries, is_history=bundle.get("type") == "history"))
    return findings


def write_and_validate(bundle: Json, *, is_closed: bool = False) -> tuple[Written, list[Finding]]:
    """Return the resources of a bundle as JSON, each written once for all who read it, and what makes it invalid."""
    try:
        written = write_entries(bundle["entry"])
    except (KeyError, TypeError):
        return Written([], False), validate_bundle(bundle, is_closed=is_closed)
    return written, validate_bundle(bundle, is_closed=is_closed, texts=written.texts)


def judge(resource: Json, known: dict[str, str] | None, *, is_closed: bool) -> list[Finding]:
    """Return the findings of a resource and of all it holds.

    Args:
        resource: A resource of any type.
        known: The types of a bundle's resources by address; None outside a bundle.
        is_closed: Relative references must be in ``known``.
    """
    if type_of(resource) is None:
        return [Finding("fhir_type", "", "resourceType")]
    survey = Survey(resource)
    findings: list[Finding] = []
    unsound: set[int] = set()
    for part in survey.parts:
        faults = judge_schemas(part)
        if faults:
            findings += faults
            unsound.add(id(part))
    findings += check_coherence(survey, unsound)
    findings += check_references(survey, known, is_closed=is_closed)
    findings += [Finding("fhir_type", write_place(place), "is no JSON") for place in survey.unwritable]
    if resource.get("type") != "history":  # where one resource may return to what it was
        findings += [Finding("fhir_duplicate", write_place(place), "repeats another") for place in survey.repeated]
    return findings


def judge_schemas(part: Part) -> list[Finding]:
    """Return the faults of a resource and of those it contains by their schemas."""
    resource, place, contained = part
    faults: list[Finding] = []
    for held, where in ((resource, place), *contained):
        name = type_of(held)
        if name is not None and not validator(name).is_valid(held):
            faults += explain_faults(held, where)
    return faults
