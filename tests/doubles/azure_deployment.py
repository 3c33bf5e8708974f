"""The parts of Azure that a deployment calls: one-deploy endpoint, management API, and the hub's `/health` afterwards.

Behaviour of the endpoint as its public clients know it (azure-cli and Core Tools): 202 with the deployment's id as a
JSON text, then a status: below 3 under way, 3 failed, 4 succeeded.
"""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from azure.core.credentials import AccessToken

TOKEN = "token-of-whoever-deploys"


class Credential:
    """Signs in at once, and keeps what for."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Return the one token the double takes."""
        self.scopes += scopes
        return AccessToken(TOKEN, 2**33)


@dataclass
class AzureDouble:
    """What was sent, and what is answered.

    Attributes:
        refusals: Statuses that `/api/publish` answers first, one for each call.
        statuses: What a deployment's status is, look by look; the last one stays.
        health: Statuses of `/health`, look by look; the last one stays.
        calls: Method and path of every call.
        packages: Every package that was taken, as a list of its names.
        resources: The management API's resources by path.
    """

    url: str = ""
    refusals: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [4])
    health: list[int] = field(default_factory=lambda: [200])
    calls: list[str] = field(default_factory=list)
    packages: list[list[str]] = field(default_factory=list)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Return status and JSON for a call."""
        self.calls.append(f"{method} {path}")
        if path == "/health":
            return _next(self.health), {}
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "sign in"}
        if path.startswith("/api/publish"):
            return self._publish(path, body, headers.get("Content-Type", ""))
        if re.fullmatch(r"/api/deployments/[\w-]+", path):
            return 200, {"status": _next(self.statuses)}
        if method == "DELETE":
            return self._delete(path.partition("?")[0], headers.get("If-Match"))
        return self._manage(method, path.partition("?")[0], body)

    def _publish(self, path: str, body: bytes, kind: str) -> tuple[int, Any]:
        if self.refusals:
            return self.refusals.pop(0), {}
        if kind != "application/zip":
            return 415, {}
        assert "RemoteBuild=false" in path
        self.packages.append(zipfile.ZipFile(io.BytesIO(body)).namelist())
        return 202, f"deployment-{len(self.packages)}"

    def _delete(self, path: str, match: str | None) -> tuple[int, Any]:
        """API Management demands ``If-Match``, and a policy that is gone is not found."""
        if match != "*":
            return 400, {"error": "ValidationError"}
        return (200, {}) if self.resources.pop(path, None) is not None else (404, {})

    def _manage(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        known = self.resources.get(path)
        if method == "GET":
            return (200, known) if known is not None else (404, {})
        if method == "PATCH" and known is None:
            return 404, {}
        given = json.loads(body)
        self.resources[path] = {"properties": {**(known or {}).get("properties", {}), **given["properties"]}}
        return 200, self.resources[path]


def _next(values: list[int]) -> int:
    return values.pop(0) if len(values) > 1 else values[0]


@contextmanager
def azure_double() -> Iterator[AzureDouble]:
    """Serve a double on a free port."""
    double = AzureDouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = double.answer(self.command, self.path, body, self.headers)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _reply  # noqa: N815  # the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
