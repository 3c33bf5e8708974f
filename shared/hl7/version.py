"""A message of one HL7 v2 version as a message of another: what that one has no place for becomes a finding.

The tables of both versions say what each knows (``shared.hl7.structure``). Lengths are not among them: HL7 calls them
recommendations from 2.7 on, and nothing is ever cut to fit one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.hl7.delimiters import Delimiters
from shared.hl7.message import Message
from shared.hl7.null import NULL_TEXT
from shared.hl7.parsing import parse
from shared.hl7.segment import Segment, join_fields
from shared.hl7.structure import (
    check_structure,
    nearest_version,
    read_components,
    read_fields,
    read_structure,
    structure_name,
)
from shared.message.finding import Finding

_DRAFT_CHARSET = "UNICODE UTF-8"  # between reading and writing, every character has a place
_WITH_STRUCTURE = (2, 3, 1)  # MSH-9.3 is there from this version on
_WITH_TRUNCATION = (2, 7)  # and the fifth encoding character from this
# A data type under its name in earlier and in later versions, for OBX-2.
_EARLIER = {"CWE": "CE", "CNE": "CE", "DTM": "TS", "XCN": "CN", "XPN": "PN", "XAD": "AD", "XTN": "TN", "CX": "CK"}
_LATER = {"CE": "CWE", "TS": "DTM", "CN": "XCN", "PN": "XPN", "AD": "XAD", "TN": "XTN", "CK": "CX"}
# HL7 2.7 withdrew these and names the field that takes their place; a number of another kind says its type there.
_MOVED: Mapping[tuple[str, int], tuple[int, tuple[str, ...]]] = {
    ("PID", 2): (3, ()),
    ("PID", 4): (3, ()),
    ("PID", 9): (5, ()),
    ("PID", 19): (3, ("", "", "USSSA", "SS")),
}
# PRT came with 2.7: participation, person, begin and end stand in these fields of ROL.
_ROLE_OF_PARTICIPATION = {1: 1, 2: 2, 4: 3, 5: 4, 11: 5, 12: 6}
_NUMBERS = 3  # PID-3: a number that is there already, with its type, says more than the one that would move to it
_VARIES = "varies"
_OF_THE_HEADER = (0, 1, 2, 9, 12)  # name, delimiters, structure and version: written by themselves
_PIECES_FROM, _UNFORMATTED = 5, 12  # components of XTN


@dataclass(slots=True)
class _Reversion:
    """What is asked and noticed while one message takes the form of another version."""

    delimiters: Delimiters
    source: str
    target: str
    findings: list[Finding] = field(default_factory=list)


def in_version(message: Message, version: str, dropped: Collection[str] = ()) -> tuple[Message, tuple[Finding, ...]]:
    """Return a message as another version has it, in UTF-8, and what that version has no place for.

    MSH-12 and MSH-9.3 say the new version. Findings: ``segment_not_in_version`` (Z segments stay),
    ``segment_renamed``, ``field_not_in_version``, ``field_moved``, ``component_not_in_version``,
    ``repetition_not_in_version``, and what ``check_structure`` finds now and did not find before.

    Args:
        dropped: Names of segments to leave out.
    """
    run = _Reversion(message.delimiters, nearest_version(message.version), nearest_version(version))
    segments = [segment for segment in message.segments if segment.name not in dropped]
    kept = [fields for segment in segments if (fields := _in_version(segment, run))]
    _head(kept[0], message, version, run.target)
    separator = message.delimiters.field
    lines = (_without_truncation(join_fields(fields, separator), message.delimiters, version) for fields in kept)
    found = parse("".join(f"{line}\r" for line in lines).encode(), _DRAFT_CHARSET)
    noticed = check_structure(found)
    known = set(check_structure(message)) if noticed else set()
    known |= {Finding("segment_missing", name) for name in dropped}
    return found, (*run.findings, *(each for each in noticed if each not in known))


def _in_version(segment: Segment, run: _Reversion) -> list[str] | None:
    """Return the fields of a segment in another version; None where that does not have the segment."""
    fields, name = list(segment.fields), segment.name
    place = name if segment.number == 1 else f"{name}({segment.number})"
    if name.startswith("Z"):
        return fields
    if name == "PRT" and not read_fields(run.target, name) and read_fields(run.target, "ROL") and segment.raw(5):
        run.findings.append(Finding("segment_renamed", place, "ROL"))
        fields, name = _role(fields), "ROL"
    rules, known = read_fields(run.target, name), read_fields(run.source, name)
    if not rules:
        run.findings.append(Finding("segment_not_in_version", place))
        return None
    value_types = ("", "")
    if name == "OBX" and len(fields) > 2:
        value_types = fields[2], _value_type(fields[2], run.target)
        fields[2] = value_types[1]
    written = _OF_THE_HEADER if name == "MSH" else (0,)
    for number in [number for number, value in enumerate(fields) if value and number not in written]:
        if number not in rules or rules[number].most == 0:
            _move(fields, number, f"{place}-{number}", name, run)
    for number, value in enumerate(fields):
        if value and not value.isalnum() and number not in written:  # a plain value has nothing that can be too much
            rule = rules[number]
            types = known[number].data_type if number in known else "", rule.data_type
            types = value_types if rule.data_type == _VARIES else types
            fields[number] = _fitted(value, rule.most, types, f"{place}-{number}", run)
    while len(fields) > 1 and not fields[-1]:
        fields.pop()
    return fields


def _role(fields: list[str]) -> list[str]:
    role = ["ROL", *[""] * 6]
    for number, place in _ROLE_OF_PARTICIPATION.items():
        role[place] = fields[number] if number < len(fields) else ""
    return role


def _move(fields: list[str], number: int, place: str, name: str, run: _Reversion) -> None:
    """Move a value whose field is gone to the one that takes its place, or leave it out."""
    value, fields[number] = fields[number], ""
    moved = _MOVED.get((name, number))
    if moved is None or value == NULL_TEXT:
        run.findings.append(Finding("field_not_in_version", place))
        return
    target, ending = moved
    mark, component = run.delimiters.repetition, run.delimiters.component
    fields.extend([""] * (target + 1 - len(fields)))
    repetitions = fields[target].split(mark) if fields[target] else []
    moving = component.join([value, *ending])
    is_there = moving in repetitions
    if target == _NUMBERS:
        is_there = _number(moving, component) in {_number(each, component) for each in repetitions}
    if not is_there:
        fields[target] = mark.join([*repetitions, moving])
    run.findings.append(Finding("field_moved", place, f"{name}-{target}"))


def _number(value: str, component: str) -> tuple[str, str]:
    """Return what one number of several is known by: itself and who assigned it."""
    parts = [*value.split(component), "", "", ""]
    return parts[0], parts[3]


def _value_type(sent: str, version: str) -> str:
    """Return OBX-2 under its name in a version; as it was sent if there is none."""
    names = (sent, _EARLIER.get(sent, ""), _LATER.get(sent, ""))
    return next((each for each in names if each and read_components(version, each) is not None), sent)


def _fitted(value: str, most: int | None, types: tuple[str, str], place: str, run: _Reversion) -> str:
    """Return a field without the repetitions and components that a version does not have."""
    mark = run.delimiters.repetition
    if mark not in value and run.delimiters.component not in value and run.delimiters.subcomponent not in value:
        return value  # most are: nothing in it can be too much
    if mark not in value:
        return _trimmed(value, types, place, run)
    repetitions = value.split(mark)
    if most and len(repetitions) > most:
        run.findings.append(Finding("repetition_not_in_version", place, f"{len(repetitions)} of {most}"))
        repetitions = repetitions[:most]
    places = (place, *(f"{place}[{number}]" for number in range(2, len(repetitions) + 1)))
    return mark.join(_trimmed(each, types, where, run) for each, where in zip(repetitions, places, strict=True))


def _trimmed(value: str, types: tuple[str, str], place: str, run: _Reversion) -> str:
    """Return one repetition with the components that its type has in the other version."""
    components = read_components(run.target, types[1])
    inner = read_components(run.source, types[0]) or ()
    if components is None or not (components or inner):
        return value  # no type known, or a text on both sides: a separator in it is part of it
    mark = run.delimiters.component
    if value.count(mark) < len(components) and run.delimiters.subcomponent not in value and not value.startswith(mark):
        return value.rstrip(mark)  # it has no more components than there are, and nothing to rescue
    parts = _rescued(value.split(mark), types[1], len(components) or 1)
    _tell_cut(parts, len(components) or 1, types[1], place, run)
    parts = parts[: len(components) or 1]
    for number, part in enumerate(parts):
        if run.delimiters.subcomponent in part and number < len(components):
            source = inner[number] if number < len(inner) else ""
            parts[number] = _trimmed_inside(part, (source, components[number]), f"{place}.{number + 1}", run)
    return mark.join(parts).rstrip(mark)


def _trimmed_inside(value: str, types: tuple[str, str], place: str, run: _Reversion) -> str:
    """Return one component with the subcomponents that its type has in the other version."""
    known, sent = read_components(run.target, types[1]), read_components(run.source, types[0])
    if known is None or not (known or sent):
        return value
    mark, most = run.delimiters.subcomponent, len(known) or 1
    parts = value.split(mark)
    _tell_cut(parts, most, types[1], place, run)
    return mark.join(parts[:most]).rstrip(mark)


def _tell_cut(parts: list[str], most: int, data_type: str, place: str, run: _Reversion) -> None:
    for number in range(most, len(parts)):
        if parts[number]:
            run.findings.append(Finding("component_not_in_version", f"{place}.{number + 1}", data_type))


def _rescued(parts: list[str], data_type: str, most: int) -> list[str]:
    """Move what a type says elsewhere in its earlier form: the text of a code, the pieces of a telephone number."""
    if data_type == "CE" and len(parts) > 8 and parts[8] and not parts[1]:
        parts[1], parts[8] = parts[8], ""
    if data_type in ("XTN", "TN") and most < _UNFORMATTED and not parts[0]:
        padded = [*parts, *[""] * _UNFORMATTED]
        country, area, local, extension = padded[4:8]
        if padded[_UNFORMATTED - 1]:
            parts[0], parts[_UNFORMATTED - 1] = padded[_UNFORMATTED - 1], ""
        elif local and most < _PIECES_FROM:
            parts[0] = (f"{country} " if country else "") + (f"({area})" if area else "") + local
            parts[0] += f"X{extension}" if extension else ""
            parts[4:8] = [""] * len(parts[4:8])
    return parts


def _head(header: list[str], message: Message, version: str, tables: str) -> None:
    """Write version and structure into MSH."""
    header += [""] * (13 - len(header))
    component = message.delimiters.component
    header[12] = component.join([version, *header[12].split(component)[1:]]).rstrip(component)
    parts = header[9].split(component)[:2]
    if _numbers(version) >= _WITH_STRUCTURE:
        named = structure_name(message)
        if parts != ["ACK"] and read_structure(tables, named) is not None:
            parts = [*parts, *[""] * (2 - len(parts)), named]
        elif len(header[9].split(component)) > 2:
            parts = header[9].split(component)
    header[9] = component.join(parts)


def _without_truncation(line: str, delimiters: Delimiters, version: str) -> str:
    r"""Return a line without the truncation character, which is new in 2.7; ``\P\`` becomes the letter."""
    mark = delimiters.truncation
    if not mark or _numbers(version) >= _WITH_TRUNCATION:
        return line
    if line.startswith("MSH"):
        line = line[:8] + line[9:] if line[8:9] == mark else line
    return line.replace(f"{delimiters.escape}P{delimiters.escape}", mark)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
