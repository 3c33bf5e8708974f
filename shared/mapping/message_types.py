"""Which segments of which message become what, as a page for people (docs/mapping-types.md)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from shared.changes.rows import EVENTS
from shared.hl7 import parse
from shared.hl7.structure import read_fields, read_structure, structure_name
from shared.mapping import not_carried
from shared.mapping.registry import HANDLERS, TABLES

VERSIONS = ("2.8.2", "2.5.1", "2.3.1", "2.2")
_ANY = "ANYHL7SEGMENT"

_HEAD = f"""# What is mapped, by message type and segment

Written by `python -m shared.mapping.message_types` from the families in `shared/mapping`, the events of
`shared/changes/rows.py` and the standard's own structures (version {VERSIONS[0]}, or the last that has it); a test
keeps it true. The rows themselves: [mapping-rows.md](mapping-rows.md).

## Messages

Any segment is mapped wherever it stands; listed is what the standard's structure has. An event that is not listed
converts as well, and the store quarantines it (`STORE-010`).

| message | events | segments mapped | segments not mapped |
|---|---|---|---|
"""
_SEGMENTS = f"""
## Segments

*Not carried* fields have a declared reason; *open* ones (of version {VERSIONS[0]}) have no row yet and count as lost in
a mapping report.

| segment | becomes | fields mapped | not carried | open |
|---|---|---|---|---|
"""
# What no resource is made of: the header is read before any family, and these say how the message travels.
_KNOWN = frozenset(HANDLERS) | {"MSH"}
_MAPPED = _KNOWN - frozenset(not_carried.HANDLERS)


def types_page() -> str:
    """Return the page as Markdown."""
    return _HEAD + "".join(_messages()) + _SEGMENTS + "".join(_segments())


def _messages() -> Iterator[str]:
    for code in sorted({*EVENTS, "ACK"}):
        events = sorted(event for event in EVENTS.get(code, ("",)) if event or len(EVENTS.get(code, ("",))) == 1)
        by_segments = sorted((_segments_of(code, event), event) for event in events)
        for segments, among in groupby(by_segments, key=lambda pair: pair[0]):
            names = ", ".join(event for _, event in among if event)
            mapped = " ".join(name for name in segments if name in _MAPPED)
            open_ = " ".join(name for name in segments if name not in _MAPPED)
            shown = mapped if segments else "those of its segments"
            yield f"| {code} | {names} | {shown} | {open_} |\n"


def _segments_of(code: str, event: str) -> tuple[str, ...]:
    name = structure_name(parse(f"MSH|^~\\&|||||||{code}^{event}||P|2.5\r".encode()))
    structures = (read_structure(version, name) for version in VERSIONS)
    found = next((structure for structure in structures if structure is not None), None)
    return tuple(sorted(found.segments - {_ANY})) if found else ()


def _segments() -> Iterator[str]:
    for name in sorted(_KNOWN):
        tables = [table for table in TABLES if table.segment == name]
        kinds = sorted({row.target.partition(".")[0] for table in tables for row in table.rows})
        mapped = {row.number for table in tables for row in table.rows}
        ignored = {number for table in tables for number in table.ignored} - mapped
        open_ = [number for number in sorted(read_fields(VERSIONS[0], name)) if number not in mapped | ignored]
        shown = ", ".join(str(number) for number in open_)
        yield f"| {name} | {', '.join(kinds)} | {len(mapped)} | {len(ignored)} | {shown} |\n"


if __name__ == "__main__":
    print(types_page(), end="")
