"""What a claim is: the identifiers that a message gives a person, visit or account, strongest first.

A claim lists what the sender says; a resolver decides which stored record that is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

# HL7 table 0203: numbers of a person, strongest first. A type that is not listed ranks after them.
PERSON_TYPES = ("MR", "PI", "PT", "MRT", "NI", "NH", "PN", "U", "EI", "", "PPN", "DL", "SS")

NO_FLAGS: frozenset[str] = frozenset()

# A number without a type is a medical record number: feeds of one hospital often differ in nothing else. Other types
# stay apart, because one assigner may give the same digits as MR and as PI to two people (HL7 2.A.14.5), and a split
# record can be merged, while a wrong merge harms.
_RECORD_NUMBER = "MR"
_UNTYPED = frozenset({"", "U"})


class KnownBy(NamedTuple):
    """One trusted identifier: HL7 type code, assigner (never empty) and value."""

    type: str
    assigner: str
    value: str

    @property
    def number(self) -> tuple[str, str, str]:
        """What makes two identifiers one and the same."""
        return (_RECORD_NUMBER if self.type in _UNTYPED else self.type), self.assigner, self.value


class Claim(NamedTuple):
    """What one segment says about who or which visit it speaks of.

    Attributes:
        kind: ``Patient``, ``Encounter`` or ``Account``.
        place: The segment, ``PID(2)``, and the field where a segment speaks of several: ``PID(2)-18``.
        identifiers: Trusted identifiers, strongest first; empty when there are none.
        fallback: Key parts to mint an id from when there are none.
        family: Family name, for the conflict check.
        birth_date: PID-7 as eight digits, for the conflict check.
        flags: ``unidentified``, ``placeholder``, ``default_assigner``, ``mothers_number``.
        role: ``subject``, or ``prior`` for what a merge takes away.
    """

    kind: str
    place: str
    identifiers: tuple[KnownBy, ...]
    fallback: tuple[str, ...]
    family: str = ""
    birth_date: str = ""
    flags: frozenset[str] = NO_FLAGS
    role: str = "subject"


@dataclass(frozen=True, slots=True)
class ClaimDefaults:
    """What an interface declares about identifiers.

    Attributes:
        assigner: Assigner of identifiers that name none; empty: the sender itself (MSH-4 and MSH-3).
        types: Identifier types, strongest first.
        assigners: Assigners, strongest first; others follow.
    """

    assigner: str = ""
    types: tuple[str, ...] = PERSON_TYPES
    assigners: tuple[str, ...] = field(default=())
