"""The bytes a destination gets: a FHIR bundle, HL7 v2 re-shaped, a thin event, or the interface's own JSON.

Shaping is deterministic: no clock, no chance. The same message and delivery give the same bytes, whoever shapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from shared.deliver.reshape import hl7_to_hl7
from shared.fhir import exact_json
from shared.hl7 import Message
from shared.message.delivery import Delivery
from shared.message.errors.base import IntegrationError
from shared.message.errors.mapping import ShapeFailed
from shared.message.finding import Finding
from shared.message.identifiers import DeliveryId

if TYPE_CHECKING:
    from shared.registry import Interface, Route

FHIR = "application/fhir+json"
HL7 = "application/hl7-v2"
EVENT = "application/cloudevents+json"
JSON = "application/json"

_MEDIA_TYPES = {"fhir": FHIR, "hl7": HL7, "hl7_from_fhir": HL7, "event": EVENT}

# Who sent, who treated, and where: around a patient's record, not in it.
_AROUND = frozenset(
    {"Device", "Location", "MessageHeader", "Organization", "Practitioner", "PractitionerRole", "Provenance"}
)

_CONTROL_ID_LENGTH = 20  # of MSH-10 before HL7 v2.7


@dataclass(frozen=True, slots=True)
class Shaped:
    """The bytes for a destination, and what shaping could not bring into them."""

    body: bytes
    findings: tuple[Finding, ...] = ()


def media_type_of(route: Route) -> str:
    """Return the media type of what `shape` gives."""
    return _MEDIA_TYPES.get(route.shape, JSON)


def shape(
    route: Route, interface: Interface, bundle: dict[str, Any] | None, message: Message | None, row: Delivery
) -> Shaped:
    """Return the message as the route's destination wants it.

    Args:
        bundle: The canonical bundle; None will do unless ``route.needs_bundle``.
        message: As received; None will do unless ``route.needs_raw``.
        row: The delivery; its id becomes the id of an event, and the control id of an HL7 message.
    Raises:
        TextNotEncodable, SegmentAbsent: see `hl7_to_hl7`.
        MessageNotWritten, ResourceAbsent, ResourceAmbiguous: see `render`.
        ShapeFailed: the interface's own function failed.
    """
    if route.shape == "hl7":
        assert message is not None
        reshaped = hl7_to_hl7(message, route, control_id_of(row.id))
        return Shaped(reshaped.body, reshaped.findings)
    assert bundle is not None
    if route.shape == "hl7_from_fhir":
        return _rendered(route, bundle, row)
    if route.shape == "fhir":
        return Shaped(exact_json.dumps(bundle))
    if route.shape == "event":
        return Shaped(orjson.dumps(thin_event(interface, bundle, row)))
    assert message is not None
    return Shaped(_by_function(route, interface, bundle, message))


def _rendered(route: Route, bundle: dict[str, Any], row: Delivery) -> Shaped:
    # Its tables take a tenth of a second to build: a hub without such a route never does.
    from shared.rendering import render

    rendering = render(bundle, route.message)
    reshaped = hl7_to_hl7(rendering.message, route, control_id_of(row.id))
    return Shaped(reshaped.body, (*rendering.findings, *reshaped.findings))


def control_id_of(delivery: DeliveryId) -> str:
    """Return the MSH-10 of a delivery: the same for each attempt, so that a receiver knows a second copy."""
    return delivery.partition("-")[2][:_CONTROL_ID_LENGTH].upper()


def thin_event(interface: Interface, bundle: Mapping[str, Any], row: Delivery) -> dict[str, Any]:
    """Return a CloudEvent 1.0 that says which resources about a patient a message carried: ids, never content.

    It names its destination: one topic carries the events of all, and each subscriber filters by that.
    """
    item = row.item
    resources = (entry["resource"] for entry in bundle.get("entry", ()))
    references = [_reference(resource) for resource in resources if resource["resourceType"] not in _AROUND]
    patients = (reference for reference in references if reference.startswith("Patient/"))
    code, _, event = item.type.partition("^")
    about = {"subject": subject} if (subject := next(patients, None)) else {}
    return {
        "specversion": "1.0",
        "id": row.id,
        "source": f"/interfaces/{interface.id}",
        "type": f"caduceus.{interface.id}.{event or code}",
        **about,
        "datacontenttype": JSON,
        "data": {"destination": row.destination, "message": item.message, "resources": references},
    }


def _reference(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _by_function(route: Route, interface: Interface, bundle: dict[str, Any], message: Message) -> bytes:
    from shared.registry.steps import FILE, line_in, load_step

    assert route.function is not None
    step = load_step(interface.folder, route.function)
    assert step is not None  # the registry was not loaded otherwise
    try:
        return exact_json.dumps(step(bundle, message))
    except IntegrationError:
        raise
    except Exception as error:  # noqa: BLE001
        # Whatever somebody's function raises stops this delivery alone. Its text may hold content; its class does not.
        line = line_in(interface.folder / FILE, error)
        raise ShapeFailed(f"{interface.id}/{FILE}:{line}, {route.function}: {type(error).__name__}") from None
