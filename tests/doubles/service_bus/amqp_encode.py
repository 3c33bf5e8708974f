"""AMQP 1.0 values to bytes."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from tests.doubles.service_bus.amqp_types import Array, Described, Int, Symbol, Timestamp, UByte, UInt, ULong

_WIDE = struct.Struct(">I")
_LONG = struct.Struct(">q")
_NARROW_LIMIT = 254  # a byte of size, of which one counts the elements


def encode(value: Any) -> bytes:
    """Return a value with its constructor.

    Raises:
        KeyError: a type that AMQP does not have.
    """
    if value is None:
        return b"\x40"
    if isinstance(value, bool):
        return b"\x41" if value else b"\x42"
    return _ENCODERS[type(value)](value)


def performative(code: int, fields: Sequence[Any]) -> bytes:
    """Return a described list; fields that are absent at its end are left out."""
    kept = list(fields)
    while kept and kept[-1] is None:
        kept.pop()
    return section(code) + encode(kept)


def section(code: int) -> bytes:
    """Return the descriptor of a section or performative: its value follows."""
    return b"\x00\x53" + bytes((code,))


def ushort(value: int) -> bytes:
    """Return 16 bits, unsigned: for channels alone."""
    return b"\x60" + struct.pack(">H", value)


def encode_list(parts: Sequence[bytes]) -> bytes:
    """Return a list of values that are encoded already."""
    return _compound(0xC0, 0xD0, b"".join(parts), len(parts)) if parts else b"\x45"


def _variable(narrow: int, wide: int, raw: bytes) -> bytes:
    if len(raw) < 256:
        return bytes((narrow, len(raw))) + raw
    return bytes((wide,)) + _WIDE.pack(len(raw)) + raw


def _compound(narrow: int, wide: int, body: bytes, count: int) -> bytes:
    if len(body) < _NARROW_LIMIT and count < 256:
        return bytes((narrow, len(body) + 1, count)) + body
    return bytes((wide,)) + _WIDE.pack(len(body) + 4) + _WIDE.pack(count) + body


def _uint(value: int) -> bytes:
    if value == 0:
        return b"\x43"
    return b"\x52" + bytes((value,)) if value < 256 else b"\x70" + _WIDE.pack(value)


def _ulong(value: int) -> bytes:
    if value == 0:
        return b"\x44"
    return b"\x53" + bytes((value,)) if value < 256 else b"\x80" + struct.pack(">Q", value)


def _map(value: dict[Any, Any]) -> bytes:
    body = b"".join(encode(key) + encode(item) for key, item in value.items())
    return _compound(0xC1, 0xD1, body, 2 * len(value))


def _array(value: Array) -> bytes:
    """Return an array: one constructor, then the values without theirs."""
    body = bytes((value.constructor,)) + b"".join(encode(item)[1:] for item in value)
    return b"\xf0" + _WIDE.pack(len(body) + 4) + _WIDE.pack(len(value)) + body


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: lambda value: _variable(0xA1, 0xB1, value.encode()),
    Symbol: lambda value: _variable(0xA3, 0xB3, value.encode("ascii")),
    bytes: lambda value: _variable(0xA0, 0xB0, value),
    UByte: lambda value: b"\x50" + bytes((value,)),
    UInt: _uint,
    ULong: _ulong,
    Int: lambda value: b"\x71" + struct.pack(">i", value),
    int: lambda value: b"\x81" + _LONG.pack(value),
    Timestamp: lambda value: b"\x83" + _LONG.pack(value),
    float: lambda value: b"\x82" + struct.pack(">d", value),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    dict: _map,
    list: lambda value: encode_list([encode(item) for item in value]),
    Array: _array,
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
}
