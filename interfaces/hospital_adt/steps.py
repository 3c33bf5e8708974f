"""What the billing engine of Northgate Hospital wants to hear: accounts that open, close and are joined."""

from __future__ import annotations

from typing import Any

from shared.hl7 import Message

EVENTS = {"A01": "admission", "A04": "registration", "A03": "discharge", "A40": "merge"}


def account_event(bundle: dict[str, Any], message: Message) -> dict[str, Any]:
    """Return one event of the billing engine's own interface (its version 3).

    A merge names the number that is given up; the other events name the account, which is the visit number.
    """
    event = {"event": EVENTS[message.event], "patient": _patient(bundle, message)}
    if message.event == "A40":
        return {**event, "joined_patient_number": message.get("MRG-1.1")}
    encounter = _resource(bundle, "Encounter")
    period = encounter.get("period", {})
    return {
        **event,
        "account": message.get("PV1-19.1"),
        "encounter": encounter.get("id"),
        "care": encounter.get("class", {}).get("code"),
        "department": message.get("PV1-10"),
        "ward": message.get("PV1-3.1"),
        "opened": period.get("start"),
        "closed": period.get("end"),
        "payer": message.get("IN1-3.1"),
        "member_number": message.get("IN1-36"),
    }


def _patient(bundle: dict[str, Any], message: Message) -> dict[str, Any]:
    patient = _resource(bundle, "Patient")
    name: dict[str, Any] = next(iter(patient.get("name", [])), {})
    return {
        "id": patient.get("id"),
        "number": message.get("PID-3.1"),
        "family_name": name.get("family"),
        "given_names": name.get("given", []),
        "birth_date": patient.get("birthDate"),
    }


def _resource(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    resources = (entry["resource"] for entry in bundle["entry"])
    return next((resource for resource in resources if resource["resourceType"] == kind), {})
