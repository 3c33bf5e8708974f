"""What the hub may ask over the relay: take a delivery, tell its outcome, cancel it, decide it (rule R11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import orjson

from connector.deliverer import Deliverer
from connector.down_queue import DownQueue, Outcome
from connector.header import read_header
from connector.log import log
from connector.states import Down, DownEvent
from relay import RelayedRequest, RelayedResponse
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import DeliveryConflict, SpoolFull
from shared.message.errors.pipeline import NotFound
from shared.message.errors.relay import RelayLimitExceeded
from shared.message.errors.storage import StorageFailed, StorageFull

BODY_LIMIT_BYTES = 64 * 1024 * 1024
_ROUTE = re.compile(r"(?:.*?)/deliveries/([A-Za-z0-9_.:-]{1,128})(/resend|/accept)?$")
_ORDERS = {"/resend": DownEvent.RESEND, "/accept": DownEvent.ACCEPT}


class Downlink:
    """Answers the requests of the hub.

    Args:
        fleet: What the hub may know of this connector.
        is_full: Whether nothing more can be kept.
    """

    def __init__(
        self,
        queue: DownQueue,
        deliverers: Mapping[str, Deliverer],
        fleet: Callable[[], Mapping[str, object]],
        is_full: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._deliverers = deliverers
        self._fleet = fleet
        self._is_full = is_full

    async def handle(self, request: RelayedRequest) -> RelayedResponse:
        """Return the answer to one request; an error says its code and nothing else."""
        path = request.target.partition("?")[0]
        if path.endswith("/status") and request.method == "GET":
            return _say(200, self._fleet())
        found = _ROUTE.fullmatch(path)
        if found is None:
            return _say(404, {"code": NotFound.code})
        try:
            return await self._act(request, found[1], found[2])
        except NotFound as error:
            return _say(404, {"code": error.code})
        except DeliveryConflict as error:
            return _say(409, {"code": error.code})
        except RelayLimitExceeded as error:
            return _say(413, {"code": error.code})
        except (SpoolFull, StorageFull, StorageFailed) as error:
            return _say(503, {"code": error.code})
        except IntegrationError as error:
            return _say(400, {"code": error.code})

    async def _act(self, request: RelayedRequest, delivery: str, order: str | None) -> RelayedResponse:
        match request.method, order:
            case "GET", None:
                return _say(200, _told(self._queue.outcome(delivery)))
            case "POST", None:
                return await self._take(request, delivery)
            case "DELETE", None:
                outcome = await self._queue.move(delivery, DownEvent.CANCEL)
                self._wake()
                return _say(200 if outcome.state is Down.CANCELLED else 409, _told(outcome))
            case "POST", str():
                return await self._decide(delivery, _ORDERS[order])
        return _say(405, {"code": NotFound.code})

    async def _take(self, request: RelayedRequest, delivery: str) -> RelayedResponse:
        destination = request.header("caduceus-destination")
        deliverer = self._deliverers.get(destination)
        if deliverer is None:
            raise NotFound("destination")
        if self._is_full():
            raise SpoolFull()
        body = await request.body.read(BODY_LIMIT_BYTES)
        lane = request.header("caduceus-key") if deliverer.table.order == "key" else ""
        outcome = await self._queue.take(delivery, destination, lane, read_header(body).control_id, body)
        deliverer.wake.set()
        return _say(202, _told(outcome))

    async def _decide(self, delivery: str, event: DownEvent) -> RelayedResponse:
        try:
            outcome = await self._queue.move(delivery, event)
        except ValueError:
            return _say(409, _told(self._queue.outcome(delivery)))
        log("delivery_decided", delivery=delivery, code=event.name)
        self._wake()
        return _say(200, _told(outcome))

    def _wake(self) -> None:
        for deliverer in self._deliverers.values():
            deliverer.wake.set()


def _told(outcome: Outcome) -> dict[str, object]:
    return {
        "state": outcome.state.value, "code": outcome.code, "attempts": outcome.attempts, "changed": outcome.changed,
    }  # fmt: skip


def _say(status: int, said: Mapping[str, object]) -> RelayedResponse:
    return RelayedResponse(status, orjson.dumps(said), {"Content-Type": "application/json"})
