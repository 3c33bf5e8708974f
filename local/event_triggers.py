"""Event Grid triggers: the web hook of the Functions host, for CloudEvents 1.0 and Event Grid's own schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import azure.functions as func
import orjson
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum

from local.faults import report_fault
from local.functions import Function
from local.http_triggers import Endpoint
from local.routes import compile_route

PATH = "runtime/webhooks/eventgrid"  # ?functionName=<name>, as in Azure
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


def event_endpoint(functions: Iterable[Function]) -> Endpoint:
    """Return the web hook that Event Grid, or anybody with a CloudEvent, posts to."""
    by_name = {function.name: function for function in functions}

    async def take(request: func.HttpRequest) -> func.HttpResponse:
        function = by_name.get(request.params.get("functionName", ""))
        if function is None:
            return func.HttpResponse(status_code=404)
        if request.method == "OPTIONS":  # CloudEvents 1.0 web hooks, section 4: the handshake against abuse
            origin = request.headers.get("WebHook-Request-Origin", "*")
            return func.HttpResponse(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})
        return await _take_events(function, request.get_body())

    return Endpoint(compile_route(PATH), frozenset({"POST", "OPTIONS"}), take)


async def _take_events(function: Function, body: bytes) -> func.HttpResponse:
    try:
        posted = orjson.loads(body)
    except orjson.JSONDecodeError:
        return func.HttpResponse(status_code=400)
    for event in posted if isinstance(posted, list) else [posted]:
        if event.get("eventType") == VALIDATION:
            return _json({"validationResponse": event["data"]["validationCode"]})
        try:
            await function.call(_decode(event))
        except Exception as error:  # noqa: BLE001  # the boundary: Event Grid sends again what was not taken
            return func.HttpResponse(status_code=500, headers={"x-code": report_fault(function.name, error)})
    return func.HttpResponse(status_code=202)


def _decode(event: dict[str, Any]) -> Any:
    """Return the event as Azure's own converter makes it."""
    return EventGridEventInConverter.decode(Datum(orjson.dumps(event).decode(), "json"), trigger_metadata=None)


def _json(content: object) -> func.HttpResponse:
    return func.HttpResponse(orjson.dumps(content), mimetype="application/json")
