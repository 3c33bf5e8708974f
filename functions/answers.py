"""JSON answers of the hub's own API, and its errors: ``{"error": {"code", "text"}}``."""

from collections.abc import Awaitable

import azure.functions as func
import orjson

from shared.app import hub
from shared.fhir import exact_json
from shared.message.audit import Caller
from shared.message.errors.base import IntegrationError
from shared.message.errors.pipeline import NotFound, NotStopped, RequestInvalid, RoleMissing
from shared.message.errors.storage import ArchivePurged

_STATUS: dict[type[IntegrationError], int] = {
    NotFound: 404,
    NotStopped: 409,
    RequestInvalid: 400,
    RoleMissing: 403,
    ArchivePurged: 410,
}


async def answer(result: Awaitable[object], mimetype: str = "application/json") -> func.HttpResponse:
    """Return the result as JSON; an error the hub names becomes its status and its text."""
    try:
        body = await result
    except IntegrationError as error:
        return failed(error)
    return func.HttpResponse(body if isinstance(body, bytes) else exact_json.dumps(body), mimetype=mimetype)


def failed(error: IntegrationError) -> func.HttpResponse:
    """Return an error as JSON; its text names places, never content."""
    body = orjson.dumps({"error": {"code": error.code, "text": str(error)}})
    return func.HttpResponse(body, status_code=_STATUS.get(type(error), 500), mimetype="application/json")


def caller_of(req: func.HttpRequest) -> Caller:
    """Return who asks: in Azure what the gateway read in the token, on a laptop whoever uses it.

    Only the gateway's identity is let in there, and it takes these headers off what comes from outside.
    """
    settings = hub().settings
    if settings.is_laptop:
        return Caller("laptop", settings.roles)
    roles = req.headers.get("x-hub-roles", "").replace(",", " ").split()
    return Caller(
        req.headers.get("x-hub-caller") or "unknown", frozenset(one.removeprefix("Hub.").lower() for one in roles)
    )
