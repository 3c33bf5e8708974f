"""``/local/receivers``: look at the sample systems, and switch them down and up."""

from __future__ import annotations

from typing import Any

import azure.functions as func
import orjson

from local.http_triggers import Endpoint, fault
from local.receivers.group import Receivers
from local.receivers.receiver import Receiver
from local.routes import compile_route
from shared.message.errors.pipeline import NotFound


def receiver_endpoints(receivers: Receivers) -> list[Endpoint]:
    """Return the endpoints."""

    async def show_all(request: func.HttpRequest) -> func.HttpResponse:
        return _json([_describe(receiver) for receiver in receivers])

    async def show_messages(request: func.HttpRequest) -> func.HttpResponse:
        try:
            receiver = receivers.named(request.route_params["name"])
        except NotFound as error:
            return fault(404, error.code, str(error))
        return _json({**_describe(receiver), "messages": receiver.inbox.newest()})

    async def switch(request: func.HttpRequest) -> func.HttpResponse:
        name, order = request.route_params["name"], request.route_params["order"]
        try:
            receiver = receivers.named(name)
        except NotFound as error:
            return fault(404, error.code, str(error))
        if order not in ("up", "down"):
            return fault(404, NotFound.code, "a receiver can be switched up or down")
        await (receiver.switch_up() if order == "up" else receiver.switch_down())
        return _json(_describe(receiver))

    return [
        Endpoint(compile_route("local/receivers"), frozenset({"GET"}), show_all),
        Endpoint(compile_route("local/receivers/{name}/messages"), frozenset({"GET"}), show_messages),
        Endpoint(compile_route("local/receivers/{name}/{order}"), frozenset({"POST"}), switch),
    ]


def _describe(receiver: Receiver) -> dict[str, Any]:
    return {
        "name": receiver.name,
        "kind": receiver.kind,
        "address": receiver.address,
        "up": receiver.is_up,
        "received": receiver.inbox.received,
        "repeated": receiver.inbox.repeated,
    }


def _json(content: object) -> func.HttpResponse:
    return func.HttpResponse(orjson.dumps(content), mimetype="application/json")
