"""One sender and one store: messages are mapped and stored one after the other, as the hub does it."""

from __future__ import annotations

from typing import Any

from shared.changes.apply import Applied
from shared.changes.record import CanonicalRecord
from shared.fhir.validate import validate_resource
from shared.hl7 import parse
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter, convert
from shared.message.identifiers import Sequence
from tests.unit.changes.samples import Resource, Store

PID = "PID|1||100001^^^GENHOSP^MR||Sample^Jane||19800101|F"


def visit(*, place: str = "", **fields: str) -> str:
    """Return a PV1 of the sample visit; ``place`` is PV1-3, other fields by number (``f45="2026"``)."""
    said = {2: "I", 3: place, 19: "V1^^^GENHOSP^VN"} | {int(name[1:]): value for name, value in fields.items()}
    return "PV1|1|" + "|".join(said.get(number, "") for number in range(2, max(said) + 1))


class Feed:
    """A store that is told messages as they come.

    Args:
        options: Of the mapping context (``lists``, ``owned``, ...).
    """

    def __init__(self, source: str = "ehr", store: Store | None = None, **options: Any) -> None:
        mint = Minter(b"test" * 8)
        self._context = MappingContext(mint, MemoryResolver(mint), ClaimDefaults(), **options)
        self._source, self._n = source, 0
        self._first, self._sent = 0, "202603011200+0000"
        self.store = store or Store()
        self.records: list[CanonicalRecord] = []

    def restart(self, sent: str) -> None:
        """Let the sender begin anew with MSH-10, at another time (MSH-7)."""
        self._first, self._sent = self._n, sent

    def tell(self, event: str, *lines: str) -> Applied:
        """Convert one message and store what it says; what is stored stays valid R4."""
        self._n += 1
        header = f"MSH|^~\\&|EHR|GENHOSP|HUB|HUB|{self._sent}||{event}|{self._n - self._first}|P|2.5.1"
        conversion = convert(parse("\r".join([header, *lines]).encode() + b"\r"), self._context)
        record = CanonicalRecord(conversion.bundle, conversion.changes, Sequence(self._source, 1, self._n))
        applied = self.store.take(record)
        self.records.append(record)
        faults = {name: validate_resource(one.resource) for name, one in self.store.held.items()}
        assert {name: found for name, found in faults.items() if found} == {}
        return applied

    def all(self, kind: str) -> list[Resource]:
        """Return the stored resources of a type, without the hub's own notes on them."""
        return [self.store.said(name) for name in self.store.held if name.startswith(kind + "/")]

    def only(self, kind: str) -> Resource:
        """Return the one stored resource of a type."""
        (found,) = self.all(kind)
        return found


def results_told(*messages: list[str]) -> Feed:
    """Return a store that was told results of the sample patient (ORU^R01), each message by its OBR and OBX."""
    feed = Feed()
    for lines in messages:
        feed.tell("ORU^R01", PID, *lines)
    return feed


def findings_of_results(feed: Feed, *lines: str) -> list[str]:
    """Tell a store one more message of results, and return the codes of what it found."""
    return [one.code for one in feed.tell("ORU^R01", PID, *lines).findings]
