"""Processes beside the hub's own, for work that would keep its interpreter busy.

Each is a fresh interpreter at the other end of a socket pair, and has one batch of jobs at a time. Not a
`ProcessPoolExecutor`: there, one process that dies breaks the pool, and everybody else's jobs are lost with it; here,
the jobs it had. It takes no thread of the hub either.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.adapters.local.worker_process import HEAD, frame, main
from shared.message.errors.base import IntegrationError
from shared.message.errors.storage import WorkerLost

J = TypeVar("J")
R = TypeVar("R")

CHUNK = 16  # jobs handed over at once: what a round trip costs is shared, and results come in bearable sizes
# As the Functions host ends a function that does not end (host.json).
LIMIT_SECONDS = 300.0
_READ_AHEAD_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Worker:
    """A process and the hub's end of its socket."""

    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, request: bytes) -> bytes:
        """Return the answer, pickled.

        Raises:
            WorkerLost: none comes.
        """
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                self.writer.write(request)
                await self.writer.drain()
                (size,) = HEAD.unpack(await self.reader.readexactly(HEAD.size))
                return await self.reader.readexactly(size)
        except (EOFError, OSError) as error:  # a TimeoutError is an OSError
            raise WorkerLost(type(error).__name__) from None

    def end(self) -> None:
        """End the process at once: it has nothing to finish that anybody waits for."""
        self.writer.close()
        self.process.kill()
        self.process.wait()


class ProcessWorkers(Generic[J, R]):
    """Runs a pure function in processes, started when the first job needs them.

    Args:
        function: It is pickled once for each process, and sent over its socket: it may hold a key.
        count: Processes at most.
    """

    def __init__(self, function: Callable[[J], R], count: int) -> None:
        self._function = function
        self._free = asyncio.Semaphore(count)
        self._idle: list[_Worker] = []

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
        async with self._free:
            self._idle.append(await self._start())

    async def close(self) -> None:
        """End all processes."""
        while self._idle:
            self._idle.pop().end()

    async def _run_chunk(self, jobs: Sequence[J]) -> list[R | IntegrationError]:
        request = frame(jobs)
        async with self._free:
            worker = self._idle.pop() if self._idle else await self._start()
            try:
                answer = await worker.exchange(request)
            except BaseException:  # whoever asks next must not get the answer of these jobs
                worker.end()
                raise
            self._idle.append(worker)
        results: list[R | IntegrationError] | RuntimeError = pickle.loads(answer)  # noqa: S301  # our own process's
        if isinstance(results, RuntimeError):
            raise results
        return results

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
