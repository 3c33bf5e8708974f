"""Every table of the way back, family by family: what the page of rows and the tests read."""

from __future__ import annotations

from shared.rendering import (
    appointments,
    conditions,
    documents,
    guarantor,
    header,
    immunizations,
    insurance,
    insured,
    notes,
    orders,
    patient,
    procedures,
    related_person,
    results,
    roles,
    statements,
    visit,
)
from shared.rendering.rows import Table

FAMILIES = (
    header,
    patient,
    related_person,
    visit,
    conditions,
    insurance,
    insured,
    guarantor,
    procedures,
    roles,
    statements,
    orders,
    results,
    notes,
    appointments,
    documents,
    immunizations,
)
TABLES: tuple[Table, ...] = tuple(table for family in FAMILIES for table in family.TABLES)
