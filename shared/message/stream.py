"""The header by which a connector says where the messages of a request stand in its stream (rule R1).

    Caduceus-Stream: north_hospital/adt; epoch=1795945132676; n=17; count=3

``; void`` at the end, with no body: the number stays empty.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.message.errors.pipeline import RequestInvalid
from shared.message.identifiers import Sequence

STREAM_HEADER = "Caduceus-Stream"
RELAY_HEADER = "Caduceus-Relay"  # the hybrid connection through which a request came, as the bridge on it says
COUNT_LIMIT = 500

_NAME = r"[a-z][a-z0-9_-]{0,40}"
_FORM = re.compile(rf"({_NAME}/{_NAME}(?:\.\d\d?)?); epoch=(\d{{1,15}}); n=(\d{{1,18}}); count=(\d{{1,3}})(; void)?")


class StreamPlace(NamedTuple):
    """Consecutive numbers of one stream.

    Attributes:
        first: The first of them; its source is the stream.
        is_void: The one number stays empty.
    """

    first: Sequence
    numbers: int = 1
    is_void: bool = False

    @property
    def connector(self) -> str:
        """Whose stream it is."""
        return self.first.source.partition("/")[0]

    def __str__(self) -> str:
        source, epoch, n = self.first
        return f"{source}; epoch={epoch}; n={n}; count={self.numbers}{'; void' if self.is_void else ''}"


def read_stream_header(text: str) -> StreamPlace:
    """Return what a header says.

    Raises:
        RequestInvalid: it has another form, or names no message, or too many.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise RequestInvalid(STREAM_HEADER)
    place = StreamPlace(Sequence(found[1], int(found[2]), int(found[3])), int(found[4]), found[5] is not None)
    if place.first.n < 1 or not 1 <= place.numbers <= (1 if place.is_void else COUNT_LIMIT):
        raise RequestInvalid(STREAM_HEADER)
    return place
