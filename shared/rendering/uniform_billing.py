"""The Observation of the uniform hospital bill as UB1 and UB2 (decision 0043)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7.delimiters import STANDARD
from shared.mapping.codes.tables import bare_table
from shared.mapping.uniform_billing import CODE, NAMES
from shared.rendering.coded import concept
from shared.rendering.draft import SegmentDraft, composed
from shared.rendering.rows import Implied, Resource, Row, Table, Write, fill
from shared.rendering.statements import amount
from shared.rendering.times import taken_period, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_DECIDED = "decision 0043"
_AS_UB2 = "comes back in UB2, which has the same"
_IMPLIED = (
    Implied("status", "the segment says it", ("final",)),
    Implied("code", "the segment says it"),
    Implied("subject", "the person of the message"),
    Implied("encounter", "the visit of the message"),
)
_CONDITION = concept(bare_table("0043", ""))
# Only UB1 has these in 2.5.1; what both have is UB2's.
_OLD = {field: name for field, name in NAMES.items() if field in ("UB1-2", "UB1-3", "UB1-4", "UB1-5", "UB1-11")}
_COUNTS = {**_OLD, **{field: name for field, name in NAMES.items() if field.startswith("UB2") and field != "UB2-3"}}
_CONDITION_NAME = NAMES["UB2-3"]


def _named(value: Resource, draft: Draft) -> str:
    """Return the code of a component as one component of a field: its parts are subcomponents."""
    written = concept()(value.get("code", {}), draft, "CWE")
    return written.replace(STANDARD.component, STANDARD.subcomponent)


def value_amount(value: Resource, draft: Draft, kind: str) -> str:
    """Write a value code and its amount as a UVC, whose currency is the unit."""
    del kind
    sum_ = value.get("valueQuantity", {})
    said = [str(sum_.pop("value", "")), sum_.pop("unit", "")]
    return f"{_named(value, draft)}{STANDARD.component}{composed([said])}".rstrip(STANDARD.component)


def occurrence(value: Resource, draft: Draft, kind: str) -> str:
    """Write an occurrence code and its day as an OCD."""
    del kind
    day = time(value.pop("valueDateTime", ""), draft, "DT")
    return f"{_named(value, draft)}{STANDARD.component}{day}".rstrip(STANDARD.component)


def span(value: Resource, draft: Draft, kind: str) -> str:
    """Write an occurrence span code and its days as an OSP."""
    del kind
    days = composed([one[:8] for one in taken_period(value.get("valuePeriod", {}))])
    return f"{_named(value, draft)}{STANDARD.component}{days}".rstrip(STANDARD.component)


def _part(field: str, element: str, write: Write) -> Table:
    row = Row(field, f"component.{element}", write, _DECIDED)
    return Table(field[:3], "Observation.component", (row,), (Implied("code", "the field says it"),))


_BY_NAME = {name: _part(field, "valueQuantity", amount) for field, name in _COUNTS.items()} | {
    _CONDITION_NAME: _part("UB2-3", "valueCodeableConcept", _CONDITION)
}
# Components whose code is the code of the bill, by what they say: the whole component is one repetition.
_BY_VALUE: dict[str, tuple[int, Write]] = {
    "valueDateTime": (7, occurrence),
    "valuePeriod": (8, span),
    "valueQuantity": (6, value_amount),
}
BILL = Table(
    "UB2",
    "Observation",
    (),
    _IMPLIED,
    {
        6: "comes back from components of a code and an amount",
        7: "comes back from components of a code and a day",
        8: "comes back from components of a code and two days",
    },
)
OLD_BILL = Table("UB1", "Observation", (), _IMPLIED, dict.fromkeys((6, 7, 8, 9, 10, 16), _AS_UB2))


def bills(patient: str, draft: Draft) -> list[str]:
    """Return the urls of the Observations of the person that UB1 and UB2 say: a message has one of each."""
    return [
        url
        for url, one in draft.all("Observation")
        if one.get("code") == CODE and draft.points_at(one.get("subject"), patient)
    ]


def write_bills(urls: list[str], draft: Draft) -> None:
    """Write UB1 and UB2 of what the bill says."""
    segments = {"UB1": SegmentDraft("UB1"), "UB2": SegmentDraft("UB2")}
    for url in urls:
        with draft.open(url) as resource:
            fill(segments["UB2"], resource, BILL, draft)
            for component in resource.get("component", ()):
                _write_component(component, segments, draft)
    draft.segments += [segment for segment in segments.values() if segment.fields]


def _write_component(component: Resource, segments: dict[str, SegmentDraft], draft: Draft) -> None:
    code = component.get("code", {})
    table = _BY_NAME.get(code.get("text", "")) if "coding" not in code else None
    if table is not None:
        fill(segments[table.segment], component, table, draft)
        return
    element = next((one for one in _BY_VALUE if one in component), "valueQuantity")
    number, write = _BY_VALUE[element]
    if segments["UB2"].has_room(number):
        segments["UB2"].add(number, write(component, draft, ""))


TABLES = (BILL, OLD_BILL, *_BY_NAME.values())
