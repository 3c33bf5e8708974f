"""A hub's ingest that keeps rule R1 to the letter, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import defaultdict
from datetime import UTC, datetime

from aiohttp import web

from shared.hl7 import parse
from shared.hl7.ack import build_ack
from shared.hl7.batch import split_batch
from shared.message.errors.base import Acknowledgement
from shared.message.errors.pipeline import NotForThisStage

_STREAM = re.compile(r"([a-z0-9_./-]+); epoch=(\d+); n=(\d+); count=(\d+)(; void)?")


class Hub:
    """Takes messages of streams: a number seen is a duplicate, a gap is 409, a void number stays empty.

    Attributes:
        taken: By stream, each message that was taken for the first time: (epoch, n, MSH-10), in order.
        is_down: It answers 503 to everything.
        is_deaf: It takes a request and never answers it.
        refuses: MSH-10 of messages that hear AR.
        is_another_s: It says that the streams belong to another caller.
        breaks_on: MSH-10 of messages at which a whole request ends with 422 and no acknowledgement.
    """

    def __init__(self) -> None:
        self.taken: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        self.bodies: dict[str, bytes] = {}
        self.voids: list[tuple[int, int]] = []
        self.duplicates = 0
        self.requests: list[int] = []  # messages in each
        self.paths: set[str] = set()
        self.relays: set[str] = set()
        self.is_down = False
        self.is_deaf = False
        self.is_another_s = False
        self.forgets_to_answer = 0
        self.delay_seconds = 0.0
        self.refuses: set[str] = set()
        self.breaks_on: set[str] = set()
        self.port = 0
        self._last: dict[str, tuple[int, int]] = {}
        self._runner: web.ServerRunner | None = None
        self._deaf: set[asyncio.Event] = set()

    @property
    def control_ids(self) -> list[str]:
        """MSH-10 of everything taken; in order within a stream."""
        return [control_id for stream in self.taken.values() for _, _, control_id in stream]

    async def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port or self.port, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.is_deaf:
            await asyncio.sleep(3600)
        self.relays.add(request.headers.get("Caduceus-Relay", ""))
        status, said, headers = self.take(request.path, request.headers.get("Caduceus-Stream", ""), body)
        if self.forgets_to_answer:
            self.forgets_to_answer -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status, body=said, headers=headers, content_type="application/hl7-v2")

    def take(self, path: str, header: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Return status, acknowledgements and headers."""
        self.paths.add(path)
        if self.is_down:
            return 503, b"", {}
        place = _STREAM.fullmatch(header)
        told = {"Caduceus-Stream": header} if place else {}
        if place is None:
            return (*self._take_all([(None, one) for one in split_batch(body).messages]), told)
        if self.is_another_s:
            return 403, b"", told
        stream, epoch, n, count = place[1], int(place[2]), int(place[3]), int(place[4])
        if place[5]:
            return self._void(stream, epoch, n), b"", told
        messages = split_batch(body).messages if count > 1 else [body]
        assert len(messages) == count, "the header says how many there are"
        if any((epoch, n + at) in self.voids for at in range(count)):
            return 410, b"", told
        if any(_control_id(one) in self.breaks_on for one in messages):
            return 422, b"", told
        epoch_then, last = self._last.get(stream, (0, 0))
        if n > (last if epoch == epoch_then else 0) + 1:
            return 409, b"", told
        self.requests.append(count)
        return (*self._take_all([((stream, epoch, n + at), one) for at, one in enumerate(messages)]), told)

    def _void(self, stream: str, epoch: int, n: int) -> int:
        if (epoch, n) > self._last.get(stream, (0, 0)):
            self._last[stream] = (epoch, n)
            self.voids.append((epoch, n))
        return 200

    def _take_all(self, messages: list[tuple[tuple[str, int, int] | None, bytes]]) -> tuple[int, bytes]:
        if not messages:
            return 400, b""
        answers = [self._take(place, raw) for place, raw in messages]
        return max(status for status, _ in answers), b"".join(said for _, said in answers)

    def _take(self, place: tuple[str, int, int] | None, raw: bytes) -> tuple[int, bytes]:
        message = parse(raw)
        now = datetime.now(UTC)
        if message.control_id in self.refuses:
            if place is not None:
                self._last[place[0]] = max(self._last.get(place[0], (0, 0)), place[1:])
            error = NotForThisStage("MSH-11")
            return 422, build_ack(message, Acknowledgement.APPLICATION_REJECT, "h", now, error)
        stream, epoch, n = place or ("", 0, 0)
        if place is not None and (epoch, n) <= self._last.get(stream, (0, 0)):
            self.duplicates += 1
        else:
            self._last[stream] = (epoch, n)
            self.taken[stream].append((epoch, n, message.control_id))
            self.bodies[message.control_id] = raw
        return 200, build_ack(message, Acknowledgement.APPLICATION_ACCEPT, "h", now)


def _control_id(raw: bytes) -> str:
    return parse(raw).control_id
