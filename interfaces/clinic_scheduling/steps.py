"""What the telehealth service needs to open, move and close a video room."""

from __future__ import annotations

from typing import Any

from shared.hl7 import Message

ACTIONS = {"S12": "open", "S13": "move", "S14": "change", "S15": "close"}


def video_visit(bundle: dict[str, Any], message: Message) -> dict[str, Any]:
    """Return one request of the telehealth service's interface: a room for a patient and a clinician at a time."""
    appointment = _resource(bundle, "Appointment")
    return {
        "action": ACTIONS.get(message.event, "change"),
        "visit": message.get("SCH-1.1"),
        "appointment": appointment.get("id"),
        "status": appointment.get("status"),
        "starts": appointment.get("start"),
        "ends": appointment.get("end"),
        "minutes": appointment.get("minutesDuration"),
        "patient": _person(_resource(bundle, "Patient")),
        "clinician": " ".join(filter(None, (str(message.get(f"AIP-3.{n}") or "") for n in (6, 3, 2)))),
    }


def _person(patient: dict[str, Any]) -> dict[str, Any]:
    name: dict[str, Any] = next(iter(patient.get("name", [])), {})
    telecom = {contact.get("system"): contact.get("value") for contact in patient.get("telecom", [])}
    return {
        "id": patient.get("id"),
        "name": " ".join([*name.get("given", []), name.get("family", "")]).strip(),
        "phone": telecom.get("phone"),
        "email": telecom.get("email"),
    }


def _resource(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    resources = (entry["resource"] for entry in bundle["entry"])
    return next((resource for resource in resources if resource["resourceType"] == kind), {})
