"""Which destinations have which reports, so that a correction reaches whoever has the original.

A route that looks into a message (``where``) may want a result and not its correction: the status is another one, the
patient has moved to another ward. What such a destination was sent is remembered in the archive, by the id of the
report, which holds no number of anybody. A destination whose route does not look inside gets everything anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from shared.changes.record import KeptRecord, full_url_of, open_record
from shared.mapping.order import RESULT_MESSAGES
from shared.message.envelope import Item
from shared.message.identifiers import DestinationId
from shared.ports import Archive
from shared.route.select import Decision

if TYPE_CHECKING:
    from shared.registry import Interface

# Codes that change a result which was sent before: HL7 tables 0085 (OBX-11) and 0123 (OBR-25).
CORRECTIONS = {"Observation": frozenset("ABCDNUWX"), "DiagnosticReport": frozenset("CMX")}
HAS_ORIGINAL = "has the original"


class Originals:
    """Remembers who was sent a report by a route that looks inside."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def record_of(self, item: Item) -> KeptRecord | None:
        """Return the record of a message that reports results; None: it reports none."""
        if item.canonical is None or not reports_results(item):
            return None
        record = open_record(await self._archive.get(item.canonical))
        return record if _reports(record) else None

    async def follow(self, record: KeptRecord, decisions: Sequence[Decision]) -> list[Decision]:
        """Return the decisions, with yes for whoever has what the message corrects."""
        if not corrects(record):
            return list(decisions)
        reports = _reports(record)
        return [await self._follow(decision, reports) for decision in decisions]

    async def remember(
        self, item: Item, interface: Interface, record: KeptRecord, decisions: Sequence[Decision]
    ) -> None:
        """Remember who is sent these reports, before anything is sent: who has the original is never forgotten."""
        selective = {route.to for route in interface.routes if route.where}
        sent = dict.fromkeys(one.destination for one in decisions if one.is_wanted and one.destination in selective)
        named = [(name, item.message.encode()) for to in sent for name in _names(to, _reports(record))]
        if named:
            await self._archive.keep(item.interface, named)

    async def _follow(self, decision: Decision, reports: Sequence[str]) -> Decision:
        if decision.is_wanted or decision.reason == "type":
            return decision
        has_one = any(await self._archive.find(_names(decision.destination, reports)))
        return Decision(decision.destination, True, HAS_ORIGINAL) if has_one else decision


def reports_results(item: Item) -> bool:
    return item.type.partition("^")[0] in RESULT_MESSAGES


def corrects(record: KeptRecord) -> bool:
    """Tell whether a message changes results that were sent before it."""
    kinds = {full_url_of(name): name.partition("/")[0] for name in record.names}
    return any(
        change.control in CORRECTIONS.get(kinds.get(change.full_url, ""), ()) for change in record.notes.resources
    )


def _reports(record: KeptRecord) -> list[str]:
    return [name for name in record.names if name.startswith("DiagnosticReport/")]


def _names(destination: DestinationId, reports: Iterable[str]) -> list[str]:
    return [f"sent/{destination}/{report}" for report in reports]
