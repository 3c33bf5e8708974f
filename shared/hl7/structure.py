"""What the standard says of a message: its structure, its segments and their fields, by version.

The tables are hl7apy's, loaded when somebody asks; its parser is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from shared.hl7.message import Message
from shared.hl7.segment import Segment
from shared.message.finding import Finding

_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,3}")
_DEFAULT_VERSION = "2.5.1"

# HL7 table 0104.
VERSIONS = frozenset(
    "2.0 2.0D 2.1 2.2 2.3 2.3.1 2.3.2 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2 2.9".split()  # noqa: SIM905
)

# HL7 table 0354: events that share the structure of another, for messages that leave MSH-9.3 out.
_SHARED = {
    "ADT_A01": "A04 A08 A13",
    "ADT_A05": "A14 A28 A31",
    "ADT_A06": "A07",
    "ADT_A09": "A10 A11 A12",
    "ADT_A21": "A22 A23 A25 A26 A27 A29 A32 A33",
    "ADT_A30": "A34 A35 A36 A46 A47 A48 A49",
    "ADT_A39": "A40 A41 A42",
    "ADT_A43": "A44",
    "ADT_A50": "A51",
    "ADT_A52": "A53",
    "ADT_A54": "A55",
    "ADT_A61": "A62",
    "MDM_T01": "T03 T05 T07 T09 T11",
    "MDM_T02": "T04 T06 T08 T10",
    "PGL_PC6": "PC7 PC8",
    "PPG_PCG": "PCH PCJ",
    "PPP_PCB": "PCC PCD",
    "PPR_PC1": "PC2 PC3",
    "REF_I12": "I13 I14 I15",
    "RPA_I08": "I09 I10 I11",
    "RQA_I08": "I09 I10 I11",
    "SIU_S12": "S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26",
    "SRM_S01": "S02 S03 S04 S05 S06 S07 S08 S09 S10 S11",
    "SRR_S01": "S02 S03 S04 S05 S06 S07 S08 S09 S10 S11",
}
# hl7apy lists of the primitive types only those that it checks.
_PRIMITIVES = frozenset({"ST", "TX", "FT", "ID", "IS", "NM", "SI", "DT", "TM", "GTS"})
_STRUCTURE_OF = {f"{name[:3]}_{event}": name for name, events in _SHARED.items() for event in events.split()}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What the standard says of one field.

    Attributes:
        data_type: ``CX``; ``varies`` for OBX-5; empty where the field is withdrawn.
        table: ``HL70001``, or None.
        is_required: In every message of this version.
        most: The largest number of repetitions; None when there is no limit, 0 when the field is withdrawn.
    """

    data_type: str
    table: str | None
    is_required: bool
    most: int | None


@dataclass(frozen=True, slots=True)
class Structure:
    """The segments of a message structure.

    Attributes:
        segments: All that it allows, by name.
        required: Those that every such message has: required themselves, and in no optional group.
    """

    segments: frozenset[str]
    required: tuple[str, ...]


def check_structure(message: Message) -> list[Finding]:
    """Return where a message differs from the standard of its version; none of it stops a message.

    ``structure_unknown``, ``segment_missing``, ``segment_unexpected`` (never for a Z segment), ``field_missing``,
    ``field_repeats_too_often``. One finding for each place.
    """
    version = nearest_version(message.version)
    structure = read_structure(version, structure_name(message))
    if structure is None:
        findings = [Finding("structure_unknown", "MSH-9", version)]
    else:
        names = dict.fromkeys(segment.name for segment in message.segments)
        findings = [Finding("segment_missing", name) for name in structure.required if name not in names]
        unexpected = (name for name in names if name not in structure.segments and not name.startswith("Z"))
        findings += [Finding("segment_unexpected", name) for name in unexpected]
    for segment in message.segments:
        findings += _check_fields(segment, version)
    return findings


def _check_fields(segment: Segment, version: str) -> Iterator[Finding]:
    place = segment.name if segment.number == 1 else f"{segment.name}({segment.number})"
    fields, mark = segment.fields, segment.delimiters.repetition
    for number in _required_fields(version, segment.name):
        if number >= len(fields) or not fields[number]:
            yield Finding("field_missing", f"{place}-{number}")
    repeating = [number for number, value in enumerate(fields) if mark in value]
    for number in repeating:
        rule = read_fields(version, segment.name).get(number)
        if rule is not None and rule.most and (count := len(segment.repeats(number))) > rule.most:
            yield Finding("field_repeats_too_often", f"{place}-{number}", f"{count} of {rule.most}")


@lru_cache(maxsize=2048)
def _required_fields(version: str, segment: str) -> tuple[int, ...]:
    return tuple(number for number, rule in read_fields(version, segment).items() if rule.is_required)


def structure_name(message: Message) -> str:
    """Return the message structure: MSH-9.3, or the one its code and event belong to."""
    if message.code == "ACK":
        return "ACK"
    named = message.structure or f"{message.code}_{message.event}".rstrip("_")
    return _STRUCTURE_OF.get(named, named)


@lru_cache(maxsize=64)
def nearest_version(version: str) -> str:
    """Return the version whose tables serve ``version``: itself, else the one before it; 2.5.1 when it is none."""
    known = sorted(_libraries(), key=_numbers)
    if not _VERSION.fullmatch(version):
        return _DEFAULT_VERSION
    earlier = [each for each in known if _numbers(each) <= _numbers(version)]
    return earlier[-1] if earlier else known[0]


@lru_cache(maxsize=256)
def is_before(version: str, other: str) -> bool:
    """Tell whether a version of the standard comes before another; what is none counts as 2.5.1."""
    return _numbers(version if _VERSION.fullmatch(version) else _DEFAULT_VERSION) < _numbers(other)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


@lru_cache(maxsize=512)
def read_structure(version: str, name: str) -> Structure | None:
    """Return the segments of a message structure; None when the version does not know it."""
    node = _library(version).MESSAGES.get(name, ())
    if not _children(node):  # hl7apy lists some segments among the messages, empty
        return None
    found = list(_walk(node, is_required=True))
    required = dict.fromkeys(name for name, is_required in found if is_required)
    return Structure(frozenset(name for name, _ in found), tuple(required))


@lru_cache(maxsize=2048)
def read_fields(version: str, segment: str) -> Mapping[int, FieldRule]:
    """Return the rules of a segment's fields, by number; none for a segment the version does not know."""
    node = _library(version).SEGMENTS.get(segment, ())
    fields = [child[:3] for child in _children(node) if child[0].startswith(f"{segment}_")]
    return MappingProxyType({int(name[4:]): _rule(field, counts) for name, field, counts in fields})


@lru_cache(maxsize=2048)
def read_components(version: str, data_type: str) -> tuple[str, ...] | None:
    """Return the data types of the components of a data type; none for a primitive, None for one it does not know."""
    library = _library(version)
    if data_type == "CM":  # a composite of which the early versions say no parts
        return None
    node = library.DATATYPES_STRUCTS.get(data_type)
    if node is not None:
        return tuple(_type_of(child[1]) for child in node)
    return () if data_type in _PRIMITIVES or data_type in library.BASE_DATATYPES else None


def _type_of(node: Any) -> str:
    return str(node[2] or "") if isinstance(node, tuple | list) and len(node) > 2 else ""


def _rule(node: Any, counts: tuple[int, int]) -> FieldRule:
    least, most = counts
    _, _, data_type, _, table, *_ = node
    return FieldRule(data_type or "", table, least > 0, None if most < 0 else most)


def _walk(node: Any, is_required: bool) -> Iterator[tuple[str, bool]]:
    """Yield each segment below a node, and whether nothing on the way to it is optional."""
    for name, child, (least, _), kind in _children(node):
        if kind == "SEG":
            yield name, is_required and least > 0
        else:
            yield from _walk(child, is_required and least > 0 and node[0] != "choice")


def _children(node: Any) -> Any:
    # Some entries of hl7apy are empty, and one of 2.1 lacks its kind.
    return node[1] or () if len(node) > 1 and node[0] in ("sequence", "choice") else ()


def _libraries() -> Mapping[str, Any]:
    import hl7apy

    return dict(hl7apy.SUPPORTED_LIBRARIES)


def _library(version: str) -> Any:
    import hl7apy

    return hl7apy.load_library(version)
