"""What was kept a moment ago: the next stages read it within milliseconds, each for itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable

from shared.message.envelope import ArchiveRef

LONGEST_BYTES = 1 << 20  # what is longer would push out hundreds of others


class RecentBodies:
    """The newest bodies by where they are kept, as many as a number of bytes has room for.

    A body is taken in with the digest that was made of it when it was kept, and given for no other.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._room = limit_bytes
        self._bodies: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def add(self, refs: Iterable[ArchiveRef], bodies: Iterable[bytes]) -> None:
        """Take in what was kept; the oldest gives way."""
        for ref, body in zip(refs, bodies, strict=True):
            if len(body) > LONGEST_BYTES:
                continue
            self._bodies[ref.at] = ref.sha256, body
            self._room -= len(body)
        while self._room < 0:
            _, (_, oldest) = self._bodies.popitem(last=False)
            self._room += len(oldest)

    def forget(self, units: Collection[str]) -> None:
        """Let go of every body that is kept in one of these."""
        for at in [at for at in self._bodies if at.partition("@")[0] in units]:
            self._room += len(self._bodies.pop(at)[1])

    def find(self, ref: ArchiveRef) -> bytes | None:
        """Return the body, or None when it is too long ago."""
        sha256, body = self._bodies.get(ref.at, ("", b""))
        return body if sha256 == ref.sha256 and len(body) == ref.size else None
