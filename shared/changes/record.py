"""The canonical record: one message as a FHIR bundle and the notes that say what it changes.

Kept as lines of JSON: a head, then each entry: its resource, a tab, and the rest of it. Whoever wants one resource, or
none, does not read the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from shared.changes.notes import ChangeNotes
from shared.fhir import exact_json
from shared.message.errors import RecordUnreadable
from shared.message.identifiers import Sequence

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class CanonicalRecord:
    """What transform makes of one message; what the archive keeps and destinations are given.

    Attributes:
        bundle: The FHIR bundle, valid R4, as plain dicts. References between its entries are their fullUrls.
        sequence: The place of the message in its source's stream.
    """

    bundle: dict[str, Any]
    notes: ChangeNotes
    sequence: Sequence


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it was encoded, read as far as it is asked for.

    Attributes:
        shell: The bundle without its entries.
        names: The reference of each entry (``Patient/<id>``) by its fullUrl, in entry order.
        lines: Each entry, in the same order: its resource as JSON, a tab, the rest as JSON.
        may_hold_decimals: See `exact_json.loads`.
    """

    shell: dict[str, Any]
    names: Mapping[str, str]
    lines: tuple[bytes, ...]
    notes: ChangeNotes
    sequence: Sequence
    may_hold_decimals: bool


def encode_record(record: CanonicalRecord, written: exact_json.Written | None = None) -> bytes:
    """Return the record as lines; notes that say nothing are left out.

    Args:
        record: The record.
        written: The resources of its bundle as JSON, where the caller has them already.
    """
    sequence, notes, bundle = record.sequence, record.notes, record.bundle
    entries: list[dict[str, Any]] = bundle["entry"]
    texts, has_decimals = written or exact_json.dumps_each(entry["resource"] for entry in entries)
    said = tuple(one for one in notes.resources if one.says_something)
    head = {
        "v": RECORD_VERSION,
        "decimals": has_decimals,
        "sequence": (sequence.source, sequence.epoch, sequence.n),
        "notes": notes if len(said) == len(notes.resources) else replace(notes, resources=said),
        "bundle": {name: value for name, value in bundle.items() if name != "entry"},
        "names": {entry["fullUrl"]: _reference(entry["resource"]) for entry in entries},
    }
    parts = [orjson.dumps(head)]
    for entry, text in zip(entries, texts, strict=True):
        rest = entry.copy()
        del rest["resource"]
        parts += (b"\n", text, b"\t", orjson.dumps(rest))
    return b"".join(parts)  # at once: a line of its own would copy a large resource once more


def open_record(body: bytes) -> KeptRecord:
    """Return the record that `encode_record` wrote, its entries unread.

    Raises:
        RecordUnreadable: it is something else, or of a version not known here.
    """
    first, *lines = body.split(b"\n")
    try:
        head = orjson.loads(first)
        if head["v"] != RECORD_VERSION:
            raise RecordUnreadable("unknown version")
        if len(lines) != len(head["names"]):
            raise RecordUnreadable("entries are missing")
        notes = ChangeNotes.from_json(head["notes"])
        sequence = Sequence(*head["sequence"])
        return KeptRecord(head["bundle"], head["names"], tuple(lines), notes, sequence, head["decimals"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordUnreadable(type(error).__name__) from None


def decode_record(body: bytes) -> CanonicalRecord:
    """Return the record that `encode_record` wrote, whole.

    Raises:
        RecordUnreadable: it is something else, or of a version not known here.
    """
    kept = open_record(body)
    try:
        parts = [line.split(b"\t") for line in kept.lines]
        resources = read_resources([text for text, _ in parts], may_hold_decimals=kept.may_hold_decimals)
        rests = [orjson.loads(rest) for _, rest in parts]
        entries = [
            {"fullUrl": rest.pop("fullUrl"), "resource": resource, **rest}
            for resource, rest in zip(resources, rests, strict=True)
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordUnreadable(type(error).__name__) from None
    return CanonicalRecord({**kept.shell, "entry": entries}, kept.notes, kept.sequence)


def read_resources(texts: Collection[bytes], *, may_hold_decimals: bool) -> list[Any]:
    """Return the values of JSON texts.

    Raises:
        ValueError: one of them is not JSON.
    """
    if may_hold_decimals:
        return [exact_json.loads(text) for text in texts]
    values: list[Any] = orjson.loads(b"[%b]" % b",".join(texts))  # at once: a quarter faster than one by one
    if len(values) != len(texts):
        raise ValueError("one text, several values")
    return values


def _reference(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
