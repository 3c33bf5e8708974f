"""A text that comes as one OBX for each of its lines: one result (decision 0157)."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.rows import NULL, Resource

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_SET_ID = re.compile(r"\d{1,9}", re.ASCII)


class OpenText:
    """A text whose next line may follow.

    Attributes:
        result: The Observation of its first line.
        first: The OBX of that line.
        last: The OBX of its last line.
        lines: What the lines say.
    """

    __slots__ = ("first", "last", "lines", "result")

    def __init__(self, result: Resource, first: Segment) -> None:
        self.result = result
        self.first = self.last = first
        self.lines: list[str] = [result.get("valueString", "")]

    def take(self, obx: Segment, said: str) -> None:
        """Add a line."""
        self.last = obx
        self.lines.append(said)


def open_text(result: Resource, obx: Segment, scope: Scope) -> None:
    """Keep in mind that the OBX after this TX or FT may be the next line of its text."""
    if "dataAbsentReason" not in result and obx.fields[5:6] != [NULL]:
        scope.open_texts.append(OpenText(result, obx))


def text_before(obx: Segment, scope: Scope) -> OpenText | None:
    """Return the text of which a TX or FT is the next line; None where it is a result of its own."""
    text = scope.open_texts[-1] if scope.open_texts else None
    return text if text is not None and _goes_on(text, obx) else None


def end_texts(scope: Scope) -> None:
    """Give each result all lines of its text; an empty line within is one of it."""
    for text in scope.open_texts:
        said = "\n".join(text.lines).strip("\n")
        if said:
            text.result["valueString"] = said


def _goes_on(text: OpenText, obx: Segment) -> bool:
    """Tell whether an OBX directly after another names the same and has nothing of its own but its line.

    Type, name and sub-id (OBX-2 to OBX-4) are those of the first line; all else is as there, or left out.
    """
    known, fields = text.first.fields, obx.fields
    if obx.index != text.last.index + 1 or not _rises(text.last.fields[1], fields[1]):
        return False
    pairs = enumerate(zip_longest(known[2:], fields[2:], fillvalue=""), 2)
    return all(said == before or number == 5 or (number > 5 and not said) for number, (before, said) in pairs)


def _rises(before: str, number: str) -> bool:
    """Tell whether a set id comes after another; where nobody numbers the lines, they are in order."""
    if _SET_ID.fullmatch(before) and _SET_ID.fullmatch(number):
        return int(number) > int(before)
    return before == number == ""
