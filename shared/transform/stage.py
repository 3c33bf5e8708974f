"""The use case behind the queue ``transform``: raw messages of one partition to canonical records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.barriers.gate import MakeGate, Stage
from shared.changes.notes import IdentityEdit
from shared.changes.record import open_record
from shared.fhir_in.reading import LARGE_BYTES
from shared.hl7.long_values import put_back
from shared.message.envelope import ArchiveRef, Item, encode_envelope, envelope_id, pack, with_tokens
from shared.message.errors.base import Disposition, IntegrationError
from shared.message.errors.mapping import RecordUnreadable
from shared.message.errors.pipeline import PoisonMessage
from shared.message.errors.storage import ArchivePurged
from shared.message.finding import Finding
from shared.message.identifiers import LIVE, MessageId, canonical_name, partition_of
from shared.message.queues import ROUTE_QUEUE
from shared.message.record import Hop, Progress
from shared.message.replay import Passed
from shared.message.state import MessageState
from shared.message.work import BATCH_BYTES, Offer, batches_by_size
from shared.observe.log import log
from shared.ports import Archive, Clock, Ledger, Outgoing, Queue, Replays, Workers
from shared.transform.canonical import Converted, Job
from shared.transform.reading import Reading, read_message

if TYPE_CHECKING:
    from shared.mapping.claims.claim import Claim
    from shared.mpi import PersonIndex, Resolved
    from shared.registry import Registry


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one message: its canonical bytes, the reference kept earlier, or the error that stopped it."""

    item: Item
    result: bytes | ArchiveRef | IntegrationError
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ready:
    """A message whose persons are known, and what was noticed about them."""

    item: Item
    job: Job
    claims: Sequence[Claim]
    long_values: Mapping[bytes, memoryview]
    findings: tuple[Finding, ...]


class TransformStage:
    """Takes raw messages of one partition, in order, and gives canonical ones."""

    def __init__(
        self,
        *,
        clock: Clock,
        archive: Archive,
        ledger: Ledger,
        queue: Queue,
        registry: Registry,
        persons: PersonIndex,
        converters: Workers[Job, Converted],
        replays: Replays,
        gate: MakeGate,
    ) -> None:
        self._clock = clock
        self._archive = archive
        self._ledger = ledger
        self._queue = queue
        self._registry = registry
        self._persons = persons
        self._converters = converters
        self._replays = replays
        self._gate = gate(Stage("transform", self._process, self._give_up))

    async def preview(self, item: Item) -> bytes:
        """Return the record that the message would become now; nothing is kept, bound or merged.

        Raises:
            IntegrationError: it would become none.
        """
        interface = self._registry.interfaces[item.interface]
        reading = await self._remembering(read_message(item, await self._archive.get(item.raw), interface))
        job = _job(reading, await self._persons.lookup(reading.claims))
        [result] = await self._converters.run([job])
        if isinstance(result, IntegrationError):
            raise result
        return put_back(result.record, reading.body.values)

    async def run(self, offers: Sequence[Offer]) -> None:
        """Transform every message of these envelopes."""
        await self._gate.run(offers)

    async def _process(self, items: Sequence[Item]) -> None:
        for batch in batches_by_size(items, lambda item: item.raw.size, BATCH_BYTES):
            await self._process_batch(batch)

    async def _process_batch(self, items: Sequence[Item]) -> None:
        kept = await self._archive.find([_name(item) for item in items])
        readings = [await self._read(*pair) for pair in zip(items, kept, strict=True)]
        done = [one for group in _up_to_each_identity_edit(readings) for one in await self._convert(group)]
        canonical = await self._keep(done)
        await self._send(canonical)
        await self._ledger.progress([self._progress(one) for one in done])
        await self._mark_stopped(done)

    async def _read(self, item: Item, kept: ArchiveRef | None) -> Reading | _Done:
        try:
            if kept is not None:  # done before, perhaps not sent on: the first result counts (rule R4)
                edits = open_record(await self._archive.get(kept)).notes.identity
                claims = (await self._reading(item)).claims if any(edit.place for edit in edits) else ()
                return await self._edit(_Done(item, kept), edits, claims)
            return await self._remembering(await self._reading(item))
        except IntegrationError as error:
            return _stopped(item, error)

    async def _reading(self, item: Item) -> Reading:
        await asyncio.sleep(0)  # a batch is long: whoever waits for an acknowledgement has a turn in between
        body = item.body if item.body is not None else await self._archive.get(item.raw)
        interface = self._registry.interfaces[item.interface]
        if interface.fhir is not None and len(body) > LARGE_BYTES:  # of HL7 the long values are set aside
            return await asyncio.to_thread(read_message, item, body, interface)
        return read_message(item, body, interface)

    async def _remembering(self, reading: Reading) -> Reading:
        """Return a message that goes again, and merges or moves, with what it changed when it was new.

        By now both numbers of a merge mean one record, and a number that was moved is its new owner's.
        """
        if reading.item.run == LIVE or not reading.edits_identity:
            return reading
        [kept] = await self._archive.find([canonical_name(reading.item.message, LIVE)])
        if kept is None:  # it was stopped
            return reading
        try:
            return replace(reading, noted=open_record(await self._archive.get(kept)).notes)
        except (ArchivePurged, RecordUnreadable):  # erased, or of another release
            return reading

    async def _convert(self, group: Sequence[Reading | _Done]) -> list[_Done]:
        ready = await self._resolve(group)
        results = iter(await self._converters.run([one.job for one in ready if isinstance(one, _Ready)]))
        return [one if isinstance(one, _Done) else await self._merge(one, next(results)) for one in ready]

    async def _resolve(self, group: Sequence[Reading | _Done]) -> list[_Ready | _Done]:
        """Resolve everybody the group speaks of in one step."""
        readings = [one for one in group if isinstance(one, Reading)]
        answers = iter(await self._persons.resolve([reading.claims for reading in readings]))
        return [one if isinstance(one, _Done) else _answered(one, next(answers)) for one in group]

    async def _merge(self, ready: _Ready, result: Converted | IntegrationError) -> _Done:
        try:
            if isinstance(result, IntegrationError):
                raise result
            if any(claim.role == "prior" for claim in ready.claims):
                await self._persons.check_direction(ready.item.type.partition("^")[2], ready.claims)
            record = put_back(result.record, ready.long_values)
            done = _Done(ready.item, record, (*ready.findings, *result.findings))
            return await self._edit(done, result.edits, ready.claims)
        except IntegrationError as error:
            return _stopped(ready.item, error)

    async def _edit(self, done: _Done, edits: Sequence[IdentityEdit], claims: Sequence[Claim]) -> _Done:
        """Make the edits of a record, once it is kept: made again after its merge it would not know the prior person.

        Raises:
            MergeCycle: see `PersonIndex.edit`.
        """
        if edits and isinstance(done.result, bytes):
            [ref] = await self._archive.keep(done.item.interface, [(_name(done.item), done.result)])
            done = replace(done, result=ref)
        for edit in edits:
            await self._persons.edit(edit, claims)
        return done

    async def _keep(self, done: Sequence[_Done]) -> list[Item]:
        """Keep every new record under its name; return the items that go on, in order."""
        refs: dict[MessageId, ArchiveRef] = {
            one.item.message: one.result for one in done if isinstance(one.result, ArchiveRef)
        }
        fresh = [one for one in done if isinstance(one.result, bytes)]
        for interface in dict.fromkeys(one.item.interface for one in fresh):
            group = [one for one in fresh if one.item.interface == interface]
            named = [(_name(one.item), one.result) for one in group if isinstance(one.result, bytes)]
            for one, ref in zip(group, await self._archive.keep(interface, named), strict=True):
                refs[one.item.message] = ref
        return [
            one.item._replace(canonical=refs[one.item.message], body=None) for one in done if one.item.message in refs
        ]

    async def _send(self, items: Sequence[Item]) -> None:
        if not items:
            return
        by_session: dict[str, list[Item]] = {}
        for item in items:
            for part in with_tokens(item):
                by_session.setdefault(str(partition_of(part.message)), []).append(part)
        outgoing = [
            Outgoing(encode_envelope(group), session, envelope_id(session, group))
            for session, parts in by_session.items()
            for group in pack(parts)
        ]
        await self._queue.send(ROUTE_QUEUE, outgoing)

    async def _mark_stopped(self, done: Sequence[_Done]) -> None:
        """Tell replays which of their messages come no further."""
        stopped = [
            Passed(one.item.run, one.item.message, 0, one.result.code)
            for one in done
            if one.item.run != LIVE and isinstance(one.result, IntegrationError)
        ]
        if stopped:
            await self._replays.mark_passed(stopped)

    def _progress(self, done: _Done) -> Progress:
        now, message = self._clock.now(), done.item.message
        if isinstance(done.result, IntegrationError):
            error = done.result
            log("message_quarantined", message=message, code=error.code, stage="transform")
            hop = Hop(message, now, "transform", error.code, error.where)
            return Progress(message, MessageState.QUARANTINED, hop, error.code, done.findings, done.item.run)
        hop = Hop(message, now, "transform", "transformed", f"mapping {done.item.mapping}")
        return Progress(message, MessageState.TRANSFORMED, hop, findings=done.findings, run=done.item.run)

    async def _give_up(self, item: Item) -> None:
        done = _Done(item, PoisonMessage())
        await self._ledger.progress([self._progress(done)])
        await self._mark_stopped([done])


def _stopped(item: Item, error: IntegrationError) -> _Done:
    """Return a message as its error leaves it; a dependency that fails is no fault of the message, and is raised."""
    if error.disposition is Disposition.RETRY:
        raise error
    return _Done(item, error)


def _answered(reading: Reading, answer: Resolved | IntegrationError) -> _Ready | _Done:
    item = reading.item
    if isinstance(answer, IntegrationError):
        return _stopped(item, answer)
    return _Ready(item, _job(reading, answer), reading.claims, reading.body.values, answer.findings)


def _job(reading: Reading, answer: Resolved) -> Job:
    found = answer if reading.noted is None else answer.as_noted(reading.noted, reading.claims)
    return Job(reading.body.short, reading.item.interface, reading.item.sequence, found.ids, found.former)


def _name(item: Item) -> str:
    return canonical_name(item.message, item.run)


def _up_to_each_identity_edit(readings: Sequence[Reading | _Done]) -> Iterator[list[Reading | _Done]]:
    """Yield groups that end with a merge: what follows it must resolve after it."""
    group: list[Reading | _Done] = []
    for reading in readings:
        group.append(reading)
        if isinstance(reading, Reading) and reading.edits_identity:
            yield group
            group = []
    if group:
        yield group
