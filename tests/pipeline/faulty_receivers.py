"""Receiving systems in trouble: they hang, garble, stop halfway, answer late, reset or die, until they are well."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from tests.pipeline.mllp_receiver import ADDRESS
from tests.pipeline.mllp_source import END, START

LATE_SECONDS = 1.5
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends RST


class FaultyReceiver:
    """Listens from the start; what it does with a message is its trouble's business until `recover`.

    Attributes:
        taken: Visits (PV1-19) of the messages it has made its own, whatever it answered.
    """

    def __init__(self, trouble: Trouble | None) -> None:
        self.taken: list[str] = []
        self._trouble = trouble
        self._listening = socket.create_server((ADDRESS, 0))
        self.port = int(self._listening.getsockname()[1])
        self._begin()

    def recover(self) -> None:
        """Take and acknowledge everything from now on; on new connections, as after a restart."""
        self._trouble = None
        if self._listening.fileno() < 0:
            self._listening = socket.create_server((ADDRESS, self.port))
            self._begin()

    def stop(self) -> None:
        """Listen no more; who is connected stays connected."""
        with suppress(OSError):  # wakes the thread that waits in accept
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def take(self, message: bytes) -> bytes:
        """Return the acknowledgement of a message that is now this system's own."""
        control_id = message.split(b"|", 10)[9]
        visit = next(line for line in message.split(b"\r") if line.startswith(b"PV1|")).split(b"|")[19]
        self.taken.append(visit.partition(b"^")[0].decode())
        return b"MSH|^~\\&|LAB|LAB|HUB|HUB|20260301||ACK|1|P|2.5.1\rMSA|AA|" + control_id + b"\r"

    def _begin(self) -> None:
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        with connection, suppress(OSError):
            while part := connection.recv(1 << 16):
                buffer += part
                while END in buffer:
                    frame, _, buffer = buffer.partition(END)
                    message = frame.removeprefix(START)
                    if self._trouble is not None:
                        self._trouble(self, connection, message)
                    else:
                        connection.sendall(START + self.take(message) + END)


Trouble = Callable[[FaultyReceiver, socket.socket, bytes], None]


def hangs(receiver: FaultyReceiver, connection: socket.socket, message: bytes) -> None:
    """Take it, and say nothing."""
    receiver.take(message)


def garbles(receiver: FaultyReceiver, connection: socket.socket, message: bytes) -> None:
    """Take it, and answer what nobody can read."""
    receiver.take(message)
    connection.sendall(START + b"\x00\xff garbage |^~" + END)


def stops_halfway(receiver: FaultyReceiver, connection: socket.socket, message: bytes) -> None:
    """Take it, and answer half an acknowledgement."""
    connection.sendall(START + receiver.take(message)[:30])


def answers_late(receiver: FaultyReceiver, connection: socket.socket, message: bytes) -> None:
    """Take it, and acknowledge it when nobody waits any more."""
    answer = receiver.take(message)
    time.sleep(LATE_SECONDS)
    connection.sendall(START + answer + END)


def resets(receiver: FaultyReceiver, connection: socket.socket, message: bytes) -> None:
    """Forget it, and tear the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


def dies(receiver: FaultyReceiver, connection: socket.socket, message: bytes) -> None:
    """Take it, and be gone before the answer."""
    receiver.take(message)
    receiver.stop()
    connection.close()
