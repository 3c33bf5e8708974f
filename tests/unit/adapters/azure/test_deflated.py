"""Outputs in a blob: smaller, and the same when they are read."""

from __future__ import annotations

import os
import zlib

import pytest

from shared.adapters.azure.deflated import LONGEST_BYTES, deflate, inflate
from shared.message.errors.storage import ArchiveDamaged

RECORD = b'{"resourceType":"Patient","identifier":[{"value":"1"}]}' * 50


def test_a_record_comes_back_byte_for_byte_from_fewer_bytes() -> None:
    """Two years of canonical records are the largest thing a hub keeps."""
    small = deflate(RECORD)
    assert small is not None
    assert len(small) < len(RECORD) / 4
    assert inflate(small, len(RECORD)) == RECORD


@pytest.mark.parametrize("body", [b"", b"x", os.urandom(1000), bytes(LONGEST_BYTES + 1)])
def test_what_would_gain_nothing_stays_as_it_is(body: bytes) -> None:
    """A picture does not shrink; a long document would hold up everybody else."""
    assert deflate(body) is None


def test_bytes_that_were_never_deflated_are_damage() -> None:
    """Not an error of zlib's that nobody has named."""
    with pytest.raises(ArchiveDamaged):
        inflate(b"\xff" * 20, 100)


def test_more_than_was_kept_is_never_unpacked() -> None:
    """Whoever could write a blob could make a few bytes into gigabytes."""
    bomb = zlib.compress(bytes(10_000_000), 9, -15)
    assert len(inflate(bomb, 1000)) == 1001  # one byte too many: the digest is not asked at all
