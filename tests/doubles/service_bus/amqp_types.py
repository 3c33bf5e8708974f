"""AMQP 1.0 values as Python values: what `amqp_decode` gives and `amqp_encode` takes.

Source: OASIS AMQP 1.0, part 1 (Types). A plain ``int`` is a long, a plain ``str`` a string.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Symbol(str):
    """A name from a constrained domain."""

    __slots__ = ()


class UByte(int):
    """8 bits, unsigned."""


class UInt(int):
    """32 bits, unsigned."""


class ULong(int):
    """64 bits, unsigned."""


class Int(int):
    """32 bits, signed."""


class Timestamp(int):
    """Milliseconds since 1970, UTC."""


class Array(list[Any]):
    """Values of one constructor."""

    def __init__(self, constructor: int, items: list[Any]) -> None:
        super().__init__(items)
        self.constructor = constructor


@dataclass(frozen=True, slots=True)
class Described:
    """A value and what it is: a performative, a section of a message, a filter."""

    descriptor: Any
    value: Any
