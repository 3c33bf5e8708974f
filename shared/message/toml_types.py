"""Numbers and switches of a TOML file: what stands in quotes is text, and is not taken for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Strict

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Flag = Annotated[bool, Strict()]

_WANTED = {
    "int_type": "is a whole number, written without quotes, such as 4",
    "float_type": "is a number, written without quotes, such as 0.5",
    "bool_type": "is true or false, written without quotes",
    "string_type": "is text, written in quotes",
}


def wanted_instead(kind: str) -> str | None:
    """Return what a key wants that has a value of another type, by pydantic's kind of error; None: another error."""
    return _WANTED.get(kind)
