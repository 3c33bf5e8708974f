"""What the archive remembers of what it kept last."""

from __future__ import annotations

import hashlib

from shared.adapters.recent_bodies import RecentBodies
from shared.message.envelope import ArchiveRef


def ref(body: bytes, at: str) -> ArchiveRef:
    return ArchiveRef(hashlib.sha256(body).hexdigest(), len(body), at)


def test_the_oldest_give_way_to_the_newest() -> None:
    """A hub that runs for months must not grow with what passes through it."""
    recent = RecentBodies(limit_bytes=10)
    bodies = [b"aaaa", b"bbbb", b"cccc"]
    refs = [ref(body, f"place@{index}") for index, body in enumerate(bodies)]
    recent.add(refs, bodies)

    assert [recent.find(one) for one in refs] == [None, b"bbbb", b"cccc"]


def test_a_body_larger_than_the_room_is_not_remembered() -> None:
    """It is read from where it is kept; what comes after it is remembered again."""
    recent = RecentBodies(limit_bytes=10)
    large, small = b"l" * 11, b"s"
    recent.add([ref(large, "place@1")], [large])
    recent.add([ref(small, "place@2")], [small])

    assert recent.find(ref(large, "place@1")) is None
    assert recent.find(ref(small, "place@2")) == small


def test_a_reference_with_another_digest_is_not_served() -> None:
    """The reference says what must be there; the archive itself finds out that it is not."""
    recent = RecentBodies(limit_bytes=10)
    recent.add([ref(b"kept", "place@1")], [b"kept"])

    assert recent.find(ref(b"else", "place@1")) is None
