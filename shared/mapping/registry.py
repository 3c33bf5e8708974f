"""The segment families: one line each. A family maps some segments and says which parents they have."""

from __future__ import annotations

from types import ModuleType

from shared.mapping import (
    acknowledgement,
    administration,
    allergy,
    appointment,
    charge,
    condition,
    device,
    dispense,
    dosage,
    encounter,
    guarantor,
    header,
    immunization,
    insurance,
    insured,
    medication,
    note,
    observation,
    occurrence,
    order,
    patient,
    prescription,
    procedure,
    query,
    related_person,
    restriction,
    role,
    route,
    specimen,
    statement,
    timing,
    vaccine_facts,
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
    timing,
    occurrence,
    dosage,
    prescription,
    medication,
    route,
    dispense,
    administration,
    immunization,
    vaccine_facts,
    acknowledgement,
    query,
)

TABLES: tuple[Table, ...] = tuple(one for family in FAMILIES for one in family.TABLES)
HANDLERS: dict[str, Handler] = {name: handler for family in FAMILIES for name, handler in family.HANDLERS.items()}
