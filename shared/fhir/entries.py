"""How the entries of a bundle are addressed: what a reference may call them, and that no two answer to one name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from shared.message.finding import Finding

Json = dict[str, Any]
FULL_URL = re.compile(
    r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|urn:oid:[0-2](\.(0|[1-9]\d*))+|https?:\S+"
)


def known_types(entries: list[Json]) -> dict[str, str]:
    """Return the types of the resources of a bundle by what a reference may call them: fullUrl, and ``Type/id``."""
    known: dict[str, str] = {}
    for entry in entries:
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if isinstance(resource, dict) and isinstance(name := resource.get("resourceType"), str):
            known[f"{name}/{resource.get('id')}"] = name
            if isinstance(url, str):
                known[url] = name
    return known


def check_addresses(entries: list[Json], *, is_history: bool) -> Iterator[Finding]:
    """Yield the entries whose fullUrl is used or shaped wrongly.

    Args:
        entries: The entries of a bundle that are objects.
        is_history: In a history one fullUrl stands for many versions (bdl-7).
    """
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(entries):
        url = entry.get("fullUrl")
        if not isinstance(url, str):
            continue
        if not FULL_URL.fullmatch(url):
            yield Finding("fhir_url", f"Bundle.entry[{index}].fullUrl", "is not absolute")
        address = (url, version_of(entry.get("resource")))
        if address in seen and not is_history:
            yield Finding("fhir_invariant", f"Bundle.entry[{index}]", "bdl-7")
        seen.add(address)


def version_of(resource: object) -> str:
    """Return the version of a resource; empty where it has none."""
    meta = resource.get("meta") if isinstance(resource, dict) else None
    return str(meta.get("versionId", "")) if isinstance(meta, dict) else ""
