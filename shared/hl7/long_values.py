"""Documents inside a message: set aside while it is worked on, put back where they come out.

A scan of 10 MB is one component in base64. Nobody looks inside it, but everything that takes the message apart and puts
it together would copy it, several times over. A short word of the same alphabet goes through in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

LONG_BYTES = 256 * 1024
_LONG = re.compile(rb"[A-Za-z0-9+/]{%d,}" % LONG_BYTES)
_ENCODING = b"base64"  # ED-4: what stands before the data; in any other encoding the mapping does look inside
_MARK = b"CaduceusSetAside"
_WORD_BYTES = len(_MARK) + 64


class SetAside(NamedTuple):
    """A message without its long values.

    Attributes:
        short: The message with a word in the place of each.
        values: What each word stands for: parts of the whole message, not copies.
    """

    short: bytes
    values: Mapping[bytes, memoryview]


def set_aside(raw: bytes) -> SetAside:
    """Return a message without its long values; itself when it has none.

    A word is made of its value's digest: what is told apart by its content still is.
    """
    values: dict[bytes, memoryview] = {}
    if len(raw) < LONG_BYTES or _MARK in raw:
        return SetAside(raw, values)
    view, start = memoryview(raw), 0
    pieces: list[bytes | memoryview] = []
    separator = raw[4:5]
    for found in _LONG.finditer(raw):
        begin = found.start()
        if raw[begin - len(_ENCODING) - 2 : begin].lower() != separator + _ENCODING + separator:
            continue
        end = begin + (found.end() - begin) // 4 * 4  # whole groups, so that what is base64 stays so
        word = _MARK + sha256(view[begin:end]).hexdigest().encode()
        values[word] = view[begin:end]
        pieces += (view[start:begin], word)
        start = end
    return SetAside(b"".join([*pieces, view[start:]]) if values else raw, values)


def put_back(text: bytes, values: Mapping[bytes, memoryview]) -> bytes:
    """Return what was made of a short message, with the long values in the places of their words."""
    return b"".join(_pieces(text, values)) if values else text


def _pieces(text: bytes, values: Mapping[bytes, memoryview]) -> Iterator[bytes | memoryview]:
    view, start = memoryview(text), 0
    while (at := text.find(_MARK, start)) >= 0:
        yield view[start:at]
        start = at + _WORD_BYTES
        word = text[at:start]
        yield values.get(word, word)
    yield view[start:]
