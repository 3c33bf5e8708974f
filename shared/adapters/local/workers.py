"""Processes beside the hub's own, for work that would keep its interpreter busy.

Each is a fresh interpreter at the other end of a socket pair, and does one batch of jobs at a time. Not a
`ProcessPoolExecutor`: there, one process that dies breaks the pool, and everybody else's jobs are lost with it; here,
the jobs it was doing. It takes no thread of the hub either.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.adapters.local.worker_process import HEAD, frame, main
from shared.message.errors.base import IntegrationError
from shared.message.errors.storage import WorkerLost

J = TypeVar("J")
R = TypeVar("R")

CHUNK = 16  # jobs handed over at once: what a round trip costs is shared, and results come in bearable sizes
REQUESTS = 2  # to a process: one that it does, and one that it goes on with
# As the Functions host ends a function that does not end (host.json).
LIMIT_SECONDS = 300.0
_READ_AHEAD_BYTES = 1024 * 1024


@dataclass(slots=True, eq=False)
class _Worker:
    """A process and the hub's end of its socket; it answers requests in the order in which they were written.

    Attributes:
        turn: Whose answer comes next.
        written: Requests so far; ``answered``: those whose answer was read.
    """

    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    written: int = 0
    answered: int = 0
    has_ended: bool = False

    @property
    def requests(self) -> int:
        """How many lie there."""
        return self.written - self.answered

    async def exchange(self, request: bytes) -> bytes | None:
        """Return the answer, pickled; None: the process ended before it came to this request.

        Raises:
            WorkerLost: none comes.
        """
        before = self.written
        self.written += 1
        self.writer.write(request)
        async with self.turn:
            while self.answered < before and not self.has_ended:
                with suppress(WorkerLost):
                    await self._answer()  # of one that was given up while it waited
            return None if self.has_ended else await self._answer()

    async def _answer(self) -> bytes:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await self.writer.drain()
                (size,) = HEAD.unpack(await self.reader.readexactly(HEAD.size))
                answer = await self.reader.readexactly(size)
        except BaseException as error:  # whoever asks next must not get the answer of these jobs
            self.end()
            if isinstance(error, EOFError | OSError):  # a TimeoutError is an OSError
                raise WorkerLost(type(error).__name__) from None
            raise
        self.answered += 1
        return answer

    def end(self) -> None:
        """End the process at once: it has nothing to finish that anybody waits for."""
        self.has_ended = True
        self.writer.close()
        self.process.kill()
        self.process.wait()


class ProcessWorkers(Generic[J, R]):
    """Runs a function in processes, started when the first job needs them.

    While a process does one batch of jobs the next one lies there already: the hub's loop has many other turns, and
    the process would wait for each of them.

    Args:
        function: It is pickled once for each process, and sent over its socket: it may hold a key. What it does may be
            done again: by the next process, where one ended.
        count: Processes at most.
    """

    def __init__(self, function: Callable[[J], R], count: int) -> None:
        self._function = function
        self._count = count
        self._room = asyncio.Semaphore(REQUESTS * count)
        self._choosing = asyncio.Lock()
        self._workers: list[_Worker] = []
        self._is_closed = False

    async def run(self, jobs: Sequence[J]) -> list[R | IntegrationError]:
        """Return the result of each job, in order; the error instead where the function names one.

        Raises:
            WorkerLost: a process ended before it answered; one of the jobs may be why.
            RuntimeError: the function failed in another way; the process has logged where.
        """
        results: list[R | IntegrationError] = []
        for first in range(0, len(jobs), CHUNK):
            results += await self._run_chunk(jobs[first : first + CHUNK])
        return results

    async def prepare(self) -> None:
        """Start a process; it gets ready while the hub does other things."""
        await self._least_busy()

    async def close(self) -> None:
        """End all processes, and start no more."""
        self._is_closed = True
        while self._workers:
            self._workers.pop().end()

    async def _run_chunk(self, jobs: Sequence[J]) -> list[R | IntegrationError]:
        request = frame(jobs)
        answer = None
        async with self._room:
            while answer is None:
                answer = await (await self._least_busy()).exchange(request)
        results: list[R | IntegrationError] | RuntimeError = pickle.loads(answer)  # noqa: S301  # our own process's
        if isinstance(results, RuntimeError):
            raise results
        return results

    async def _least_busy(self) -> _Worker:
        async with self._choosing:  # one is started at a time
            self._workers = [worker for worker in self._workers if not worker.has_ended]
            found = min(self._workers, key=lambda worker: worker.requests, default=None)
            if found is None or (found.requests and len(self._workers) < self._count):
                if self._is_closed:
                    raise WorkerLost("closed")
                found = await self._start()
                self._workers.append(found)
            return found

    async def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = _start_process(theirs)
        worker = _Worker(process, *await asyncio.open_connection(sock=ours, limit=_READ_AHEAD_BYTES))
        worker.writer.write(frame(self._function))
        return worker


def _start_process(channel: socket.socket) -> subprocess.Popen[bytes]:
    # Where the hub found its modules, the worker finds them. The key comes over the socket: a command line is public.
    program = f"import sys; sys.path[:] = {sys.path!r}; from {main.__module__} import main; main()"
    # In a process group of its own: Ctrl-C in a terminal is for the hub, which lets its work finish.
    return subprocess.Popen([sys.executable, "-c", program], stdin=channel.fileno(), process_group=0)  # noqa: S603
