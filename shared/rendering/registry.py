"""Every table of the way back, family by family: what the page of rows and the tests read."""

from __future__ import annotations

from shared.rendering import (
    appointments,
    charges,
    conditions,
    document_events,
    documents,
    guarantor,
    header,
    immunizations,
    insurance,
    insured,
    notes,
    order_context,
    order_events,
    orders,
    patient,
    procedures,
    related_person,
    reports,
    results,
    roles,
    specimens,
    statements,
    timing,
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
    order_events,
    order_context,
    timing,
    reports,
    results,
    specimens,
    charges,
    notes,
    appointments,
    documents,
    document_events,
    immunizations,
)
TABLES: tuple[Table, ...] = tuple(table for family in FAMILIES for table in family.TABLES)
