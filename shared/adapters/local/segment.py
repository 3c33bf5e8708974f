"""The format of archive segments: records one after the other, each with what proves it whole.

A segment begins with a magic word and a random salt. A record is a header (magic word, length of the name, length of
the body, SHA-256 of the body, CRC-32 of salt, header and name), the name, the body; only outputs have a name. The salt
keeps a body that looks like a record from being taken for one.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from shared.adapters.local.disk import read_at

_HEADER = struct.Struct("<4sHQ32s")
_CRC = struct.Struct("<I")
_SEGMENT_MAGIC = b"CDS1"
_RECORD_MAGIC = b"CDR1"
_SALT_BYTES = 8
_SEARCH_BYTES = 1 << 20

PREAMBLE_BYTES = len(_SEGMENT_MAGIC) + _SALT_BYTES


@dataclass(frozen=True, slots=True)
class Record:
    """Where the body of a record is, and what the record says of it."""

    start: int
    size: int
    sha256: str
    name: str

    @property
    def end(self) -> int:
        return self.start + self.size


def new_preamble() -> bytes:
    """Return the first bytes of a new segment."""
    return _SEGMENT_MAGIC + os.urandom(_SALT_BYTES)


def read_preamble(descriptor: int) -> bytes | None:
    """Return the first bytes of a segment; None when it has not got that far."""
    preamble = read_at(descriptor, PREAMBLE_BYTES, 0)
    return preamble if len(preamble) == PREAMBLE_BYTES and preamble.startswith(_SEGMENT_MAGIC) else None


def encode_header(preamble: bytes, sha256: bytes, size: int, name: str = "") -> bytes:
    """Return what goes before a body: header and name."""
    encoded = name.encode()
    header = _HEADER.pack(_RECORD_MAGIC, len(encoded), size, sha256)
    return header + _CRC.pack(zlib.crc32(preamble + header + encoded)) + encoded


def scan(descriptor: int, preamble: bytes, offset: int) -> Iterator[Record]:
    """Yield the whole records from the offset on; what follows the last one is the torn end of a crash.

    A damaged record with whole ones behind it is skipped: those behind it were acknowledged.
    """
    while True:
        record = _read_record(descriptor, preamble, offset)
        if record is not None:
            yield record
            offset = record.end
        else:
            found = _next_magic(descriptor, offset + 1)
            if found is None:
                return
            offset = found


def _read_record(descriptor: int, preamble: bytes, offset: int) -> Record | None:
    start = offset + _HEADER.size + _CRC.size
    head = read_at(descriptor, start - offset, offset)
    if len(head) < start - offset or not head.startswith(_RECORD_MAGIC):
        return None
    _, name_bytes, size, sha256 = _HEADER.unpack_from(head)
    (checksum,) = _CRC.unpack_from(head, _HEADER.size)
    name = read_at(descriptor, name_bytes, start)
    if zlib.crc32(preamble + head[: _HEADER.size] + name) != checksum:
        return None
    body = read_at(descriptor, size, start + name_bytes)
    if len(body) != size or hashlib.sha256(body).digest() != sha256:
        return None
    return Record(start + name_bytes, size, sha256.hex(), name.decode())


def _next_magic(descriptor: int, offset: int) -> int | None:
    while len(chunk := read_at(descriptor, _SEARCH_BYTES, offset)) >= len(_RECORD_MAGIC):
        at = chunk.find(_RECORD_MAGIC)
        if at >= 0:
            return offset + at
        offset += len(chunk) - len(_RECORD_MAGIC) + 1
    return None
