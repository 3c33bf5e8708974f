"""The separators a message declares in MSH-1 and MSH-2."""

from __future__ import annotations

from dataclasses import dataclass

from shared.message.errors.hl7 import DelimitersInvalid, HeaderTooShort
from shared.message.finding import Finding


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The characters that part fields, components, repetitions and subcomponents.

    Attributes:
        truncation: Version 2.7's mark of a cut value; empty where MSH-2 has four characters.
    """

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""


STANDARD = Delimiters()
STANDARD_WITH_TRUNCATION = Delimiters(truncation="#")
_LONGEST_ENCODING = 6  # five characters and one doubled escape


def read_delimiters(raw: bytes, start: int, findings: list[Finding]) -> Delimiters:
    """Return the delimiters declared by the MSH segment that begins at byte ``start``.

    Tolerated, each with a finding: fewer than four encoding characters (the standard's fill in), and a doubled
    escape character (``^~\\\\&``, text that came out of a program's source).

    Raises:
        HeaderTooShort: The bytes end before MSH-2 does.
        DelimitersInvalid: A delimiter is a letter, a digit, a blank, a control or non-ASCII character, or used twice.
    """
    if raw.startswith(b"|^~\\&|", start + 3):
        return STANDARD
    if raw.startswith(b"|^~\\&#|", start + 3):
        return STANDARD_WITH_TRUNCATION
    field = raw[start + 3 : start + 4].decode("latin-1")
    if not field or field in "\r\n":
        raise HeaderTooShort("MSH-1", start + 3)
    _refuse_unusable(field, "MSH-1", start + 3)
    encoding = _read_encoding_characters(raw, start + 4, field)
    if len(encoding) > 3 and encoding[2] == encoding[3]:
        encoding = encoding[:3] + encoding[4:]
        findings.append(Finding("encoding_characters_doubled", "MSH-2"))
    if len(encoding) < 4:
        findings.append(Finding("encoding_characters_missing", "MSH-2", f"{len(encoding)} of 4"))
        encoding += "^~\\&"[len(encoding) :]
    if len(encoding) > 5:
        raise DelimitersInvalid("MSH-2", start + 4)
    _refuse_unusable(field + encoding, "MSH-2", start + 4)
    return Delimiters(field, *encoding)


def _read_encoding_characters(raw: bytes, start: int, field: str) -> str:
    window = raw[start : start + _LONGEST_ENCODING + 1].decode("latin-1")
    encoding, closed, _ = window.partition(field)
    line = encoding.partition("\r")[0].partition("\n")[0]
    if not closed and line == window and len(window) > _LONGEST_ENCODING:
        raise DelimitersInvalid("MSH-2", start)
    if not closed and not line:
        raise HeaderTooShort("MSH-2", start)
    if not line:
        raise DelimitersInvalid("MSH-2", start)
    return line


def _refuse_unusable(characters: str, place: str, offset: int) -> None:
    usable = all("!" <= character <= "~" and not character.isalnum() for character in characters)
    if not usable or len(set(characters)) != len(characters):
        raise DelimitersInvalid(place, offset)
