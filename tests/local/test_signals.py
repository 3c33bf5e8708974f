"""The laptop ends on the first signal, on every system."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from local.up import on_signal


class LoopWithoutHandlers(asyncio.SelectorEventLoop):
    """The event loop of Windows, in what matters here."""

    def add_signal_handler(self, *_: object) -> None:  # type: ignore[override]
        raise NotImplementedError


@pytest.mark.parametrize("make_loop", [asyncio.SelectorEventLoop, LoopWithoutHandlers])
def test_a_signal_ends_the_laptop_once_and_the_next_one_is_the_systems_own(make_loop):
    """Ctrl-C must stop it clean where the loop has no signal handlers too, and a second one must not be swallowed."""

    async def wait_for_the_signal() -> None:
        ending = asyncio.Event()
        on_signal(asyncio.get_running_loop(), signal.SIGTERM, ending.set)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await ending.wait()

    before = signal.getsignal(signal.SIGTERM)
    try:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(wait_for_the_signal())
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
