"""Outputs as they lie in a blob: deflated, each by itself, so that each is read by itself.

A canonical record is fifteen times its message and says most things many times: it shrinks to a quarter. Bytes as
received are left as they are, for whoever has to read them without the hub.
"""

from __future__ import annotations

import zlib

from shared.message.errors.storage import ArchiveDamaged

LONGEST_BYTES = 256 * 1024  # what is longer is a document, mostly; it would shrink little, and hold up the loop
_LEVEL = 1  # the higher ones cost twice the time for a tenth
_RAW = -15  # no header, no checksum: the digest of the body is checked


def deflate(body: bytes) -> bytes | None:
    """Return a body made smaller; None where that is not worth it."""
    if len(body) > LONGEST_BYTES:
        return None
    small = zlib.compress(body, _LEVEL, _RAW)
    return small if len(small) < len(body) else None


def inflate(small: bytes, size: int) -> bytes:
    """Return the body of ``size`` bytes that `deflate` was given; never more than that, whatever the bytes say.

    Raises:
        ArchiveDamaged: it was given no such body.
    """
    try:
        return zlib.decompressobj(_RAW).decompress(small, size + 1)
    except zlib.error:
        raise ArchiveDamaged("not what was deflated") from None
