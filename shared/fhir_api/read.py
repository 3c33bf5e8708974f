"""Read and search the canonical store over FHIR REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.message.errors.pipeline import NotFound, RequestInvalid
from shared.ports import FhirStore

SEARCH_PARAMETERS = frozenset({"_id", "identifier", "patient", "subject"})


class FhirApi:
    """The read side of a FHIR R4 server, over the store."""

    def __init__(self, store: FhirStore) -> None:
        self._store = store

    async def read(self, resource_type: str, resource_id: str) -> dict[str, Any]:
        """Return one resource.

        Raises:
            NotFound: the store does not hold it.
        """
        reference = f"{resource_type}/{resource_id}"
        found = await self._store.read([reference])
        if reference not in found:
            raise NotFound(reference)
        return found[reference].resource

    async def search(self, resource_type: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return a searchset Bundle, newest first.

        Raises:
            RequestInvalid: a parameter is not one of `SEARCH_PARAMETERS`: ignoring it would widen the answer.
        """
        unknown = sorted(set(parameters) - SEARCH_PARAMETERS)
        if unknown:
            raise RequestInvalid(f"search parameter not supported; supported: {', '.join(sorted(SEARCH_PARAMETERS))}")
        found = await self._store.search(resource_type, parameters)
        return {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "entry": [
                {
                    "fullUrl": f"urn:uuid:{stored.resource['id']}",
                    "resource": stored.resource,
                    "search": {"mode": "match"},
                }
                for stored in found
            ],
        }
