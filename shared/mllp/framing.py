"""Frames of MLLP: VT, a message, FS, CR."""

from __future__ import annotations

from shared.message.errors.hl7 import FrameTooLarge

_START, _END, _CARRIAGE_RETURN = 0x0B, 0x1C, 0x0D
_BLANK = b"\r\n\t \x00"
_HEADERS = (b"MSH", b"FHS", b"BHS")
_RESTART = b"\x0bMSH"


def encode_frame(message: bytes) -> bytes:
    """Return a message in its frame."""
    return b"".join(frame_parts(message))


def frame_parts(message: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what stands before a message in its frame, the message, and what stands after it."""
    return b"\x0b", message, b"\x1c\r"


class FrameDecoder:
    """Takes bytes in chunks of any size and gives whole messages; each byte is searched once.

    FS ends a frame, whatever follows: a sender that leaves out the CR waits for its answer.

    Args:
        limit_bytes: The largest message taken.

    Attributes:
        tolerated: What this sender does that the standard does not: ``frame_end_cr_missing``,
            ``frame_start_missing`` (a message without its VT), ``frame_cut_short`` (a new VT and MSH before FS; what
            came before them is dropped, for nobody acknowledged it), ``frame_empty`` (given as no bytes: a
            destination that answers so has answered), ``blank_between_frames`` and ``junk_between_frames`` (dropped).
    """

    __slots__ = ("_awaits_carriage_return", "_buffer", "_limit", "_searched", "tolerated")

    def __init__(self, limit_bytes: int) -> None:
        self.tolerated: set[str] = set()
        self._limit = limit_bytes
        self._buffer = bytearray()  # the beginning of a frame
        self._searched = 0  # so much of it holds no FS
        self._awaits_carriage_return = False  # the last byte was FS

    @property
    def is_inside(self) -> bool:
        """Whether a frame has begun and not ended: silence is suspicious here, and only here."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that these bytes complete.

        Raises:
            FrameTooLarge: A message exceeds the limit; the connection cannot be used any more.
        """
        if not self._buffer and not self._awaits_carriage_return and self._is_one_frame(data):
            return [data[1:-2]]
        source: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            source = self._buffer
        begin = self._pass_carriage_return(source, 0) if self._awaits_carriage_return else 0
        frames: list[bytes] = []
        end = source.find(_END, max(begin, self._searched))
        while end >= 0:
            frame = self._cut(source, begin, end)
            if frame is not None:
                frames.append(frame)
            begin = self._pass_carriage_return(source, end + 1)
            end = source.find(_END, begin)
        self._keep(source, begin)
        return frames

    def _is_one_frame(self, data: bytes) -> bool:
        """Tell whether these bytes are one frame as the standard has it: nearly every sender writes one at a time."""
        last = len(data) - 2
        return (
            1 < last <= self._limit + 1
            and data[0] == _START
            and data.find(_END) == last
            and data[-1] == _CARRIAGE_RETURN
            and data.find(_START, 1) < 0
        )

    def _pass_carriage_return(self, source: bytes | bytearray, at: int) -> int:
        """Return where the next frame may begin, after the FS before ``at``."""
        self._awaits_carriage_return = at == len(source)
        if self._awaits_carriage_return:
            return at
        if source[at] == _CARRIAGE_RETURN:
            return at + 1
        self.tolerated.add("frame_end_cr_missing")
        return at

    def _cut(self, source: bytes | bytearray, begin: int, end: int) -> bytes | None:
        """Return the message in ``source[begin:end]``; None when nothing there is one."""
        start = begin + 1
        if source[begin] != _START or source.find(_RESTART, start, end) >= 0:
            found = self._find_start(source, begin, end)
            if found is None:
                return None
            start = found
        if end - start > self._limit:
            raise FrameTooLarge("frame", self._limit)
        if start == end:
            self.tolerated.add("frame_empty")
        return bytes(memoryview(source)[start:end])

    def _find_start(self, source: bytes | bytearray, begin: int, end: int) -> int | None:
        """Return where the message begins among what should not be there; None when there is no message."""
        first = source.find(_START, begin, end)
        before = bytes(memoryview(source)[begin : end if first < 0 else first])
        text = before.lstrip(_BLANK)
        if len(text) < len(before):
            self.tolerated.add("blank_between_frames")
        if first < 0 and text.startswith(_HEADERS):
            self.tolerated.add("frame_start_missing")
            return end - len(text)
        if text or first < 0:
            self.tolerated.add("junk_between_frames")
        if first < 0:
            return None
        restart = source.rfind(_RESTART, first + 1, end)
        if restart >= 0:
            self.tolerated.add("frame_cut_short")
        return max(first, restart) + 1

    def _keep(self, source: bytes | bytearray, begin: int) -> None:
        """Keep what is the beginning of a frame, without the blanks that some senders keep a line alive with."""
        buffer = self._buffer
        if source is buffer:
            del buffer[:begin]
        elif begin < len(source):
            buffer += memoryview(source)[begin:]
        if buffer and buffer[0] in _BLANK:
            self.tolerated.add("blank_between_frames")
            del buffer[: len(buffer) - len(buffer.lstrip(_BLANK))]
        self._searched = len(buffer)
        if len(buffer) > self._limit + 1:
            raise FrameTooLarge("frame", self._limit)
