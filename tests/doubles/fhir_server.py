"""A small FHIR R4 server over HTTP, on the laptop's own store: transactions, batches, versions and the hub's searches.

Source: https://hl7.org/fhir/R4/http.html (transaction, update, search, concurrency).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from shared.adapters.local.database import Database
from shared.adapters.local.fhir_store import LocalFhirStore
from shared.adapters.local.fhir_table import SCHEMA
from shared.fhir import exact_json
from shared.message.errors.storage import VersionConflict
from shared.ports import Clock, Stored, Write


class FhirServer:
    """Answers like a FHIR server.

    Args:
        token: What a client must show; empty: nothing.
    """

    def __init__(self, file: Path, clock: Clock, token: str = "") -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file, self._clock, self._token = file, clock, token
        self._opened: LocalFhirStore | None = None
        self.requests: Counter[str] = Counter()

    def application(self) -> web.Application:
        """Return what to serve."""
        application = web.Application(client_max_size=64 << 20)
        application.on_cleanup.append(self._close)
        application.router.add_post("/", self._bundle)
        application.router.add_get("/{type}", self._search)
        application.router.add_put("/{type}/{id}", self._put)
        return application

    @property
    def _store(self) -> LocalFhirStore:
        if self._opened is None:
            self._database = Database(self._file, [SCHEMA])
            self._opened = LocalFhirStore(self._database, self._clock)
        return self._opened

    async def _close(self, application: web.Application) -> None:
        del application
        if self._opened is not None:
            await self._database.close()

    async def _bundle(self, request: web.Request) -> web.Response:
        if not self._is_welcome(request):
            return _answer(_outcome("login"), 401)
        bundle = exact_json.loads(await request.read())
        self.requests[bundle["type"]] += 1
        if bundle["type"] == "transaction":
            return await self._transaction(bundle["entry"])
        entries = [await self._get(entry["request"]["url"]) for entry in bundle["entry"]]
        return _answer({"resourceType": "Bundle", "type": "batch-response", "entry": entries})

    async def _transaction(self, entries: list[dict[str, Any]]) -> web.Response:
        writes = [
            Write(each["request"]["url"], each["resource"], _version(each["request"].get("ifMatch")))
            for each in entries
        ]
        try:
            await self._store.write(writes)
        except VersionConflict:
            return _answer(_outcome("conflict"), 412)
        done = [{"response": {"status": "201 Created" if one.if_match is None else "200 OK"}} for one in writes]
        return _answer({"resourceType": "Bundle", "type": "transaction-response", "entry": done})

    async def _get(self, url: str) -> dict[str, Any]:
        if url.endswith("?_summary=count"):
            total = (await self._store.counts()).get(url.partition("?")[0], 0)
            bundle = {"resourceType": "Bundle", "type": "searchset", "total": total}
            return {"response": {"status": "200 OK"}, "resource": bundle}
        found = await self._store.read([url])
        if url not in found:
            return {"response": {"status": "404"}, "resource": _outcome("not-found")}
        return {"response": {"status": "200 OK"}, "resource": found[url].resource}

    async def _search(self, request: web.Request) -> web.Response:
        self.requests["search"] += 1
        asked = {name: value for name, value in request.query.items() if name not in ("_count", "_sort")}
        found = await self._store.search(request.match_info["type"], asked, int(request.query.get("_count", 50)))
        entries = [{"search": {"mode": "match"}, "resource": one.resource} for one in found]
        return _answer({"resourceType": "Bundle", "type": "searchset", "entry": entries})

    async def _put(self, request: web.Request) -> web.Response:
        self.requests["put"] += 1
        reference = f"{request.match_info['type']}/{request.match_info['id']}"
        conditions = {"ifMatch": request.headers.get("If-Match"), "ifNoneMatch": request.headers.get("If-None-Match")}
        write = await self._write_of(reference, exact_json.loads(await request.read()), conditions)
        try:
            await self._store.write([write])
        except VersionConflict:
            return _answer(_outcome("conflict"), 412)
        stored: Stored = (await self._store.read([reference]))[reference]
        return _answer(stored.resource, 201 if write.if_match is None else 200)

    async def _write_of(self, reference: str, resource: dict[str, Any], asked: Mapping[str, str | None]) -> Write:
        """Return a write on the condition that was asked for; without one it replaces whatever is there."""
        if asked.get("ifMatch") is not None:
            return Write(reference, resource, _version(asked["ifMatch"]))
        if asked.get("ifNoneMatch") == "*":
            return Write(reference, resource, None)
        stored = (await self._store.read([reference])).get(reference)
        return Write(reference, resource, None if stored is None else stored.version)

    def _is_welcome(self, request: web.Request) -> bool:
        return not self._token or request.headers.get("Authorization") == f"Bearer {self._token}"


def _version(if_match: str | None) -> str | None:
    return None if if_match is None else if_match.removeprefix("W/").strip('"')


def _outcome(code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


def _answer(resource: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=exact_json.dumps(resource), status=status, content_type="application/fhir+json")
