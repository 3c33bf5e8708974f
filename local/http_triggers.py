"""HTTP triggers: requests from the network, and from this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import azure.functions as func
import orjson
from aiohttp import web

from local.faults import report_fault
from local.functions import Function
from local.http_server import BODY_LIMIT_BYTES, LOCAL_NAMES
from local.routes import Route, compile_route
from shared.message.errors.configuration import FunctionAppUnusable

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route and what answers it."""

    route: Route
    methods: frozenset[str]
    handler: Handler


def function_endpoints(functions: Iterable[Function], prefix: str) -> list[Endpoint]:
    """Return an endpoint for each HTTP function.

    Args:
        prefix: ``routePrefix`` of host.json.

    Raises:
        FunctionAppUnusable: a route template cannot be used here.
    """
    return [_function_endpoint(function, prefix) for function in functions]


def _function_endpoint(function: Function, prefix: str) -> Endpoint:
    try:
        route = compile_route(f"{prefix}/{function.trigger.get('route') or function.name}")
    except ValueError as error:
        raise FunctionAppUnusable(f"{function.name}: {error}") from None
    methods = frozenset(method.upper() for method in function.trigger.get("methods") or ("GET", "POST"))
    return Endpoint(route, methods, partial(_invoke, function))


async def _invoke(function: Function, request: func.HttpRequest) -> func.HttpResponse:
    """Return what the function returned; what it raised becomes a 500 that says no more than a code."""
    try:
        answer = await function.call(request)
    except Exception as error:  # noqa: BLE001  # the boundary: the host answers, whatever a function does
        return fault(500, report_fault(function.name, error), "the function failed; see the log")
    return answer if isinstance(answer, func.HttpResponse) else func.HttpResponse(str(answer or ""))


class HttpTriggers:
    """Finds the endpoint of a request and calls it.

    Args:
        endpoints: Tried from the most specific to the least.
    """

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._endpoints = sorted(endpoints, key=lambda endpoint: endpoint.route.rank)

    def caller(self, method: str, path: str, media: str) -> Callable[[bytes], Awaitable[func.HttpResponse]]:
        """Return how to call one endpoint in this process, resolved once: no socket, no routing, no copy.

        Raises:
            FunctionAppUnusable: nothing answers there.
        """
        endpoint, parameters, _ = self._find(method, path)
        if endpoint is None:
            raise FunctionAppUnusable(f"nothing answers {method} {path}")
        handler, headers = endpoint.handler, {"content-type": media}

        def call(body: bytes) -> Awaitable[func.HttpResponse]:
            request = func.HttpRequest(method, path, headers=headers, route_params=parameters, body=body)
            return handler(request)

        return call

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request from the network."""
        refusal = _refuse_foreign(request)
        answer = refusal or await self._answer(request)
        body = answer.get_body()
        response = web.Response(status=answer.status_code, body=body, headers=_headers(answer))
        if request.method == "HEAD":
            response.body = None
            response.headers["Content-Length"] = str(len(body))
        return response

    async def _answer(self, request: web.BaseRequest) -> func.HttpResponse:
        path = request.rel_url.raw_path
        endpoint, parameters, allowed = self._find(request.method, path)
        if endpoint is None and allowed:
            return fault(405, "HTTP-405", "the method is not allowed here", {"Allow": ", ".join(sorted(allowed))})
        if endpoint is None:
            return fault(404, "HTTP-404", "nothing is here")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return fault(413, "HTTP-413", f"the body is above {BODY_LIMIT_BYTES} bytes")
        return await endpoint.handler(
            func.HttpRequest(
                request.method,
                str(request.url),
                headers=request.headers,
                params=dict(request.query),
                route_params=parameters,
                body=body,
            )
        )

    def _find(self, method: str, path: str) -> tuple[Endpoint | None, Mapping[str, str], set[str]]:
        """Return the endpoint and its parameters, or None and the methods that would be allowed."""
        allowed: set[str] = set()
        wanted = {"GET", "HEAD"} if method == "HEAD" else {method}
        for endpoint in self._endpoints:
            parameters = endpoint.route.match(path)
            if parameters is None:
                continue
            if wanted & endpoint.methods:
                return endpoint, parameters, allowed
            allowed |= endpoint.methods
        return None, {}, allowed


def _refuse_foreign(request: web.BaseRequest) -> func.HttpResponse | None:
    """Refuse what a page from elsewhere makes a browser send: the laptop asks nobody for a key.

    Another name for this machine is DNS rebinding; another origin is a request forged across sites.
    """
    if urlsplit(f"//{request.host}").hostname not in LOCAL_NAMES:
        return fault(421, "HTTP-421", "this hub answers to 127.0.0.1 and localhost only")
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        return fault(403, "HTTP-403", "this hub takes no requests from pages of other sites")
    return None


def _headers(answer: func.HttpResponse) -> dict[str, str]:
    """Return the headers as Azure's worker completes them."""
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
    if "content-type" not in answer.headers:
        is_text = answer.mimetype.startswith("text/")
        headers["Content-Type"] = f"{answer.mimetype}; charset={answer.charset}" if is_text else answer.mimetype
    return headers


def fault(status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """Return an error in the hub's own form."""
    body = orjson.dumps({"error": {"code": code, "text": text}})
    return func.HttpResponse(body, status_code=status, mimetype="application/json", headers=headers)
