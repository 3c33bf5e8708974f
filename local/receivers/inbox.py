"""What a sample system received, and how often it received the same again."""

from __future__ import annotations

import base64
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from shared.ports import Clock

KEPT_IN_MEMORY = 500
KEYS_REMEMBERED = 200_000
FILE_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as it was received.

    Attributes:
        key: What the sender says makes it one message: an idempotency key, an event's id, MSH-10.
    """

    key: str
    received: datetime
    media_type: str
    body: bytes

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON; a body that is not UTF-8 in base64."""
        head = {"key": self.key, "received": self.received.isoformat(), "media_type": self.media_type}
        try:
            return {**head, "body": self.body.decode()}
        except UnicodeDecodeError:
            return {**head, "body_base64": base64.b64encode(self.body).decode()}


class Inbox:
    """Takes each message once, as a receiver that deserves exactly-once does: a second copy is answered and counted.

    The file is the memory of a restart: keys in it are known again. It is turned over at its limit, so an inbox never
    fills a disk.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._before = file.with_suffix(".before.jsonl")
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._newest: deque[Letter] = deque(maxlen=KEPT_IN_MEMORY)
        self.received = 0
        self.repeated = 0
        file.parent.mkdir(parents=True, exist_ok=True)
        for known in (self._before, file):
            self._remember(known)
        self._writer = file.open("ab")

    def take(self, key: str, media_type: str, body: bytes) -> bool:
        """Keep the message if it is new; return whether it was."""
        if key in self._keys:
            self.repeated += 1
            return False
        letter = Letter(key, self._clock.now(), media_type, body)
        self._writer.write(orjson.dumps(letter.to_dict(), option=orjson.OPT_APPEND_NEWLINE))
        self._writer.flush()
        self._newest.append(letter)
        self._know(key)
        if self._writer.tell() > FILE_LIMIT_BYTES:
            self._turn_over()
        return True

    def newest(self) -> list[dict[str, Any]]:
        """Return what is in memory, newest first."""
        return [letter.to_dict() for letter in reversed(self._newest)]

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _know(self, key: str) -> None:
        self.received += 1
        self._keys[key] = None
        if len(self._keys) > KEYS_REMEMBERED:
            self._keys.popitem(last=False)

    def _turn_over(self) -> None:
        self._writer.close()
        self._file.replace(self._before)
        self._writer = self._file.open("ab")

    def _remember(self, file: Path) -> None:
        """Know the keys of a file again; half a line, which a crash may leave at its end, is cut off."""
        if not file.exists():
            return
        whole = 0
        with file.open("r+b") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    self._know(orjson.loads(line)["key"])
                    whole += len(line)
            lines.truncate(whole)
