"""The bytes of a delivery: shaped once, kept before use, read again ever after (rule R4)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from shared.deliver.shape import Shaped, media_type_of
from shared.deliver.shaper import ShapeJob, route_of
from shared.hl7.long_values import put_back, set_aside
from shared.message.delivery import Delivery
from shared.message.envelope import ArchiveRef
from shared.message.errors.base import Disposition, IntegrationError
from shared.message.finding import Finding
from shared.message.identifiers import LIVE, delivery_id, shaped_name
from shared.message.record import Hop
from shared.message.state import DeliveryState
from shared.ports import Archive, Clock, Ledger, Workers

if TYPE_CHECKING:
    from shared.registry import DestinationConfig, Registry

T = TypeVar("T")
_MOST_TOLD = 20  # of the findings of one shaping, in a trace


@dataclass(frozen=True, slots=True)
class Output:
    """Shaped bytes, ready to send.

    Attributes:
        sha256: Digest of what the live run would send now: what is a run's own, as an MSH-10, makes no difference.
    """

    body: bytes
    media_type: str
    sha256: str


class _Parted(NamedTuple):
    """What a shape is made of, the long values of its message apart."""

    short: ShapeJob
    raw: bytes | None
    long_values: Mapping[bytes, memoryview]


class Outputs:
    """Finds or makes the bytes of deliveries.

    Args:
        store_reads_records: The destination of the store reads a record in the archive itself, and wants no bytes.
    """

    def __init__(
        self,
        *,
        archive: Archive,
        registry: Registry,
        ledger: Ledger,
        clock: Clock,
        shapers: Workers[ShapeJob, Shaped],
        store_reads_records: bool,
    ) -> None:
        self._archive = archive
        self._shapers = shapers
        self._ledger = ledger
        self._clock = clock
        self._registry = registry
        self._store_reads_records = store_reads_records

    async def prepare(
        self, rows: Sequence[Delivery], config: DestinationConfig
    ) -> dict[str, Output | IntegrationError]:
        """Return the output of each delivery by its id; an error where it cannot be shaped.

        A first attempt shapes, and keeps the result unless somebody kept one before; a later one reads what was kept.
        The store takes the canonical record itself, which is kept already.
        """
        if config.kind == "fhir_store":
            return {row.id: await _made(self._canonical(row)) for row in rows}
        prepared: dict[str, Output | IntegrationError] = {}
        kept = await self._find([row for row in rows if _may_be_kept(row)])
        for row in rows:
            if (ref := kept.get(row.id)) is not None:
                prepared[row.id] = await _made(self._kept(row, ref))
        fresh: list[tuple[Delivery, Shaped]] = []
        failed: list[tuple[Delivery, IntegrationError]] = []
        new = [row for row in rows if row.id not in prepared]
        for row, shaped in zip(new, await self._shape_all(new), strict=True):
            if isinstance(shaped, Shaped):
                fresh.append((row, shaped))
            else:
                prepared[row.id] = shaped
                failed.append((row, shaped))
        prepared.update(await self._keep([(row, shaped.body) for row, shaped in fresh]))
        await self._note(fresh, failed)
        for row in rows:
            output = prepared[row.id]
            if row.item.run != LIVE and isinstance(output, Output):
                prepared[row.id] = await _made(self._as_live(row, output))
        return prepared

    async def _find(self, rows: Sequence[Delivery]) -> dict[str, ArchiveRef]:
        found = await self._archive.find([shaped_name(row.id) for row in rows])
        return {row.id: ref for row, ref in zip(rows, found, strict=True) if ref is not None}

    async def preview(self, row: Delivery, record: bytes) -> str:
        """Return the digest of what the live run would send now, given the canonical record; nothing is kept.

        Raises:
            IntegrationError: it cannot be shaped.
        """
        if self._registry.destinations[row.destination].kind == "fhir_store":
            return hashlib.sha256(record).hexdigest()
        return hashlib.sha256((await self._shape(_live(row), record)).body).hexdigest()

    async def _as_live(self, row: Delivery, output: Output) -> Output:
        """Return the output of a replay under the digest that compares with what was sent before."""
        if row.output:  # it was compared before its first attempt
            return replace(output, sha256=row.output)
        shaped = await self._shape(_live(row))
        return replace(output, sha256=hashlib.sha256(shaped.body).hexdigest())

    async def _note(
        self, fresh: Sequence[tuple[Delivery, Shaped]], failed: Sequence[tuple[Delivery, IntegrationError]]
    ) -> None:
        """Add to the traces what shaping could not bring to a destination, and where it failed: codes and places."""
        now = self._clock.now()
        hops = [
            Hop(row.item.message, now, "deliver", "shaped", f"{row.destination}: {in_short(shaped.findings)}")
            for row, shaped in fresh
            if shaped.findings
        ]
        hops += [
            Hop(row.item.message, now, "deliver", error.code, f"{row.destination}: {error.where}")
            for row, error in failed
            if error.disposition is Disposition.QUARANTINE
        ]
        if hops:
            await self._ledger.note(hops)

    async def _canonical(self, row: Delivery) -> Output:
        assert row.item.canonical is not None
        body = b"" if self._store_reads_records else await self._archive.get(row.item.canonical)
        return Output(body, "application/json", row.item.canonical.sha256)

    async def _kept(self, row: Delivery, ref: ArchiveRef) -> Output:
        return Output(await self._archive.get(ref), self._media_type(row), ref.sha256)

    async def _shape_all(self, rows: Sequence[Delivery]) -> list[Shaped | IntegrationError]:
        """Return what becomes of each delivery; an error where it cannot be shaped."""
        jobs = [await _made(self._job(row)) for row in rows]
        results = iter(await self._shapers.run([job.short for job in jobs if isinstance(job, _Parted)]))
        return [await _made(self._whole(job, next(results))) if isinstance(job, _Parted) else job for job in jobs]

    async def _shape(self, row: Delivery, record: bytes | None = None) -> Shaped:
        """Return what becomes of one delivery.

        Args:
            record: The canonical record; None: the one that its item names.
        Raises:
            IntegrationError: it cannot be shaped.
        """
        job = await self._job(row, record)
        [shaped] = await self._shapers.run([job.short])
        return await self._whole(job, shaped)

    async def _job(self, row: Delivery, record: bytes | None = None) -> _Parted:
        route = route_of(self._registry, row)
        if route.needs_bundle and record is None:
            assert row.item.canonical is not None
            record = await self._archive.get(row.item.canonical)
        raw = await self._archive.get(row.item.raw) if route.needs_raw else None
        if raw is None or route.shape != "hl7":
            return _Parted(ShapeJob(row, raw, record if route.needs_bundle else None), None, {})
        short, long_values = set_aside(raw)
        return _Parted(ShapeJob(row, short, record if route.needs_bundle else None), raw, long_values)

    async def _whole(self, job: _Parted, shaped: Shaped | IntegrationError) -> Shaped:
        """Return what was shaped with its long values in place; raise what stopped it."""
        if not isinstance(shaped, IntegrationError) and not all(word in shaped.body for word in job.long_values):
            [shaped] = await self._shapers.run([job.short._replace(raw=job.raw)])  # left out, or in wider characters
        if isinstance(shaped, IntegrationError):
            raise shaped
        return replace(shaped, body=put_back(shaped.body, job.long_values)) if job.long_values else shaped

    async def _keep(self, fresh: Sequence[tuple[Delivery, bytes]]) -> dict[str, Output]:
        outputs: dict[str, Output] = {}
        for interface in dict.fromkeys(row.item.interface for row, _ in fresh):
            group = [(row, body) for row, body in fresh if row.item.interface == interface]
            refs = await self._archive.keep(interface, [(shaped_name(row.id), body) for row, body in group])
            for (row, body), ref in zip(group, refs, strict=True):
                # Somebody may have kept another output in between: the first one counts.
                is_ours = hashlib.sha256(body).hexdigest() == ref.sha256
                kept = body if is_ours else await self._archive.get(ref)
                outputs[row.id] = Output(kept, self._media_type(row), ref.sha256)
        return outputs

    def _media_type(self, row: Delivery) -> str:
        return media_type_of(route_of(self._registry, row))


async def _made(making: Awaitable[T]) -> T | IntegrationError:
    """Return what was made, or the error that stops this delivery alone; a dependency that fails stops them all."""
    try:
        return await making
    except IntegrationError as error:
        if error.disposition is Disposition.RETRY:
            raise
        return error


def in_short(findings: Sequence[Finding]) -> str:
    """Return findings in one line, those of a kind together: ``element_not_carried Patient.photo, Patient.link``."""
    by_code: dict[str, list[str]] = {}
    for finding in findings[:_MOST_TOLD]:
        by_code.setdefault(finding.code, []).append(finding.place)
    said = "; ".join(f"{code} {', '.join(places)}" for code, places in by_code.items())
    more = len(findings) - _MOST_TOLD
    return f"{said}; and {more} more" if more > 0 else said


def _live(row: Delivery) -> Delivery:
    """Return the delivery as the live run had it."""
    return row._replace(id=delivery_id(row.item.message, row.destination, LIVE))


def _may_be_kept(row: Delivery) -> bool:
    """Tell whether to look for an output: one of a delivery that nobody began is found when ours is to be kept."""
    return row.attempts > 0 or row.state is not DeliveryState.PARKED
