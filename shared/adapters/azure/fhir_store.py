"""Any FHIR R4 server as the hub's store: reads in a batch, writes in a transaction, both over HTTPS.

A write names the version it was computed from (``If-Match``); a new resource must not exist yet (``If-None-Match: *``).
Source: https://hl7.org/fhir/R4/http.html, sections transaction and concurrency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from shared.fhir import exact_json
from shared.message.errors.storage import AzureRefused, AzureUnavailable, VersionConflict
from shared.ports import MetaWrite, Stored, Write

if TYPE_CHECKING:
    import aiohttp

Token = Callable[[], Awaitable[str]]

BUNDLE_LIMIT = 400  # Azure Health Data Services takes 500 entries
_TIMEOUT_SECONDS = 30
_CONNECTIONS = 32
_ANSWER_LIMIT_BYTES = 64 << 20
_STREAM_FROM_BYTES = 1 << 20  # aiohttp copies a larger body in one go, and the loop stands still
_MEDIA_TYPE = "application/fhir+json"
_CONFLICTS = frozenset({404, 409, 410, 412})
_SERVICE = "fhir"
# What the hub writes, for the counts on its page.
TYPES = (
    "Account", "AdverseEvent", "AllergyIntolerance", "Appointment", "Basic", "CarePlan", "CareTeam", "ChargeItem",
    "ClaimResponse", "Condition", "Consent", "Coverage", "Device", "DiagnosticReport", "DocumentReference", "Encounter",
    "EpisodeOfCare", "Goal", "HealthcareService", "ImagingStudy", "Immunization", "ImmunizationRecommendation",
    "List", "Location", "Medication", "MedicationAdministration", "MedicationDispense", "MedicationRequest",
    "MessageHeader", "NutritionOrder", "Observation", "Organization", "Patient", "Practitioner", "PractitionerRole",
    "Procedure", "Provenance", "RelatedPerson", "ResearchStudy", "ResearchSubject", "ServiceRequest", "Specimen",
    "Substance", "SupplyRequest",
)  # fmt: skip


class HttpFhirStore:
    """A FHIR R4 server.

    Args:
        url: Its base.
        token: Gives a bearer token; None: the server asks for none.
        is_atomic: Write in transactions; False for a server that has none: each resource by itself, in order.
    """

    def __init__(self, url: str, token: Token | None, *, is_atomic: bool = True) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._is_atomic = is_atomic
        self._session: aiohttp.ClientSession | None = None

    async def read(self, references: Sequence[str]) -> dict[str, Stored]:
        parts = [references[start : start + BUNDLE_LIMIT] for start in range(0, len(references), BUNDLE_LIMIT)]
        found: dict[str, Stored] = {}
        for part in await asyncio.gather(*(self._read(part) for part in parts)):
            found |= part
        return found

    async def write(self, writes: Sequence[Write | MetaWrite]) -> None:
        if not writes:
            return
        if self._is_atomic:
            status, _ = await self._post("transaction", [_put_entry(write) for write in writes])
            if status in _CONFLICTS:
                raise VersionConflict(f"{len(writes)} resources")
            _check(status)
            return
        for write in writes:
            body = exact_json.dumps(write.resource)
            status, _ = await self._ask("PUT", f"/{write.reference}", body, _condition_headers(write.if_match))
            if status in _CONFLICTS:
                raise VersionConflict(write.reference)
            _check(status)

    async def search(self, resource_type: str, parameters: Mapping[str, str], limit: int = 50) -> list[Stored]:
        query = {**parameters, "_count": str(limit), "_sort": "-_lastUpdated"}
        status, bundle = await self._ask("GET", f"/{resource_type}", b"", {}, query)
        _check(status)
        return [_stored(entry["resource"]) for entry in _matches(bundle)][:limit]

    async def counts(self) -> dict[str, int]:
        entries = [_get_entry(f"{name}?_summary=count") for name in TYPES]
        status, bundle = await self._post("batch", entries)
        _check(status)
        totals = [entry.get("resource", {}).get("total", 0) for entry in bundle["entry"]]
        return {name: total for name, total in zip(TYPES, totals, strict=True) if total}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, references: Sequence[str]) -> dict[str, Stored]:
        status, bundle = await self._post("batch", [_get_entry(reference) for reference in references])
        _check(status)
        found: dict[str, Stored] = {}
        for reference, entry in zip(references, bundle["entry"], strict=True):
            code = int(entry["response"]["status"][:3])
            if code not in (404, 410):
                _check(code)
                found[reference] = _stored(entry["resource"])
        return found

    async def _post(self, kind: str, entries: Sequence[Mapping[str, Any]]) -> tuple[int, Any]:
        bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
        return await self._ask("POST", "", exact_json.dumps(bundle), {})

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return status and content of the answer; the content is None where it is none of FHIR's.

        Raises:
            AzureUnavailable: there was no answer.
        """
        import aiohttp

        if self._session is None:
            self._session = _open_session()
        sent = {"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE, **headers}
        if self._token is not None:
            sent["Authorization"] = f"Bearer {await self._token()}"
        try:
            data = body if len(body) < _STREAM_FROM_BYTES else BytesIO(body)
            request = self._session.request(
                method, self._url + path, data=data or None, headers=sent, params=query, allow_redirects=False
            )
            async with request as response:
                return response.status, _content(await _read_bounded(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AzureUnavailable(f"{_SERVICE}, {type(error).__name__}") from None


def _open_session() -> aiohttp.ClientSession:
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
    )


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """Return the body.

    Raises:
        AzureUnavailable: it is longer than anything that was asked for.
    """
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > _ANSWER_LIMIT_BYTES:
            response.close()
            raise AzureUnavailable(f"{_SERVICE}, an answer of more than {_ANSWER_LIMIT_BYTES} bytes")
    return bytes(body)


def _content(body: bytes) -> Any:
    try:
        return exact_json.loads(body)
    except ValueError:
        return None


def _check(status: int) -> None:
    """Raise what a status means that no caller has a use for."""
    if status in (401, 403):
        raise AzureRefused(f"{_SERVICE}, {status}")
    if not 200 <= status < 300:
        raise AzureUnavailable(f"{_SERVICE}, {status}")


def _get_entry(url: str) -> dict[str, Any]:
    return {"request": {"method": "GET", "url": url}}


def _put_entry(write: Write | MetaWrite) -> dict[str, Any]:
    condition = {"ifNoneMatch": "*"} if write.if_match is None else {"ifMatch": f'W/"{write.if_match}"'}
    return {"resource": write.resource, "request": {"method": "PUT", "url": write.reference, **condition}}


def _condition_headers(if_match: str | None) -> dict[str, str]:
    return {"If-None-Match": "*"} if if_match is None else {"If-Match": f'W/"{if_match}"'}


def _matches(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what was searched for, without what a server includes or says beside it."""
    for entry in bundle.get("entry", ()):
        if entry.get("search", {}).get("mode", "match") == "match":
            yield entry


def _stored(resource: dict[str, Any]) -> Stored:
    return Stored(resource, str(resource["meta"]["versionId"]))
