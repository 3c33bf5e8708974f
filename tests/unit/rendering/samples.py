"""FHIR as other systems write it: their own urls, profiles and narratives."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from shared.rendering import Rendering, render

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "3", "lastUpdated": "2024-03-10T08:00:00Z"},
    "text": {"status": "generated", "div": "<div>Ada Example</div>"},
    "active": True,
    "identifier": [
        {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
            "system": "urn:oid:1.2.3.4",
            "value": "77",
        }
    ],
    "name": [{"use": "official", "text": "Ada M Example", "family": "Example", "given": ["Ada", "M"]}],
    "gender": "female",
    "birthDate": "1980-01-31",
}
VISIT = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
    "subject": {"reference": "Patient/p1"},
    "identifier": [{"system": "urn:id:WARD", "value": "V1"}],
    "period": {"start": "2024-03-09T10:00:00+01:00", "end": "2024-03-10T08:00:00Z"},
}
ABOUT = {"subject": {"reference": "Patient/p1"}}


def bundle(*resources: dict[str, Any], **elements: Any) -> dict[str, Any]:
    """Return a searchset of copies of resources, as a FHIR server answers."""
    entries = [
        {"fullUrl": f"https://fhir.example/{one['resourceType']}/{one.get('id', 'x')}", "resource": deepcopy(one)}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "timestamp": "2024-03-10T09:00:00Z", **elements} | {
        "entry": entries
    }


def rendered(*resources: dict[str, Any], as_type: str | None = None) -> Rendering:
    """Return what these resources become."""
    return render(bundle(*resources), as_type)


def lines(rendering: Rendering) -> list[str]:
    """Return the segments of a message as text."""
    return rendering.message.text.split("\r")[:-1]


def noted(rendering: Rendering) -> list[tuple[str, str]]:
    """Return the findings as (code, place)."""
    return [(one.code, one.place) for one in rendering.findings]
