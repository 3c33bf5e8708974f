"""Who was affected: by a mapping, a finding, a time, or what went to a destination."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shared.fhir_in.claims import claims_of
from shared.fhir_in.document import read_document
from shared.hl7 import parse
from shared.message.audit import AuditEntry, Caller
from shared.message.delivery import Delivery
from shared.message.errors.base import IntegrationError
from shared.message.errors.pipeline import NotFound, RequestInvalid, RoleMissing
from shared.message.identifiers import DestinationId, OrderingKey
from shared.message.nearest import no_such
from shared.message.patient import patient_hash
from shared.message.record import MessageRecord
from shared.message.replay import Selection
from shared.message.state import DeliveryState
from shared.mpi import claim_defaults
from shared.ports import Archive, Audit, Clock, History, Lanes, Ledger
from shared.recover.keys import Patients
from shared.recover.request import read_json, read_reason, read_selection
from shared.registry.fhir_source import fhir_source

if TYPE_CHECKING:
    from shared.registry import Interface, Registry

REVEAL = "reveal"
_PAGE = 500
_SHOWN = 1000  # hashes
_KNOWN = frozenset({"affected_by", "patient", "finding", "from", "to", "interface", "destination", "reason"})


class Affected:
    """Answers ``/hub/affected``; hashes only, unless somebody with the role gives a reason."""

    def __init__(
        self,
        *,
        clock: Clock,
        ledger: Ledger,
        history: History,
        lanes: Lanes,
        archive: Archive,
        audit: Audit,
        registry: Registry,
        hub_key: bytes,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._history = history
        self._lanes = lanes
        self._archive = archive
        self._audit = audit
        self._registry = registry
        self._hub_key = hub_key

    async def count(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return how many messages and patients, as keyed hashes, and what became of it by destination.

        Args:
            said: ``affected_by``, ``patient``, ``finding``, ``interface``, ``destination``, ``from``, ``to``: one at
                least.

        Raises:
            RequestInvalid, NotFound: see `read_selection`.
        """
        messages, patients = 0, Patients(self._hub_key, _SHOWN)
        deliveries: Counter[tuple[DestinationId, DeliveryState]] = Counter()
        async for record, rows in self._found(said):
            messages += 1
            patients.add(record.key)
            deliveries.update((row.destination, row.state) for row in rows)
        by_destination: dict[str, dict[str, int]] = {}
        for (destination, state), count in sorted(deliveries.items()):
            by_destination.setdefault(destination, {})[state.value] = count
        return {
            "messages": messages,
            "patients": patients.told(),
            "destinations": [{"id": one, **states} for one, states in by_destination.items()],
        }

    async def reveal(self, request: bytes, caller: Caller) -> dict[str, Any]:
        """Return the patients themselves: by the hub's id, and the number their sender gave them.

        The audit says so before anything is shown.

        Raises:
            RoleMissing: whoever asks may not.
            RequestInvalid: there is no reason; or see `read_selection`.
        """
        if REVEAL not in caller.roles:
            raise RoleMissing(REVEAL)
        said = read_json(request)
        reason = read_reason(said)
        found = {record.key: record async for record, _ in self._found(said)}  # of each key the newest
        patients = {key: record for key, record in found.items() if "/" in key}
        what = " ".join(f"{name}={said[name]}" for name in sorted(_KNOWN & said.keys()) if name != "reason")
        await self._audit.append(AuditEntry(self._clock.now(), caller.name, REVEAL, what, reason, len(patients)))
        return {"patients": [await self._patient(key, record) for key, record in patients.items()]}

    async def audited(self) -> dict[str, Any]:
        """Return what people did, newest first."""
        entries = await self._audit.recent()
        return {"audit": [{**entry._asdict(), "at": entry.at.isoformat()} for entry in entries]}

    async def _found(self, said: Mapping[str, Any]) -> AsyncIterator[tuple[MessageRecord, list[Delivery]]]:
        """Yield the messages that are meant, oldest first, with those of their deliveries that are."""
        if unknown := sorted(said.keys() - _KNOWN):
            raise RequestInvalid(f"nothing is selected by {unknown[0]}")
        selection = await read_selection(said, self._ledger, self._history, self._registry)
        destination = self._destination(said)
        if selection.is_empty and destination is None:
            raise RequestInvalid("say by what: affected_by, patient, finding, interface, destination, from, to")
        async for record, rows in self._messages(selection):
            meant = [row for row in rows if destination in (None, row.destination)]
            if destination is None or meant:
                yield record, meant

    async def _messages(self, selection: Selection) -> AsyncIterator[tuple[MessageRecord, list[Delivery]]]:
        reached = 0
        while page := await self._history.select(selection, reached, _PAGE):
            reached = page[-1].number
            for one in page:
                yield one.record, await self._lanes.deliveries(one.record.message)
            await asyncio.sleep(0)  # others want to go on

    def _destination(self, said: Mapping[str, Any]) -> DestinationId | None:
        if not said.get("destination"):
            return None
        destination = DestinationId(str(said["destination"]))
        if destination not in self._registry.destinations:
            raise NotFound(no_such("destination", destination, self._registry.destinations))
        return destination

    async def _patient(self, key: OrderingKey, record: MessageRecord) -> dict[str, Any]:
        interface = self._registry.interfaces.get(record.interface)
        number = assigner = ""
        with suppress(IntegrationError):  # the id alone, then
            number, assigner = _number_in(await self._archive.get(record.raw), interface)
        return {
            "hash": patient_hash(key, self._hub_key),
            "resource": key,
            "number": number,
            "assigner": assigner,
            "message": record.message,
        }


def _number_in(body: bytes, interface: Interface | None) -> tuple[str, str]:
    """Return the number that a sender gave its patient, and its assigner; empty where it gave none."""
    if interface is not None and interface.fhir is not None:
        claims = claims_of(read_document(body), fhir_source(interface, claim_defaults(interface)))
        known = [one for claim in claims if claim.kind == "Patient" for one in claim.identifiers]
        return (known[0].value, known[0].assigner) if known else ("", "")
    message = parse(body, interface.charset if interface else None)
    return str(message.get("PID-3.1") or ""), str(message.get("PID-3.4.1") or "")
