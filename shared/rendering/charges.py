"""ChargeItem as FT1 (decision 0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.charge import ORDERED_BY
from shared.mapping.codes.tables import bare_table
from shared.rendering.coded import concept, text
from shared.rendering.draft import escaped
from shared.rendering.identifiers import ei
from shared.rendering.insurance import money
from shared.rendering.people import xcn
from shared.rendering.procedures import part_modifiers
from shared.rendering.results import producer
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, Write, fill
from shared.rendering.statements import amount
from shared.rendering.times import period, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_DECIDED = "decision 0007"
_LATER = "not in 2.5.1"
_CHARGE = "CG"  # HL7 table 0017


def _in_function(function: Resource | None) -> Choice:
    return lambda value: value.get("function") == function


def _performing(value: Resource, draft: Draft, kind: str) -> str:
    found = xcn(value.get("actor", {}), draft, kind)
    if found:
        value.pop("function", None)
    return found


def plain_number(value: Resource, draft: Draft, kind: str) -> str:
    """Write the value of an Identifier; a system has no place."""
    del draft, kind
    return escaped(value.pop("value", ""))


def ordered(value: Resource, draft: Draft, kind: str) -> str:
    """Write the number of the order that is charged."""
    found = ei(has_fixed_type=False)(value.get("identifier", {}), draft, kind)
    if found:
        value.pop("type", None)
    return found


def _price(value: Resource, draft: Draft, kind: str) -> str:
    return money(value, draft, kind)


def remark(value: Resource, draft: Draft, kind: str) -> str:
    """Write a note in one line."""
    del draft, kind
    return escaped(value.pop("text", ""))


def _row(number: int, element: str, write: Write, where: Choice | None = None) -> Row:
    return Row(f"FT1-{number}", f"ChargeItem.{element}", write, _DECIDED, where)


CHARGE = Table(
    "FT1",
    "ChargeItem",
    (
        _row(2, "identifier", plain_number),
        _row(4, "occurrenceDateTime", time),
        _row(4, "occurrencePeriod", period),
        _row(5, "enteredDate", time),
        _row(7, "code", concept(bare_table("0132", ""))),
        _row(8, "code.text", text),
        _row(9, "note", remark),
        _row(10, "quantity", amount),
        _row(11, "priceOverride", _price),
        _row(13, "costCenter", producer),
        _row(19, "reason", concept()),
        _row(20, "performer", _performing, _in_function(None)),
        _row(21, "performer", _performing, _in_function(ORDERED_BY)),
        _row(23, "supportingInformation", ordered),
        _row(24, "enterer", xcn),
        _row(29, "productCodeableConcept", concept()),
    ),
    (
        Implied("subject", "the person of the message"),
        Implied("context", "the visit of the message"),
        Implied("account", "the account of the person"),
    ),
    {
        6: "comes back from the status: CG where it is billable",
        26: "comes back from what follows the code after a colon",
        32: _LATER,
        33: _LATER,
    },
)
SERVICE = Table(
    "FT1",
    "Procedure",
    (Row("FT1-25", "Procedure.code", concept(), _DECIDED),),
    (
        Implied("status", "what is charged says nothing of it", ("unknown",)),
        Implied("subject", "the person of the message"),
        Implied("encounter", "the visit of the message"),
    ),
)


def charges_of(order: Resource, patient: str, draft: Draft, *, is_only: bool) -> list[str]:
    """Return the urls of the ChargeItems of an order: those that name its number; of the only order all others too."""
    numbers = {one.get("value") for one in order.get("identifier", ())}
    found = []
    for url, one in draft.all("ChargeItem"):
        named = {each.get("identifier", {}).get("value") for each in one.get("supportingInformation", ())}
        if draft.points_at(one.get("subject"), patient) and (named & numbers or is_only):
            found.append(url)
    return found


def write_charges(urls: list[str], draft: Draft) -> None:
    """Write an FT1 for each ChargeItem."""
    for number, url in enumerate(urls, 1):
        segment = draft.segment("FT1")
        segment.set(1, str(number))
        with draft.open(url) as resource:
            if resource.get("status") in ("billable", "unknown"):
                segment.set(6, _CHARGE if resource.pop("status") == "billable" else "")
            for reference in resource.get("service", ())[:1]:
                with draft.follow(reference) as service:
                    part_modifiers(segment, 26, service)
                    fill(segment, service, SERVICE, draft)
            fill(segment, resource, CHARGE, draft)


TABLES = (CHARGE, SERVICE)
