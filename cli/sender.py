"""Files through lines to a receiver, each message answered before its line sends the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from cli.acknowledged import Acknowledged, header_of, read_answer
from cli.failure import CommandFailed
from cli.files import FileMessage, is_fhir, messages_of
from cli.lines import Line, NoAnswer, NotReached

OnAnswer = Callable[[Acknowledged, bool], None]


class Sender:
    """Sends messages over one or several lines; stops when the receiver is gone.

    Attributes:
        failure: Why it stopped before the end: the receiver, or a file (CommandFailed); None when it did not.
    """

    def __init__(self, connect: Callable[[], Line], *, as_is: bool) -> None:
        self._connect = connect
        self._as_is = as_is
        self._lock = Lock()
        self._is_over = False
        self.failure: Exception | None = None

    def run(self, files: Sequence[Path], connections: int, take: OnAnswer) -> None:
        """Send every message of the files; ``take`` is called for each answer, by one thread at a time."""
        messages = messages_of(files)
        with ThreadPoolExecutor(connections) as pool:
            lines = [pool.submit(self._work, messages, take) for _ in range(connections)]
            try:
                for line in lines:
                    line.result()
            finally:
                self._is_over = True  # after Ctrl-C too: each line ends with the message it is at

    def _work(self, messages: Iterator[FileMessage], take: OnAnswer) -> None:
        line = self._connect()
        try:
            while (message := self._next(messages)) is not None:
                answer = self._exchange(line, message)
                with self._lock:
                    take(answer, message.is_last)
        except (NotReached, NoAnswer, CommandFailed) as error:
            self._stop(error)
        finally:
            line.close()

    def _next(self, messages: Iterator[FileMessage]) -> FileMessage | None:
        with self._lock:
            return None if self.failure or self._is_over else next(messages, None)

    def _exchange(self, line: Line, message: FileMessage) -> Acknowledged:
        message_type, control_id = header_of(message.raw)
        began = time.perf_counter()
        try:
            answer = line.exchange(message.raw if self._as_is or is_fhir(message.raw) else with_returns(message.raw))
        except NoAnswer as error:
            name = f"{message.file.name}, message {message.number}"
            raise NoAnswer(f"no answer {error} to {name}: it may have been taken") from None
        milliseconds = round((time.perf_counter() - began) * 1000, 2)
        code, detail = read_answer(answer, control_id)
        return Acknowledged(message.file, message.number, message_type, control_id, code, milliseconds, detail)

    def _stop(self, error: Exception) -> None:
        with self._lock:
            self.failure = self.failure or error


def with_returns(raw: bytes) -> bytes:
    """Return a message with the line ends of the standard: each segment ends with a carriage return."""
    return b"\r".join(raw.splitlines()) + b"\r"
