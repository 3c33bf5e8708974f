"""The HL7 null: "delete what you hold", as opposed to "nothing said"."""

from __future__ import annotations

from enum import Enum
from typing import Final

NULL_TEXT: Final = '""'


class Null(Enum):
    """The type of NULL, the value of a field or component that holds exactly two quotation marks."""

    NULL = NULL_TEXT

    def __bool__(self) -> bool:
        return False


NULL: Final = Null.NULL
