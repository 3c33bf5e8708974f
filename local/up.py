"""``caduceus up``: the whole hub on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from local.laptop import Laptop, LaptopOptions
from local.seed import find_samples, send_samples
from local.welcome import say_goodbye, say_seeded, say_welcome

_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 256 * 1024


def run(*, home: Path, http_port: int, mllp_port: int, seed: bool, fresh: bool) -> int:
    """Run the laptop until a signal ends it; return the exit code.

    Args:
        http_port: 0 takes a free one, and so do the receivers.

    Raises:
        IntegrationError: it cannot start; the text says why and what to do.
    """
    options = LaptopOptions(
        home=home, http_port=http_port, mllp_port=mllp_port, is_fresh=fresh, has_free_ports=http_port == 0
    )
    _give_memory_back()
    _run_fast(_serve(options, is_seeding=seed))
    return 0


def _give_memory_back() -> None:
    """Have glibc return large blocks to the system: after the first one it keeps as much for the next."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def _run_fast(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it is installed; it does the same in half the time."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _serve(options: LaptopOptions, *, is_seeding: bool) -> None:
    ending = _ended_by_signal()
    laptop = Laptop(options)
    await laptop.start()
    try:
        say_welcome(laptop)
        seeding = asyncio.create_task(_seed(laptop)) if is_seeding and not laptop.home.is_seeded else None
        await ending.wait()
        say_goodbye()
        if seeding is not None:
            seeding.cancel()
    finally:
        await laptop.stop()


async def _seed(laptop: Laptop) -> None:
    failure = await send_samples(laptop.settings.interfaces, laptop.listener.port, laptop.host.port)
    if not failure:
        laptop.home.note_seeded()
    say_seeded(sum(map(len, find_samples(laptop.settings.interfaces))), failure)


def _ended_by_signal() -> asyncio.Event:
    """Return an event that the first Ctrl-C or SIGTERM sets; the second one ends the process at once."""
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        on_signal(loop, number, ending.set)
    return ending


def on_signal(loop: asyncio.AbstractEventLoop, number: signal.Signals, end: Callable[[], None]) -> None:
    """Call ``end`` in the loop when the signal first comes; after that it does what it does without us."""

    def begin_to_end() -> None:
        loop.remove_signal_handler(number)
        end()

    def wake_the_loop(_: int, frame: object) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(end)

    try:
        loop.add_signal_handler(number, begin_to_end)
    except NotImplementedError:  # the event loop of Windows
        signal.signal(number, wake_the_loop)
