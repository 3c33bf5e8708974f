"""Whole buffers to and from files, and waiting for the disk; the same on every system."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_BUFFERS_AT_ONCE = 1000  # writev takes 1,024

BINARY = getattr(os, "O_BINARY", 0)  # Windows opens a file as text unless it is told otherwise

# The length is brought out as well as the bytes; times of access are not waited for. Not every system has fdatasync.
sync = getattr(os, "fdatasync", os.fsync)


def write_all(descriptor: int, buffers: Sequence[bytes]) -> None:
    """Write every buffer; without joining them, where the system can."""
    if sys.platform == "win32":
        _write_one(descriptor, b"".join(buffers))
        return
    for first in range(0, len(buffers), _BUFFERS_AT_ONCE):
        rest = [memoryview(buffer) for buffer in buffers[first : first + _BUFFERS_AT_ONCE]]
        while rest:
            written = os.writev(descriptor, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = rest[0][written:]


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Return the bytes at a place; fewer where the file ends. The descriptor is this caller's alone."""
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)
    return os.pread(descriptor, size, offset)


def _write_one(descriptor: int, buffer: bytes) -> None:
    rest = memoryview(buffer)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
