"""A destination that takes messages by HTTP POST."""

from __future__ import annotations

from datetime import datetime
from ssl import SSLContext

import orjson

from shared.adapters.http_client import HttpClient, Response
from shared.deliver.answer import answer_to_http, answer_to_silence
from shared.message.delivery import Answer, Delivery
from shared.message.silence import Silence
from shared.ports import Clock


class HttpsDestination:
    """Posts each message to one URL, with the delivery id as ``Idempotency-Key``.

    Args:
        url: Where; never in a log or an answer, for its path may be a secret.
        connections: Open at a time.
        trusted: How its certificate is checked; None: by the authorities of the system.
    """

    def __init__(self, url: str, connections: int, clock: Clock, trusted: SSLContext | None = None) -> None:
        self._url = url
        self._clock = clock
        self._http = HttpClient(connections, trusted)

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        seconds = (deadline - self._clock.now()).total_seconds()
        headers = {"Content-Type": media_type, "Idempotency-Key": delivery.id}
        match await self._http.post(self._url, body, headers, seconds):
            case Silence() as silence:
                return answer_to_silence(silence)
            case Response() as response:
                issue = first_issue(response.body) if response.status >= 400 else ""
                return answer_to_http(response.status, response.retry_after, self._clock.now(), issue)

    async def close(self) -> None:
        await self._http.close()


def first_issue(body: bytes) -> str:
    """Return ``OperationOutcome.issue[0].code``; empty when the body is anything else."""
    try:
        match orjson.loads(body):
            case {"resourceType": "OperationOutcome", "issue": [{"code": str(code)}, *_]}:
                return code
    except orjson.JSONDecodeError:
        pass
    return ""
