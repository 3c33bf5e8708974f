"""The canonical record: one message as a FHIR bundle and the notes that say what it changes.

Kept as lines of JSON: a head, then the resource of each entry. Whoever wants one resource, or none, does not read the
others. References between entries are written as a store knows them (``Patient/<id>``), so that the store takes the
very bytes; whoever wants the bundle gets the fullUrls back. What all entries have alike is not written: the fullUrl is
the id as an URN, the request a PUT.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from shared.changes.notes import ChangeNotes
from shared.changes.references import redirect
from shared.fhir import exact_json
from shared.message.errors.mapping import RecordUnreadable
from shared.message.identifiers import Sequence as Place

RECORD_VERSION = 2

# What says how a message travelled. The ledger keeps it for every message; a store keeps what is about patients.
_HEADER = b"MessageHeader/"
_TRAVEL = frozenset({"MessageHeader", "OperationOutcome", "Parameters"})
_JOINED_BYTES = 1 << 20
_TRAVELLERS = frozenset({"Device", "Endpoint", "Organization"})  # stored when something about a patient refers to them


@dataclass(frozen=True, slots=True)
class CanonicalRecord:
    """What transform makes of one message; what the archive keeps and destinations are given.

    Attributes:
        bundle: The FHIR bundle, valid R4, as plain dicts. References between its entries are their fullUrls.
        sequence: The place of the message in its source's stream.
    """

    bundle: dict[str, Any]
    notes: ChangeNotes
    sequence: Place


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it was encoded, read as far as it is asked for.

    Attributes:
        shell: The bundle without its entries.
        names: The reference of each entry (``Patient/<id>``).
        stored: For each entry ``1`` if a store takes it.
        texts: The resource of each entry as JSON.
        may_hold_decimals: See `exact_json.loads`.
    """

    shell: dict[str, Any]
    names: tuple[str, ...]
    stored: str
    texts: tuple[bytes, ...]
    notes: ChangeNotes
    sequence: Place
    may_hold_decimals: bool


def encode_record(record: CanonicalRecord, written: exact_json.Written | None = None) -> bytes:
    """Return the record as lines.

    Args:
        record: The record.
        written: The resources of its bundle as JSON, where the caller has them already.
    """
    sequence, bundle = record.sequence, record.bundle
    entries: list[dict[str, Any]] = bundle["entry"]
    resources = [entry["resource"] for entry in entries]
    types = [resource["resourceType"] for resource in resources]
    names = [f"{kind}/{resource['id']}" for kind, resource in zip(types, resources, strict=True)]
    urls = {entry["fullUrl"].encode(): name.encode() for entry, name in zip(entries, names, strict=True)}
    texts, has_decimals = written or exact_json.dumps_each(resources)
    pieces, targets = redirect(texts, urls)
    head = {
        "v": RECORD_VERSION,
        "decimals": has_decimals,
        "sequence": (sequence.source, sequence.epoch, sequence.n),
        "notes": record.notes.to_json(),
        "bundle": {name: value for name, value in bundle.items() if name != "entry"},
        "names": names,
        "stored": _stored(types, [name.encode() for name in names], targets),
    }
    return b"".join([orjson.dumps(head), b"\n", *pieces])  # at once: lines would copy a large resource once more


def _stored(types: Sequence[str], names: Iterable[bytes], targets: Sequence[Sequence[bytes]]) -> str:
    """Return which entries a store takes: those about patients, and what they refer to."""
    about = [
        kind not in _TRAVEL and not (kind == "Provenance" and any(target.startswith(_HEADER) for target in of_entry))
        for kind, of_entry in zip(types, targets, strict=True)
    ]
    referred = {target for is_about, of_entry in zip(about, targets, strict=True) if is_about for target in of_entry}
    entries = zip(about, types, names, strict=True)
    return "".join(
        ["1" if is_about and (kind not in _TRAVELLERS or name in referred) else "0" for is_about, kind, name in entries]
    )


def open_record(body: bytes) -> KeptRecord:
    """Return the record that `encode_record` wrote, its entries unread.

    Raises:
        RecordUnreadable: it is something else, or of a version not known here.
    """
    first, *texts = body.split(b"\n")
    try:
        head = orjson.loads(first)
        if head["v"] != RECORD_VERSION:
            raise RecordUnreadable("unknown version")
        names, stored = tuple(head["names"]), head["stored"]
        if not len(texts) == len(names) == len(stored):
            raise RecordUnreadable("entries are missing")
        notes, sequence = ChangeNotes.from_json(head["notes"]), Place(*head["sequence"])
        return KeptRecord(head["bundle"], names, stored, tuple(texts), notes, sequence, head["decimals"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordUnreadable(type(error).__name__) from None


def decode_record(body: bytes) -> CanonicalRecord:
    """Return the record that `encode_record` wrote, whole.

    Raises:
        RecordUnreadable: it is something else, or of a version not known here.
    """
    kept = open_record(body)
    urls = {name.encode(): full_url_of(name).encode() for name in kept.names}
    try:
        texts = b"".join(redirect(kept.texts, urls)[0]).split(b"\n")
        resources = read_resources(texts, may_hold_decimals=kept.may_hold_decimals)
    except ValueError as error:
        raise RecordUnreadable(type(error).__name__) from None
    entries = [
        {"fullUrl": full_url_of(name), "resource": resource, "request": {"method": "PUT", "url": name}}
        for name, resource in zip(kept.names, resources, strict=True)
    ]
    return CanonicalRecord({**kept.shell, "entry": entries}, kept.notes, kept.sequence)


def full_url_of(reference: str) -> str:
    """Return the fullUrl of the entry that a store knows by this reference."""
    return "urn:uuid:" + reference.partition("/")[2]


def read_resources(texts: Collection[bytes], *, may_hold_decimals: bool) -> list[Any]:
    """Return the values of JSON texts.

    Raises:
        ValueError: one of them is not JSON.
    """
    if may_hold_decimals:
        return [exact_json.loads(text) for text in texts]
    if sum(map(len, texts)) > _JOINED_BYTES:
        return [orjson.loads(text) for text in texts]
    values: list[Any] = orjson.loads(b"[%b]" % b",".join(texts))  # at once: a quarter faster than one by one
    if len(values) != len(texts):
        raise ValueError("one text, several values")
    return values
