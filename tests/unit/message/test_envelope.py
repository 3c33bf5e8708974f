"""Envelopes: what travels in the queues."""

from __future__ import annotations

import pytest

from shared.message.barrier import barrier_of
from shared.message.envelope import (
    ArchiveRef,
    Item,
    Wake,
    decode_envelope,
    encode_envelope,
    encode_wake,
    is_wake,
    pack,
    with_tokens,
)
from shared.message.errors.storage import EnvelopeUnreadable
from shared.message.identifiers import (
    LIVE,
    DestinationId,
    InterfaceId,
    MessageId,
    OrderingKey,
    Sequence,
    partition_for,
    partition_of,
)


def item(number: int = 1, body: bytes | None = b"MSH|^~\\&|\r\nsecond line") -> Item:
    return Item(
        message=MessageId(f"3-{number:032x}"),
        interface=InterfaceId("ward"),
        sequence=Sequence("ward", 1, number),
        key=OrderingKey("Patient/1"),
        run=LIVE,
        type="ADT^A01",
        mapping="1",
        raw=ArchiveRef("a" * 64, 20, "ward/0001@0"),
        body=body,
    )


def test_an_envelope_gives_back_its_items_in_order_with_their_bodies_byte_for_byte():
    """A body may hold line ends, the very bytes that divide an envelope."""
    items = (item(1), item(2, None), item(3, b""), item(4, b"\n\n"))
    assert decode_envelope(encode_envelope(items)) == items


def test_a_wake_is_not_an_envelope():
    """A session is woken by a message that carries nothing else (rule R6)."""
    for wake in (Wake(DestinationId("billing")), Wake()):
        assert decode_envelope(encode_wake(wake)) == wake
        assert is_wake(encode_wake(wake))
    assert not is_wake(encode_envelope((item(1, None),)))


def test_a_barrier_travels_with_its_message_and_with_its_tokens():
    """Whoever holds one part knows the others, and what is a token is never taken for a message (rule R7)."""
    message = item(1)
    barrier = barrier_of(message.message, (message.key, OrderingKey("z"), message.key, OrderingKey("y")), 4)
    parts = with_tokens(message._replace(barrier=barrier))

    assert decode_envelope(encode_envelope(parts)) == parts
    assert [part.key for part in parts] == [message.key, "y", "z"]
    assert [part.is_token for part in parts] == [False, True, True]
    assert [part.body is None for part in parts] == [False, True, True]
    assert [partition_of(part.message) for part in parts[1:]] == [partition_for(part.key, 4) for part in parts[1:]]
    assert barrier_of(message.message, (message.key, message.key), 4) is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"MSH|^~\\&|", b'{"v":2,"items":[]}', b'{"v":1,"items":[{"m":"1"}]}', b"[]"]
)
def test_what_the_hub_did_not_write_is_refused_by_name(body):
    """Another sender, or a newer version, must end in quarantine, not in a crash loop."""
    with pytest.raises(EnvelopeUnreadable):
        decode_envelope(body)


def test_items_are_packed_in_order_and_a_large_body_travels_by_reference():
    """Nothing above the limit of a queue message may be sent, and nothing may be lost or reordered (rule R2)."""
    items = [item(1, b"x" * 900), item(2, b"y" * 900), item(3, b"z" * 5000), item(4, b"w")]
    groups = list(pack(items, limit_bytes=2048))
    assert [one.message for group in groups for one in group] == [one.message for one in items]
    assert all(sum(len(one.body or b"") for one in group) <= 2048 for group in groups)
    assert groups[-1][-1].body == b"w"
    assert next(one for group in groups for one in group if one.message == items[2].message).body is None
