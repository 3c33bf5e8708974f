"""One thread that does what it is given, in order."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TypeVarTuple, Unpack

from shared.observe.log import log_failure

Arguments = TypeVarTuple("Arguments")


class WorkThread:
    """Not a `ThreadPoolExecutor`: that makes a future with a lock of its own for each piece of work, and nobody asks.

    The thread ends with the process; who wants its work finished calls `shutdown` first.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Unpack[Arguments]], object], *arguments: *Arguments) -> None:
        """Do this after everything submitted before; the work itself tells whoever waits for it."""
        self._calls.put(lambda: work(*arguments))

    def shutdown(self) -> None:
        """Return when everything submitted is done."""
        self._calls.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception as error:  # noqa: BLE001  # the thread has to go on: others wait for what comes next
                log_failure("work_failed", error)
            del call  # while the thread waits it holds nothing: a payload may be large
