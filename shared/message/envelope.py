"""What travels in the queues: envelopes of items, settled one by one (rule R2).

On the wire an envelope is one line of JSON, then the bodies one after the other: no base64, no escaping, no copy of a
payload that is only passed on. A broker that is paid by the 64 kB may carry it deflated.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from shared.message.barrier import Barrier, read_barrier
from shared.message.errors.storage import EnvelopeUnreadable
from shared.message.identifiers import DestinationId, InterfaceId, MessageId, OrderingKey, RunId, Sequence

ENVELOPE_VERSION = 1
ENVELOPE_LIMIT_BYTES = 192 * 1024  # with room for what a broker adds below 256 kB; deflated mostly below 64 kB
INLINE_LIMIT_BYTES = 64 * 1024  # a larger payload travels by its reference

_INFLATED_LIMIT_BYTES = 2 * ENVELOPE_LIMIT_BYTES
_DEFLATED = b"x"  # how zlib begins; as it was written an envelope begins with a brace


class ArchiveRef(NamedTuple):
    """Where a payload is kept: by its content, never by who it is about.

    Attributes:
        sha256: Lower-case hexadecimal digest of the bytes; checked on every read.
        size: Length in bytes.
        at: Where the archive put it, in the archive's own words (segment and offset, blob and range).
    """

    sha256: str
    size: int
    at: str


_MILLISECONDS = 12  # hexadecimal digits of the time in a message id


class Item(NamedTuple):
    """One message on its way through a stage, or the token of one that is in order with several keys.

    Attributes:
        message: Carries the partition.
        type: MSH-9 as ``ADT^A01``.
        mapping: Version of the mapping, pinned at ingest.
        raw: The bytes as received.
        canonical: The canonical record; None before transform.
        body: The payload the next stage reads (raw before transform, canonical after), or None when it is fetched by
            reference.
        destination: Set for the queue ``deliver`` only.
        barrier: Of a message with several ordering keys, and of its tokens.
        again: That a person resent it, and when: the broker must not drop it as the copy that was there before.
    """

    message: MessageId
    interface: InterfaceId
    sequence: Sequence
    key: OrderingKey
    run: RunId
    type: str
    mapping: str
    raw: ArchiveRef
    canonical: ArchiveRef | None = None
    body: bytes | None = None
    destination: DestinationId | None = None
    barrier: Barrier | None = None
    again: str = ""

    @property
    def is_token(self) -> bool:
        """Tell whether this is no message: it keeps a place in line for one."""
        return self.barrier is not None and self.message != self.barrier.message

    def by_reference(self) -> Item:
        """Return the same item without its body."""
        return self if self.body is None else self._replace(body=None)


def is_older(message: MessageId, sequence: Sequence, item: Item) -> bool:
    """Tell whether a message came before another: by number within a source, by the time of receipt across sources.

    Of one millisecond and two sources, either may be the older one.
    """
    if sequence.source == item.sequence.source:
        return sequence[1:] < item.sequence[1:]
    moment = item.message.index("-") + 1 + _MILLISECONDS
    return message[:moment] <= item.message[:moment]


@dataclass(frozen=True, slots=True)
class Wake:
    """A reminder to look at a session's lanes (rule R6); it carries nothing else.

    Attributes:
        destination: Whose session it is; None: it is one of transform or route.
    """

    destination: DestinationId | None = None


def with_tokens(item: Item) -> tuple[Item, ...]:
    """Return a message and the tokens that stand for it in line with its other keys."""
    if item.barrier is None:
        return (item,)
    bare = item.by_reference()
    return (item, *(bare._replace(message=part.message, key=part.key) for part in item.barrier.parts[1:]))


def encode_envelope(items: Iterable[Item]) -> bytes:
    """Return one queue message with these items, in order."""
    items = tuple(items)
    head = {"v": ENVELOPE_VERSION, "items": [_head(item) for item in items]}
    return b"\n".join([orjson.dumps(head), b"".join(item.body or b"" for item in items)])


def encode_wake(wake: Wake) -> bytes:
    """Return the queue message that wakes a session."""
    return orjson.dumps({"v": ENVELOPE_VERSION, "wake": wake.destination})


def is_wake(body: bytes) -> bool:
    """Tell whether a queue message is a wake, without reading it: the head of an envelope ends with its line.

    A wake is too small to be deflated.
    """
    return not body.startswith(_DEFLATED) and b"\n" not in body


def deflate_envelope(body: bytes) -> bytes:
    """Return a queue message made smaller, where it can be; `decode_envelope` reads it as well."""
    if len(body) > _INFLATED_LIMIT_BYTES:
        return body
    small = zlib.compress(body, 1)
    return small if len(small) < len(body) else body


def inflate_envelope(body: bytes) -> bytes:
    """Return a queue message as it was written.

    Raises:
        EnvelopeUnreadable: it is deflated, and not by `deflate_envelope`.
    """
    if not body.startswith(_DEFLATED):
        return body
    reader = zlib.decompressobj()
    try:
        whole = reader.decompress(body, _INFLATED_LIMIT_BYTES)
    except zlib.error:
        raise EnvelopeUnreadable("not deflated") from None
    if not reader.eof:
        raise EnvelopeUnreadable("cut off, or too large")
    return whole


def envelope_id(session: str, items: Iterable[Item]) -> str:
    """Return the broker's id of an envelope: the same for the same items, and another for any others.

    Never that of one item alone: the broker would drop a later envelope that begins with it, and all that is in it.
    """
    content = "\x1f".join([session, *(f"{item.message} {item.run}{item.again}" for item in items)])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def decode_envelope(body: bytes) -> tuple[Item, ...] | Wake:
    """Return the items of a queue message, or the wake it is.

    Raises:
        EnvelopeUnreadable: not written by `encode_envelope` or `encode_wake` of a version known here.
    """
    body = inflate_envelope(body)
    end = body.find(b"\n")
    try:
        head = orjson.loads(body if end < 0 else body[:end])
        if head["v"] != ENVELOPE_VERSION:
            raise EnvelopeUnreadable("unknown version")
        if "wake" in head:
            return Wake(DestinationId(head["wake"]) if head["wake"] else None)
        return tuple(_items(head["items"], body, end + 1))
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeUnreadable(type(error).__name__) from None


def encode_reference(item: Item) -> bytes:
    """Return one item without its body, as a table keeps it; `decode_reference` reads it."""
    return encode_envelope([item.by_reference()])


def decode_reference(body: bytes) -> Item:
    """Return the item that `encode_reference` wrote.

    Raises:
        EnvelopeUnreadable: not written by a version known here.
    """
    content = decode_envelope(body)
    assert isinstance(content, tuple)
    return content[0]


def named_in(body: bytes) -> tuple[list[MessageId], list[Barrier]]:
    """Return the messages and barriers that a queue message names, as far as one that cannot be read still does.

    A token stands for its message. Nothing is believed of what has another form.
    """
    try:
        inflated = inflate_envelope(body)
        heads = orjson.loads(inflated.partition(b"\n")[0])["items"]
        named = [(head["m"], head.get("b")) for head in heads]
        barriers = [read_barrier(parts) for _, parts in named if parts]
        # Of any type: compiled, a list of ids takes nothing else, and one that is none would hide the others.
        messages: list[Any] = [read_barrier(parts).message if parts else message for message, parts in named]
    except (EnvelopeUnreadable, AttributeError, KeyError, TypeError, ValueError):
        return [], []
    return list(dict.fromkeys(MessageId(one) for one in messages if isinstance(one, str))), barriers


def pack(
    items: Iterable[Item], inline_bytes: int = INLINE_LIMIT_BYTES, limit_bytes: int = ENVELOPE_LIMIT_BYTES
) -> Iterator[tuple[Item, ...]]:
    """Yield the items in order, in groups that fit one queue message.

    A single body that is not below ``inline_bytes`` with its line travels by its archive reference.
    """
    group: list[Item] = []
    room = limit_bytes
    for item in items:
        size = len(item.body or b"")
        if size + _HEAD_BYTES > min(inline_bytes, limit_bytes):
            item, size = item.by_reference(), 0
        need = size + _HEAD_BYTES
        if group and need > room:
            yield tuple(group)
            group, room = [], limit_bytes
        group.append(item)
        room -= need
    if group:
        yield tuple(group)


_HEAD_BYTES = 512  # an upper estimate of one item's line


def _head(item: Item) -> dict[str, Any]:
    head: dict[str, Any] = {
        "m": item.message,
        "i": item.interface,
        "s": (item.sequence.source, item.sequence.epoch, item.sequence.n),
        "k": item.key,
        "r": item.run,
        "t": item.type,
        "v": item.mapping,
        "raw": _place(item.raw),
    }
    if item.canonical is not None:
        head["can"] = _place(item.canonical)
    if item.body is not None:
        head["len"] = len(item.body)
    if item.destination is not None:
        head["d"] = item.destination
    if item.barrier is not None:
        head["b"] = item.barrier.written()
    if item.again:
        head["a"] = item.again
    return head


def _place(ref: ArchiveRef) -> tuple[str, int, str]:
    return ref.sha256, ref.size, ref.at


def _items(heads: list[dict[str, Any]], body: bytes, start: int) -> Iterator[Item]:
    for head in heads:
        size = head.get("len")
        yield Item(
            message=MessageId(head["m"]),
            interface=InterfaceId(head["i"]),
            sequence=Sequence(*head["s"]),
            key=OrderingKey(head["k"]),
            run=RunId(head["r"]),
            type=head["t"],
            mapping=head["v"],
            raw=ArchiveRef(*head["raw"]),
            canonical=ArchiveRef(*head["can"]) if "can" in head else None,
            body=None if size is None else body[start : start + size],
            destination=DestinationId(head["d"]) if "d" in head else None,
            barrier=read_barrier(head["b"]) if "b" in head else None,
            again=head.get("a", ""),
        )
        start += size or 0
