"""Ordering keys as a replay sees them: whose they are, and whether they still are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.fhir_in.claims import claims_of
from shared.fhir_in.document import read_document
from shared.hl7 import parse
from shared.message.errors.base import IntegrationError
from shared.message.record import MessageRecord
from shared.mpi import claim_defaults
from shared.ports import Archive
from shared.registry.fhir_source import fhir_source

if TYPE_CHECKING:
    from shared.mpi import PersonIndex
    from shared.registry import Interface, Registry


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
        own = [claim for claim in claims if claim.kind == kind][:1]
        return next(iter((await self._persons.lookup(own)).ids.values()), None)
