"""Ordering keys as a replay sees them: whose they are, and whether they still are."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Any

from shared.fhir_in.claims import claims_of
from shared.fhir_in.document import read_document
from shared.hl7 import parse
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import OrderingKey
from shared.message.patient import PatientHash, patient_hash
from shared.message.record import MessageRecord
from shared.mpi import claim_defaults
from shared.ports import Archive
from shared.registry.fhir_source import fhir_source

if TYPE_CHECKING:
    from shared.mpi import PersonIndex
    from shared.registry import Interface, Registry


class Patients:
    """Counts the patients among ordering keys, and keeps the first of their hashes: some 70 bytes for each key.

    Args:
        shown: How many hashes are kept.
    """

    def __init__(self, hub_key: bytes, shown: int) -> None:
        self._hub_key = hub_key
        self._shown = shown
        self._seen: set[int] = set()
        self._hashes: list[PatientHash] = []
        self._count = 0

    def add(self, key: OrderingKey) -> bool:
        """Count a key, and return whether it is a new one."""
        hashed = patient_hash(key, self._hub_key)
        if (number := int(hashed, 16)) in self._seen:
            return False
        self._seen.add(number)
        if "/" in key:
            self._count += 1
            insort(self._hashes, hashed)
            del self._hashes[self._shown :]
        return True

    @property
    def keys(self) -> int:
        """How many ordering keys there are, of patients or not."""
        return len(self._seen)

    def told(self) -> dict[str, Any]:
        """Return the count, and the first hashes in their order."""
        return {"count": self._count, "hashes": list(self._hashes)}


class MovedKeys:
    """Knows the keys that gave way in a merge."""

    def __init__(self, *, archive: Archive, persons: PersonIndex, registry: Registry) -> None:
        self._archive = archive
        self._persons = persons
        self._registry = registry

    async def has_moved(self, record: MessageRecord) -> bool:
        """Tell whether the person or visit of a message's key is another record by now.

        Its messages would write old facts to the surviving record, whose own messages they are not in line with.
        """
        kind, is_resource, resource = record.key.partition("/")
        interface = self._registry.interfaces.get(record.interface)
        if not is_resource or interface is None:
            return False
        try:
            known = await self._known(await self._archive.get(record.raw), interface, kind)
        except IntegrationError:
            return False  # it will stop at transform, where the reason is told
        return known not in (None, resource)

    async def _known(self, body: bytes, interface: Interface, kind: str) -> str | None:
        if interface.fhir is None:
            return await self._persons.known_subject_of(parse(body, interface.charset), interface, kind)
        claims = claims_of(read_document(body), fhir_source(interface, claim_defaults(interface)))
        own = next((claim for claim in claims if claim.kind == kind), None)
        return None if own is None else await self._persons.known_of(own)
