"""`connector reload`: an order to a running connector, and what it says to it; files, where there are no signals.

An order is an empty file in the spool's folder, the answer another one beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

_ORDER, _ANSWER = "reload", "reload.answer"
_LOOK_SECONDS = 2.0  # a running connector looks for orders so often
_OFTEN_SECONDS = 0.25
_TAKEN_SECONDS, _DONE_SECONDS = 10.0, 60.0  # listeners that move end what they had begun


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a reload.

    Attributes:
        problems: Why nothing of the file was taken; where there is none, it was.
        needs_restart: Tables that stay as they were until the connector is started again.
    """

    problems: Sequence[str] = ()
    needs_restart: Sequence[str] = ()


async def look_for_orders(reloading: asyncio.Event, folder: Path) -> None:
    """Pass on orders, as long as the connector runs."""
    while True:
        with suppress(OSError):
            (folder / _ORDER).unlink()  # of the spool's own folder
            reloading.set()
        await asyncio.sleep(_LOOK_SECONDS)


def answer(folder: Path, said: Answer) -> None:
    """Leave an answer where whoever ordered it looks; that nobody can read it changes nothing."""
    with suppress(OSError):
        draft = folder / f"{_ANSWER}.new"
        draft.touch(mode=0o600)
        draft.write_bytes(orjson.dumps(said))
        draft.replace(folder / _ANSWER)


def order_reload(folder: Path) -> tuple[bool, Answer | None]:
    """Return whether a running connector took the order, and what it said to it; None: nothing within a minute."""
    order, found = folder / _ORDER, folder / _ANSWER
    found.unlink(missing_ok=True)
    order.touch(mode=0o600)
    if not _comes_true(lambda: not order.exists(), _TAKEN_SECONDS):
        order.unlink(missing_ok=True)
        return False, None
    if not _comes_true(found.exists, _DONE_SECONDS):
        return True, None
    return True, Answer(**orjson.loads(found.read_bytes()))


def _comes_true(is_so: Callable[[], bool], seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(_OFTEN_SECONDS)
    return True
