"""Where a segment stands in its message: whose it is, of which visit, order and specimen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.grouping import Node
from shared.mapping.rows import Resource

if TYPE_CHECKING:
    from shared.mapping.care import Care
    from shared.mapping.scope import Scope


@dataclass
class Frame:
    """What a segment inherits from those it belongs to.

    Attributes:
        header: The MessageHeader.
        patient: Reference to the Patient; None before PID or without one.
        person: The Patient itself.
        encounter: Reference to the Encounter of the patient group.
        visit: The Encounter itself, once its PV1 was read.
        visit_segment: That PV1.
        account: The Account of the person.
        appointment: The Appointment of an SIU.
        orc: The ORC of the order group, with what stands below it.
        request: The ServiceRequest or MedicationRequest of the order group.
        common: The ORC of a group with an OBR or an RQD.
        supply: The SupplyRequest of the order group.
        report: The DiagnosticReport of the order group.
        document: The DocumentReference whose content the OBX are.
        record: The MFE of a master file record.
        practitioner: Reference to the Practitioner of that record.
        position: Its PractitionerRole.
        place: The Location of that record.
        service: The HealthcareService of that place.
        care: The problem, goal and pathway at hand.
        gathers: The list that takes references to the Observations below.
        specimen: Reference to the Specimen at hand.
        effective: When the order was observed (OBR-7).
        result_status: The status of results that have none of their own (OBR-25).
        order: The key of the order: filler or placer number with its assigner, and the service.
        merged: The MRG that was read last in the person's group.
        remarks: The resource that takes an NTE, ROL or PRT.
        part_of: Reference to what an observation below belongs to: a vaccination, an administration, a dispense.
    """

    header: Resource
    patient: Resource | None = None
    person: Resource | None = None
    encounter: Resource | None = None
    visit: Resource | None = None
    visit_segment: Segment | None = None
    merged: Segment | None = None
    account: Resource | None = None
    appointment: Resource | None = None
    orc: Node | None = None
    request: Resource | None = None
    common: Segment | None = None
    supply: Resource | None = None
    report: Resource | None = None
    effective: str = ""
    result_status: str = ""
    document: Resource | None = None
    record: Segment | None = None
    practitioner: Resource | None = None
    position: Resource | None = None
    place: Resource | None = None
    service: Resource | None = None
    care: Care | None = None
    gathers: list[Resource] | None = None
    specimen: Resource | None = None
    order: tuple[str, ...] = ()
    remarks: Resource | None = None
    part_of: Resource | None = None

    def within(self, **known: Any) -> Frame:
        """Return the frame of the segments below."""
        frame = Frame.__new__(Frame)
        frame.__dict__ = {**self.__dict__, **known}
        return frame


# Handles one segment; returns the frame its children stand in, or None for the same.
Handler = Callable[[Node, Frame, "Scope"], Frame | None]
