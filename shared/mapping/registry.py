"""The segment families: one line each. A family maps some segments and says which parents they have."""

from __future__ import annotations

from types import ModuleType

from shared.mapping import (
    acknowledgement,
    allergy,
    appointment,
    appointment_request,
    charge,
    condition,
    device,
    diagnostic_report,
    document_reference,
    encounter,
    goal,
    guarantor,
    header,
    insurance,
    insured,
    location_record,
    master_file,
    note,
    observation,
    order,
    pathway,
    patient,
    problem,
    procedure,
    provider,
    qualification,
    referral,
    related_person,
    restriction,
    role,
    specimen,
    staff,
    statement,
)
from shared.mapping.frame import Handler
from shared.mapping.rows import Table

FAMILIES: tuple[ModuleType, ...] = (
    header,
    patient,
    related_person,
    encounter,
    allergy,
    condition,
    order,
    diagnostic_report,
    document_reference,
    specimen,
    observation,
    note,
    appointment,
    procedure,
    role,
    device,
    insurance,
    insured,
    guarantor,
    charge,
    statement,
    restriction,
    problem,
    goal,
    pathway,
    referral,
    provider,
    master_file,
    staff,
    qualification,
    location_record,
    appointment_request,
    acknowledgement,
)

TABLES: tuple[Table, ...] = tuple(one for family in FAMILIES for one in family.TABLES)
HANDLERS: dict[str, Handler] = {name: handler for family in FAMILIES for name, handler in family.HANDLERS.items()}
