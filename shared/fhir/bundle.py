"""Builds the bundle that transform gives on: a transaction of changes, each addressed by type and id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

Json = dict[str, Any]


def put_entry(resource: Json, full_url: str) -> Json:
    """Return the entry that writes a resource under its own type and id.

    Args:
        resource: Has ``resourceType`` and ``id``.
        full_url: What other resources of the bundle refer to: ``urn:uuid:...``.
    """
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": url}}


def join_entries(bundle: Json, texts: Iterable[bytes]) -> bytes:
    """Return a bundle as JSON.

    Args:
        bundle: Its entries are objects.
        texts: Their resources as JSON, in the same order.
    """
    pairs = zip(bundle["entry"], texts, strict=True)
    return orjson.dumps({**bundle, "entry": [{**entry, "resource": orjson.Fragment(text)} for entry, text in pairs]})


def transaction(entries: Iterable[Json], **elements: Any) -> Json:
    """Return a transaction of entries; without any, it has no ``entry`` at all, for FHIR has no empty lists.

    Args:
        entries: As ``put_entry`` makes them.
        elements: Further elements of the Bundle: ``id``, ``timestamp``, ``meta``.
    """
    bundle: Json = {"resourceType": "Bundle", **elements, "type": "transaction"}
    listed = list(entries)
    if listed:
        bundle["entry"] = listed
    return bundle
