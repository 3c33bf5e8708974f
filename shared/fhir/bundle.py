"""Builds and writes the bundle that transform gives on: a transaction of changes, each addressed by type and id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from shared.fhir.exact_json import Written, fitted, noting

Json = dict[str, Any]
Leads = dict[str, str]  # the type of each resource that is referred to, by fullUrl

_LONG = 256  # entries: the texts of fewer are used and gone before their size matters


class SharedEntry(dict[str, Any]):
    """An entry that many bundles hold, and so nobody changes: what was found out about it stays with it.

    Attributes:
        text: Its resource as JSON, once it was written; None where that holds a decimal, which each bundle notes.
        whole: All of it as JSON, once a bundle was joined of it and others.
        sound: Once judged sound: its fullUrl, its type, how long it is without its id, and where its references lead.
    """

    __slots__ = ("sound", "text", "whole")

    def __init__(self, entry: Json) -> None:
        super().__init__(entry)
        self.text: bytes | None = None
        self.whole: orjson.Fragment | None = None
        self.sound: tuple[str, str, int, Leads] | None = None


def put_entry(resource: Json, full_url: str) -> Json:
    """Return the entry that writes a resource under its own type and id.

    Args:
        resource: Has ``resourceType`` and ``id``.
        full_url: What other resources of the bundle refer to: ``urn:uuid:...``.
    """
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": url}}


def write_entries(entries: Sequence[Json]) -> Written:
    """Return the resource of each entry as JSON; those of shared entries are written once.

    Raises:
        KeyError, TypeError: One is no entry, or JSON cannot hold it.
    """
    decimals: list[object] = []
    note = noting(decimals)
    is_long = len(entries) > _LONG
    texts = []
    for entry in entries:
        text = entry.text if type(entry) is SharedEntry else None
        if text is None:
            before = len(decimals)
            text = orjson.dumps(entry["resource"], note)
            if is_long:
                text = fitted(text)
            if type(entry) is SharedEntry and len(decimals) == before:
                text = entry.text = fitted(text)
        texts.append(text)
    return Written(texts, bool(decimals))


def join_entries(bundle: Json, texts: Iterable[bytes]) -> bytes:
    """Return a bundle as JSON.

    Args:
        bundle: Its entries are objects.
        texts: Their resources as JSON, in the same order.
    """
    pairs = zip(bundle["entry"], texts, strict=True)
    return orjson.dumps({**bundle, "entry": [_joined(entry, text) for entry, text in pairs]})


def _joined(entry: Json, text: bytes) -> Json | orjson.Fragment:
    """Return an entry with its resource as it is written; one that is shared is written once, whole."""
    if not isinstance(entry, SharedEntry) or entry.text is not text:
        return {**entry, "resource": orjson.Fragment(text)}
    if entry.whole is None:
        entry.whole = orjson.Fragment(fitted(orjson.dumps({**entry, "resource": orjson.Fragment(text)})))
    return entry.whole


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
