"""Bytes to AMQP 1.0 values."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import Any

from tests.doubles.service_bus.amqp_types import Array, Described, Int, Symbol, Timestamp, UByte, UInt, ULong

_Reader = Callable[[bytes, int], Any]
_WIDE = struct.Struct(">I")


def _number(layout: str, kind: Callable[[Any], Any] = lambda value: value) -> _Reader:
    packed = struct.Struct(f">{layout}")
    return lambda data, at: kind(packed.unpack_from(data, at)[0])


def _fixed(value: Any) -> _Reader:
    return lambda _data, _at: value


# Constructor to (bytes, reader); section 1.6 of part 1.
_FIXED: dict[int, tuple[int, _Reader]] = {
    0x40: (0, _fixed(None)),
    0x41: (0, _fixed(True)),
    0x42: (0, _fixed(False)),
    0x43: (0, _fixed(UInt(0))),
    0x44: (0, _fixed(ULong(0))),
    0x50: (1, _number("B", UByte)),
    0x51: (1, _number("b")),
    0x52: (1, _number("B", UInt)),
    0x53: (1, _number("B", ULong)),
    0x54: (1, _number("b", Int)),
    0x55: (1, _number("b")),
    0x56: (1, _number("?")),
    0x60: (2, _number("H")),
    0x61: (2, _number("h")),
    0x70: (4, _number("I", UInt)),
    0x71: (4, _number("i", Int)),
    0x72: (4, _number("f")),
    0x80: (8, _number("Q", ULong)),
    0x81: (8, _number("q")),
    0x82: (8, _number("d")),
    0x83: (8, _number("q", Timestamp)),
    0x98: (16, lambda data, at: uuid.UUID(bytes=bytes(data[at : at + 16]))),
}
_VARIABLE: dict[int, Callable[[bytes], Any]] = {
    0xA0: bytes,
    0xA1: lambda raw: str(raw, "utf-8"),
    0xA3: lambda raw: Symbol(str(raw, "ascii")),
    0xB0: bytes,
    0xB1: lambda raw: str(raw, "utf-8"),
    0xB3: lambda raw: Symbol(str(raw, "ascii")),
}
_NARROW_COMPOUND = {0xC0, 0xC1, 0xE0}
_COMPOUND = {0xC0, 0xC1, 0xD0, 0xD1, 0xE0, 0xF0}
_MAPS = {0xC1, 0xD1}
_ARRAYS = {0xE0, 0xF0}
_EMPTY_LIST = 0x45
_DESCRIBED = 0x00


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Return the value that begins at ``at``, and where the next one does.

    Raises:
        ValueError: a constructor that AMQP does not have.
    """
    constructor = data[at]
    if constructor == _DESCRIBED:
        descriptor, at = decode(data, at + 1)
        value, at = decode(data, at)
        return Described(descriptor, value), at
    return _decode_body(constructor, data, at + 1)


def skip(data: bytes, at: int) -> int:
    """Return where the value after the one at ``at`` begins."""
    return decode(data, at)[1]


def _decode_body(constructor: int, data: bytes, at: int) -> tuple[Any, int]:
    if constructor in _FIXED:
        width, read = _FIXED[constructor]
        return read(data, at), at + width
    if constructor in _VARIABLE:
        size, at = (data[at], at + 1) if constructor < 0xB0 else (_WIDE.unpack_from(data, at)[0], at + 4)
        return _VARIABLE[constructor](data[at : at + size]), at + size
    if constructor == _EMPTY_LIST:
        return [], at
    if constructor in _COMPOUND:
        return _decode_compound(constructor, data, at)
    raise ValueError(f"no AMQP constructor: 0x{constructor:02x}")


def _decode_compound(constructor: int, data: bytes, at: int) -> tuple[Any, int]:
    if constructor in _NARROW_COMPOUND:
        size, count, first = data[at], data[at + 1], at + 2
        end = at + 1 + size
    else:
        size, count, first = _WIDE.unpack_from(data, at)[0], _WIDE.unpack_from(data, at + 4)[0], at + 8
        end = at + 4 + size
    if constructor in _ARRAYS:
        return _decode_array(data, first, count), end
    values = []
    for _ in range(count):
        value, first = decode(data, first)
        values.append(value)
    if constructor in _MAPS:
        return dict(zip(values[::2], values[1::2], strict=True)), end
    return values, end


def _decode_array(data: bytes, at: int, count: int) -> Array:
    constructor, at = data[at], at + 1
    if constructor == _DESCRIBED:
        at = skip(data, at)
        constructor, at = data[at], at + 1
    values = []
    for _ in range(count):
        value, at = _decode_body(constructor, data, at)
        values.append(value)
    return Array(constructor, values)
