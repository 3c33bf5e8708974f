"""Which numbers of a segment are trusted to name somebody, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from shared.hl7 import Message, Segment
from shared.mapping.claims.claim import NO_FLAGS, ClaimDefaults, KnownBy

# Numbers that senders put into PID-3 and that name something else, or several people: of a visit, an account or a
# specimen, an institution, an employer, a guarantor, a case, a payment card, and what a family has together with an
# insurer or a registry (docs/decisions/0183).
NOT_A_PERSON = frozenset(
    {"AN", "VN", "AC", "ACSN", "ANON", "ANC", "AND", "ANT", "BA", "BC", "FI", "XX", "GN", "MA", "MC"}
    | {"AM", "ASID", "CC", "CY", "DI", "DS", "EN", "GI", "GL", "LACSN", "MB", "MCT", "MS", "NE", "NII", "NIIP", "QA"}
    | {"SID", "SN", "USID", "VS", "WC", "WCN"}
)

# What a message may be sent with otherwise and stay the same: line ends, marks of frames and files.
_BETWEEN_SEGMENTS = b"\x00\x0b\r\n\x1a\x1c"
_PLACEHOLDER_BEGINS = frozenset('09XxUuNnTt-?"')
_PLACEHOLDER = re.compile(
    r"0+|9{3,}|X{2,}|-+|\?+|\"\"|UNK(NOWN)?|NONE|NULL|N/?A|TEMP|TBD|NO ?MRN|NOT ?AVAILABLE", re.IGNORECASE
)


class Sender:
    """What the header and the interface say about every number of a message."""

    __slots__ = ("_message", "_this_message", "assigner", "defaults", "sent")

    def __init__(self, message: Message, header: Segment, defaults: ClaimDefaults) -> None:
        self._message = message
        self._this_message: tuple[str, ...] = ()
        self.defaults = defaults
        self.assigner = default_assigner(header, defaults)
        self.sent = header.text(7)

    def this_message(self) -> tuple[str, ...]:
        """Return the key of what has no number: it exists in this message only.

        Control id and time do not tell messages apart: an export has one time for all, and many an engine one control
        id, or none. Two unknown persons are two, and so are two results (docs/decisions/0184).
        """
        if not self._this_message:
            digest = sha256(self._message.raw.translate(None, _BETWEEN_SEGMENTS)).hexdigest()
            self._this_message = (self.assigner, self._message.control_id, self.sent, digest)
        return self._this_message


def default_assigner(header: Segment, defaults: ClaimDefaults) -> str:
    """Return the assigner of identifiers that name none: declared, or the sender itself."""
    return defaults.assigner or f"sender {header.text(4)} {header.text(3)}".strip()


def is_placeholder(value: str) -> bool:
    """Tell whether a value stands for "no number": ``0``, ``UNKNOWN``, all nines and their like."""
    return not value or (value[0] in _PLACEHOLDER_BEGINS and _PLACEHOLDER.fullmatch(value) is not None)


def trusted_identifiers(
    segment: Segment,
    numbers: tuple[int, ...],
    sender: Sender,
    *,
    excluded: frozenset[str] = frozenset(),
    any_type: str = "",
) -> tuple[tuple[KnownBy, ...], frozenset[str]]:
    """Return the trusted identifiers of these fields, strongest first, and flags on the others."""
    flags: set[str] = set()
    found: dict[KnownBy, None] = {}
    fields, written = segment.fields, segment.delimiters
    length = len(fields)
    for number in numbers:
        if number >= length or not fields[number]:
            continue
        for raw in fields[number].split(written.repetition):
            parts = raw.split(written.component)
            value = _text(parts[0], segment)
            type_code = _text(parts[4], segment).upper() if len(parts) > 4 else ""
            if is_placeholder(value):
                flags.add("placeholder")
            elif value in excluded:
                flags.add("mothers_number")
            elif any_type or type_code not in NOT_A_PERSON or type_code in sender.defaults.types:
                named = _assigner(segment, parts[3]) if len(parts) > 3 else ""
                if not named:
                    flags.add("default_assigner")
                found[KnownBy(any_type or type_code, named or sender.assigner, value)] = None
    if not found:
        flags.add("unidentified")
    ordered = strongest_first(found, sender.defaults) if len(found) > 1 else tuple(found)
    return ordered, frozenset(flags) if flags else NO_FLAGS


def _text(raw: str, segment: Segment) -> str:
    return raw if raw.isalnum() else segment.unescape(raw).strip()


def _assigner(segment: Segment, raw: str) -> str:
    """Return the universal id of an HD that is one component, else its namespace."""
    if raw.isalnum():
        return raw
    namespace, _, others = raw.partition(segment.delimiters.subcomponent)
    universal = others.partition(segment.delimiters.subcomponent)[0]
    return segment.unescape(universal).strip() or segment.unescape(namespace).strip()


def strongest_first(found: Iterable[KnownBy], defaults: ClaimDefaults) -> tuple[KnownBy, ...]:
    """Return identifiers as an interface trusts them: by type, then by assigner."""
    types, assigners = defaults.types, defaults.assigners

    def rank(one: KnownBy) -> tuple[int, int, KnownBy]:
        by_type = types.index(one.type) if one.type in types else len(types)
        by_assigner = assigners.index(one.assigner) if one.assigner in assigners else 99
        return by_type, by_assigner, one

    return tuple(sorted(found, key=rank))
