"""Hospital systems: one that sends over MLLP, one that receives."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime

from shared.hl7 import parse
from shared.hl7.ack import ReceivedAcknowledgement, build_ack, read_acknowledgement
from shared.message.errors.base import Acknowledgement
from shared.mllp import FrameDecoder, encode_frame


def admission(control_id: str, patient: str = "P1", text: str = "") -> bytes:
    """Return a small synthetic ADT^A01."""
    return (
        f"MSH|^~\\&|EHR|NORTH|HUB|CADUCEUS|20260301120000+0000||ADT^A01^ADT_A01|{control_id}|P|2.5.1\r"
        f"EVN|A01|20260301120000+0000\rPID|1||{patient}^^^NORTH^MR||Vela^Ada{text}\rPV1|1|I|W^1^2\r"
    ).encode()


def merge(control_id: str, kept: str, gone: str) -> bytes:
    """Return a synthetic ADT^A40: two patients are one."""
    return (
        f"MSH|^~\\&|EHR|NORTH|HUB|CADUCEUS|20260301120000+0000||ADT^A40^ADT_A39|{control_id}|P|2.5.1\r"
        f"EVN|A40|20260301120000+0000\rPID|1||{kept}^^^NORTH^MR\rMRG|{gone}^^^NORTH^MR\r"
    ).encode()


class Source:
    """A sender's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._decoder = FrameDecoder(1 << 24)
        self._answers: list[bytes] = []

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Source:
        return cls(*await asyncio.open_connection(host, port, ssl=tls))

    async def send(self, *messages: bytes) -> None:
        self.writer.write(b"".join(map(encode_frame, messages)))
        await self.writer.drain()

    async def answer(self, seconds: float = 20.0) -> bytes | None:
        """Return the next answer; None: the connection was closed."""
        async with asyncio.timeout(seconds):
            while not self._answers:
                try:
                    data = await self.reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._answers += self._decoder.feed(data)
        return self._answers.pop(0)

    async def ask(self, message: bytes, seconds: float = 20.0) -> ReceivedAcknowledgement | None:
        await self.send(message)
        said = await self.answer(seconds)
        return None if said is None else read_acknowledgement(said)

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()


class System:
    """A receiver.

    Attributes:
        received: MSH-10 of everything that came, in order.
        answers: What to say, by MSH-10: MSA-1, ``silence``, ``wrong`` (another MSA-2), ``cut``, ``garbage``.
    """

    def __init__(self) -> None:
        self.received: list[str] = []
        self.accepted: list[str] = []
        self.answers: dict[str, str] = {}
        self.delay_seconds = 0.0
        self.host = "127.0.0.1"
        self.port = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, tls: ssl.SSLContext | None = None, host: str = "") -> None:
        self.host = host or self.host
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        decoder = FrameDecoder(1 << 24)
        try:
            while data := await reader.read(65536):
                for frame in decoder.feed(data):
                    if self.delay_seconds:
                        await asyncio.sleep(self.delay_seconds)
                    self._answer(frame, writer)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def _answer(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        message = parse(frame)
        control_id = message.control_id
        self.received.append(control_id)
        said = self.answers.get(control_id, "AA")
        if said == "cut":
            writer.transport.abort()
        elif said == "garbage":
            writer.write(encode_frame(b"no HL7 at all"))
        elif said == "wrong":
            writer.write(
                encode_frame(build_ack(parse(admission("other")), Acknowledgement("AA"), "s", datetime.now(UTC)))
            )
        elif said != "silence":
            if said in ("AA", "CA"):
                self.accepted.append(control_id)
            whole = build_ack(message, Acknowledgement("AA"), "s", datetime.now(UTC))
            writer.write(encode_frame(whole.replace(b"MSA|AA|", f"MSA|{said[:2]}|".encode()) + _condition(said)))


def _condition(said: str) -> bytes:
    return f"ERR|||{said[3:]}^x^HL70357|E\r".encode() if len(said) > 2 else b""
