"""What the senders say: one kind of message for each of them, about persons that have numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass

# Who wants what of each interface; one of its routes looks inside the message.
ROUTES = {
    "ward": ("store", "keyed", "careful", "feed"),
    "lab": ("store", "feed"),
    "desk": ("keyed", "careful", "feed"),
    "app": ("store", "keyed"),
}
WOMEN_ONLY = ("desk", "feed")
FHIR_SOURCE = "app"

POISON = b"|POISON|"  # an error of ours, in the conversion of this one message
POISONOUS = "POISON"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, and what should become of it.

    Attributes:
        source: The interface it comes by.
        person: Number of the person it is about.
        names: Destinations that want it; none where it is put aside.
        prior: Number of the person who is merged into that one; 0: nobody is.
        beside: Number of another person that it speaks of; 0: of nobody.
    """

    source: str
    control_id: str
    person: int
    body: bytes
    names: frozenset[str]
    prior: int = 0
    beside: int = 0

    @property
    def is_fhir(self) -> bool:
        return self.source == FHIR_SOURCE

    @property
    def is_poison(self) -> bool:
        return self.control_id == POISONOUS

    @property
    def is_sent_once(self) -> bool:
        """Tell whether its sender gives up when nobody answers: of merges, for what else waits must not wait for it."""
        return self.prior > 0

    @property
    def persons(self) -> frozenset[int]:
        """Whom it is about, who is merged into them, and who stands beside them."""
        return frozenset({self.person, self.prior, self.beside}) - {0}


def number_of(person: int) -> str:
    """Return the record number of a person."""
    return f"7{person:05d}"


def admission(source: str, control_id: str, person: int) -> Message:
    """Return an ADT^A08 of the ward or the desk; the ward's says its own control id as the address."""
    sex = "F" if person % 2 else "M"
    address = f"|||{control_id} St^^Wien" if source == "ward" else ""
    body = _joined(
        _header(source, "ADT^A08", control_id),
        f"PID|1||{number_of(person)}^^^GENERAL^MR||Example^P{person}||19800101|{sex}{address}",
    )
    names = frozenset(ROUTES[source]) - ({"feed"} if (source, "feed") == WOMEN_ONLY and sex == "M" else set())
    return Message(source, control_id, person, body, frozenset() if control_id == POISONOUS else names)


def result(control_id: str, person: int) -> Message:
    """Return an ORU^R01 of the laboratory."""
    body = _joined(
        _header("lab", "ORU^R01^ORU_R01", control_id),
        f"PID|1||{number_of(person)}^^^GENERAL^MR||Example^P{person}",
        f"OBR|1|P-{control_id}^EHR|F-{control_id}^LAB|24323-8^Metabolic panel^LN|||20260301110000+0000"
        + "|" * 18
        + "F",
        f"OBX|1|NM|2951-2^Sodium^LN||{100 + person % 50}|mmol/L^^UCUM|133-146|N|||F",
    )
    return Message("lab", control_id, person, body, frozenset(ROUTES["lab"]))


def merge(control_id: str, survivor: int, prior: int) -> Message:
    """Return an ADT^A40 of the ward that gives up the prior number."""
    body = _joined(
        _header("ward", "ADT^A40^ADT_A39", control_id),
        f"PID|1||{number_of(survivor)}^^^GENERAL^MR||Example^P{survivor}||19800101|{'F' if survivor % 2 else 'M'}",
        f"MRG|{number_of(prior)}^^^GENERAL^MR",
    )
    return Message("ward", control_id, survivor, body, frozenset(ROUTES["ward"]), prior)


def measurement(control_id: str, person: int, beside: int = 0) -> Message:
    """Return a Bundle of the app: what a person measured, or two persons did."""
    persons = [person, beside] if beside else [person]
    resources = [one for number in persons for one in (_patient(number), _heart_rate(control_id, number))]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:app", "value": control_id},
        "entry": [{"fullUrl": f"https://app.example/{one['resourceType']}/{one['id']}", "resource": one}
                  for one in resources],
    }  # fmt: skip
    body = json.dumps(bundle).encode()
    return Message(FHIR_SOURCE, control_id, person, body, frozenset(ROUTES[FHIR_SOURCE]), beside=beside)


def _patient(person: int) -> dict[str, object]:
    return {
        "resourceType": "Patient",
        "id": f"p{person}",
        "identifier": [{"system": "urn:id:GENERAL", "value": number_of(person)}],
        "name": [{"family": "Example", "given": [f"P{person}"]}],
    }


def _heart_rate(control_id: str, person: int) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"{control_id}-{person}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/p{person}"},
        "effectiveDateTime": "2026-03-01T11:00:00Z",
        "valueQuantity": {"value": 60 + person % 40, "unit": "/min"},
    }


def _header(source: str, kind: str, control_id: str) -> str:
    return f"MSH|^~\\&|{source.upper()}|GENERAL|HUB|HUB|20260301120000+0000||{kind}|{control_id}|P|2.5.1"


def _joined(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()
