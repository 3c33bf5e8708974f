"""What the connector reads of a message: its header, and what it stays in order with. The rest is the hub's.

Most messages begin with ``MSH|^~\\&|``: their header is one split. Every other one goes through `shared.hl7`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from shared.hl7 import parse
from shared.hl7.ack import build_ack
from shared.hl7.batch import INDENT
from shared.message.errors.base import Acknowledgement, IntegrationError

_USUAL = b"MSH|^~\\&|"
_PLAIN_BYTES = 1024  # a header that is longer is not remembered
_EVERY_BYTE = "8859/1"  # the charset in which no byte is undecodable
_PID_3 = re.compile(rb"[\r\n]PID\|(?:[^|\r\n]*\|){2}([^|~^\r\n]*)")
_DELIMITED = re.compile(rb"[\\^~&]")
_NAMES_PATIENT = re.compile(rb"[\r\n](PID|MRG)\|")
_NESTED = re.compile(rb"[\r\n]%b(?:MSH|FHS|BHS|BTS|FTS)" % INDENT)


class Header(NamedTuple):
    """The beginning of one message.

    Attributes:
        control_id: MSH-10, as an answer to it is read: its first component, unescaped.
        fields: MSH-1 to 10 and the rest of a plain header; of any other nothing.
    """

    raw: bytes
    control_id: str
    fields: Sequence[bytes] = ()

    def lane(self, lanes: int) -> int:
        """Return the lane of the message: the same for the same PID-3.1; 0 where there is none."""
        found = _PID_3.search(self.raw) if lanes > 1 else None
        return zlib.crc32(found[1]) % lanes if found and found[1] else 0

    @property
    def is_barrier(self) -> bool:
        """Whether it names two patients: a merge and a move by MRG, a link by a second PID."""
        found = [one[1] for one in islice(_NAMES_PATIENT.finditer(self.raw), 2)]
        return len(found) == 2 or b"MRG" in found


def read_header(raw: bytes) -> Header:
    """Return the header of a message.

    Raises:
        NotHl7, HeaderTooShort, DelimitersInvalid, SeveralMessages: nobody can be answered.
    """
    if raw.startswith(_USUAL):
        end = raw.find(b"\r")
        line = raw[:end] if end >= 0 else raw
        fields = line.split(b"|", 10)
        if len(fields) > 9 and _DELIMITED.search(fields[9]) is None:
            is_plain = len(fields) > 10 and 0 < end <= _PLAIN_BYTES and line.isascii()
            return Header(raw, fields[9].decode("latin-1"), fields if is_plain else ())
    message = parse(raw, _EVERY_BYTE)
    return Header(raw, message.header.text(10))


def is_simple(raw: bytes) -> bool:
    """Tell whether a message may travel with others: it ends with a line end, and holds no second header."""
    if raw.find(_USUAL[:-1], 1) >= 0:  # cut there, too, wherever it stands
        return False
    return raw.startswith(b"MSH") and raw.endswith((b"\r", b"\n")) and _NESTED.search(raw) is None


def is_taken(said: bytes) -> bool:
    """Tell whether every acknowledgement of an answer is AA or CA."""
    return said.count(b"\rMSA|") == said.count(b"\rMSA|AA|") + said.count(b"\rMSA|CA|") > 0


def acknowledge(
    header: Header, code: Acknowledgement, control_id: str, now: datetime, error: IntegrationError | None = None
) -> bytes:
    """Return the acknowledgement of a message."""
    if header.fields and error is None and code is Acknowledgement.APPLICATION_ACCEPT:
        quick = _accept(header.fields, control_id, now)
        if quick:
            return quick
    return build_ack(parse(header.raw, _EVERY_BYTE), code, control_id, now, error)


def _accept(fields: Sequence[bytes], control_id: str, now: datetime) -> bytes:
    """Return AA or CA byte for byte as `build_ack` writes it; empty where it takes the long way."""
    form = _form(fields[2], fields[3], fields[4], fields[5], fields[8], fields[10])
    return form and form % (_stamp(now), control_id.encode(), fields[9])


@lru_cache(maxsize=256)
def _form(application: bytes, facility: bytes, to: bytes, to_facility: bytes, kind: bytes, rest: bytes) -> bytes:
    """Return AA or CA without its time, its own id and the id it is about: a sender's messages differ in little else.

    Args:
        rest: From MSH-11 on.
    """
    processing, version, *more = [*rest.split(b"|"), b""][:8]
    if b"|" not in rest or version not in _VERSIONS or b"\\" in kind:
        return b""
    event = kind.split(b"^")[1:2]
    ack = b"ACK^%b^ACK" % event[0] if event and event[0] and version not in _BEFORE_2_3_1 else b"ACK"
    code = b"CA" if len(more) > 2 and more[2] in (b"AL", b"SU") else b"AA"
    charset = b"||||||" + more[5] if len(more) > 5 and more[5] else b""
    own = (to, to_facility, application, facility, ack, processing, version, charset, code)
    return b"MSH|^~\\&|%b|%b|%b|%b|%%b||%b|%%b|%b|%b%b\rMSA|%b|%%b\r" % tuple(one.replace(b"%", b"%%") for one in own)


@lru_cache(maxsize=2)
def _stamp(now: datetime) -> bytes:
    return f"{now:%Y%m%d%H%M%S%z}".encode()


_BEFORE_2_3_1 = frozenset((b"2.1", b"2.2", b"2.3"))
_VERSIONS = _BEFORE_2_3_1 | {b"2.3.1", b"2.4", b"2.5", b"2.5.1", b"2.6", b"2.7", b"2.7.1", b"2.8", b"2.8.1", b"2.8.2"}
