"""What must hold after every case, whatever happened: promises 1 to 4, rules R1 to R10."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from shared.message.delivery import Delivery, Verdict
from shared.message.errors.fhir import FhirInvalid
from shared.message.errors.mapping import MergeCycle
from shared.message.errors.pipeline import PoisonMessage
from shared.message.record import MessageRecord
from shared.message.state import DeliveryState, MessageState
from tests.faults.messages import number_of
from tests.faults.worker import QUEUES

if TYPE_CHECKING:
    from tests.faults.receiver import Receiver
    from tests.faults.world import Sent, World


async def violations(world: World) -> list[str]:
    """Return a line for everything that is not as promised."""
    found = [line async for line in _all(world)]
    return list(dict.fromkeys(found))


async def _all(world: World) -> AsyncIterator[str]:
    records: dict[str, MessageRecord] = {}
    deliveries: dict[str, list[Delivery]] = {}
    for control_id, sent in world.sent.items():
        found = await world.adapters.ledger.by_control_id(control_id)
        if sent.acknowledged is None:  # its sender gave up: nobody was promised anything
            if found:
                records[control_id] = found[-1]
            continue
        if len(found) != 1:
            yield f"{control_id}: {len(found)} messages in the ledger"
            continue
        records[control_id] = found[0]
        deliveries[control_id] = await world.adapters.lanes.deliveries(found[0].message)
        for line in (*_of_message(world, sent, found[0], deliveries[control_id]), *_of_replies(sent)):
            yield line
    for receiver in world.receivers.values():
        for line in _of_receiver(world, receiver, records):
            yield line
    for line in (*_of_numbers(records), *await _of_counts(world), *await _of_attempts(world, deliveries)):
        yield line
    for line in (*await _of_queues(world), *await _of_store(world), *await _of_chains(world)):
        yield line


def _of_message(world: World, sent: Sent, record: MessageRecord, rows: Sequence[Delivery]) -> Iterator[str]:
    """Nothing acknowledged is missing; in quarantine is what the scenario says, and nothing else."""
    message = sent.message
    if message.is_poison:
        if (record.state, record.code) != (MessageState.QUARANTINED, PoisonMessage.code):
            yield f"{message.control_id}: the poison is {record.state} {record.code}"
    elif message.prior and record.code == MergeCycle.code:
        return  # whoever merged them the other way came first
    elif message.beside and record.code == FhirInvalid.code and _has_merges(world):
        return  # its two persons are one by now, and it says two things of them
    elif record.state is not MessageState.ROUTED:
        yield f"{message.control_id}: {record.state} {record.code}"
    if {row.destination for row in rows} != message.names or len(rows) != len(message.names):
        yield f"{message.control_id}: deliveries to {sorted(row.destination for row in rows)}"
    if len({row.item.canonical for row in rows}) > 1:
        yield f"{message.control_id}: its canonical record was made again"
    for row in rows:
        if not _has_arrived(world, row):
            yield f"{message.control_id}: {row.state} {row.code} at {row.destination}"


def _has_merges(world: World) -> bool:
    return any(sent.message.prior for sent in world.sent.values())


def _has_arrived(world: World, row: Delivery) -> bool:
    receiver = world.receivers.get(row.destination)
    if receiver is not None and not receiver.copies[row.id]:
        return False
    return row.state is DeliveryState.ACCEPTED or (row.state is DeliveryState.DISCARDED and receiver is not None)


def _of_replies(sent: Sent) -> Iterator[str]:
    """A copy hears the first acknowledgement again."""
    if len(set(sent.replies)) > 1:
        yield f"{sent.message.control_id}: a copy was answered otherwise"


def _of_receiver(world: World, receiver: Receiver, records: dict[str, MessageRecord]) -> Iterator[str]:
    """Once, in order, and always in the same bytes."""
    yield from receiver.complaints
    extra = sum(copies - 1 for copies in receiver.copies.values() if copies > 1)
    if receiver.name == "careful" and extra:
        yield f"{receiver.name}: {extra} arrived again, at one that takes no copy"
    elif not receiver.is_idempotent and extra > len(world.steps.fired):
        yield f"{receiver.name}: {extra} arrived again, after {len(world.steps.fired)} faults"
    elif not world.steps.fired and extra:
        yield f"{receiver.name}: {extra} arrived again, and nothing had gone wrong"
    for delivery, outputs in receiver.outputs.items():
        if len(outputs) > 1:
            yield f"{receiver.name}: {len(outputs)} different outputs of {delivery}"
    yield from _of_order(world, receiver, records)
    yield from _of_stops(world, receiver, records)


def _of_order(world: World, receiver: Receiver, records: dict[str, MessageRecord]) -> Iterator[str]:
    """A message acknowledged before another's request began arrives before it, where they share a person (R1, R7)."""
    sent_as = {record.message: world.sent[control_id] for control_id, record in records.items()}
    by_person: dict[int, list[Sent]] = {}
    for message in receiver.taken:
        if (sent := sent_as.get(message)) is not None:
            for person in sent.message.persons:
                by_person.setdefault(person, []).append(sent)
    for arrived in by_person.values():
        for first, second in combinations(arrived, 2):
            if _is_before(second, first):
                yield f"{receiver.name}: {first.message.control_id} overtook {second.message.control_id}"


def _of_stops(world: World, receiver: Receiver, records: dict[str, MessageRecord]) -> Iterator[str]:
    """Of what a person stopped, nothing arrives that came after the order, until it is let go on (decision 0130)."""
    for control_id, record in records.items():
        sent = world.sent[control_id]
        arrived = receiver.taken.get(record.message, math.inf)
        for stop in world.operator.stops:
            is_meant = stop.name in (sent.message.source, receiver.name)
            if is_meant and stop.since + world.stops_within_seconds < sent.begun and arrived < stop.ended:
                yield f"{receiver.name}: {control_id} arrived while {stop.name} stood still"


def _of_numbers(records: dict[str, MessageRecord]) -> Iterator[str]:
    """The numbers of a source rise from 1 without gaps."""
    by_source: dict[str, list[int]] = {}
    for record in records.values():
        by_source.setdefault(record.sequence.source, []).append(record.sequence.n)
    for source, numbers in by_source.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            yield f"{source}: numbered {sorted(numbers)}"


async def _of_counts(world: World) -> list[str]:
    """What the ledger counts is what it holds."""
    held = Counter(record.state.value for record in await world.adapters.ledger.recent(limit=10_000))
    counted = await world.adapters.ledger.counts()
    return [] if held == counted else [f"ledger: counts {counted}, holds {dict(held)}"]


async def _of_attempts(world: World, deliveries: dict[str, list[Delivery]]) -> list[str]:
    """Attempts are numbered as they were made, and only the last one of a delivery was accepted."""
    broken = []
    for control_id, rows in deliveries.items():
        if not rows:
            continue
        attempts = await world.adapters.lanes.attempts(rows[0].item.message)
        for row in rows:
            mine = [attempt for attempt in attempts if attempt.delivery == row.id]
            numbers = [attempt.number for attempt in mine]
            accepted = [attempt.number for attempt in mine if attempt.verdict is Verdict.ACCEPTED]
            if numbers != sorted(set(numbers)) or len(numbers) > row.attempts:
                broken.append(f"{control_id}: attempts {numbers} of {row.attempts} at {row.destination}")
            if row.state is DeliveryState.ACCEPTED and accepted != numbers[-1:]:
                broken.append(f"{control_id}: attempts {accepted} accepted at {row.destination}")
    return broken


async def _of_chains(world: World) -> list[str]:
    """The ledger proves itself, as `caduceus verify` does (rule R10)."""
    report = await world.adapters.chain.verify()
    return [f"chain: {fault}" for fault in report.faults]


async def _of_queues(world: World) -> list[str]:
    """The broker gave up on nothing."""
    dead = {queue: len(await world.adapters.queue.dead_letters(queue)) for queue in QUEUES}
    return [f"{queue}: {count} dead letters" for queue, count in dead.items() if count]


async def _of_store(world: World) -> list[str]:
    """A person has the address of the ward's last word, whoever was merged into them: old never overwrites new."""
    merges = [sent.message for sent in world.sent.values() if sent.message.prior]
    given_up = {message.prior for message in merges}
    broken = []
    for person in {sent.message.person for sent in world.sent.values()} - given_up:
        priors = {message.prior for message in merges if message.person == person}
        said = _words(world, {person})
        if not said or sum(not {person, *priors}.isdisjoint(message.persons) for message in merges) > 1:
            continue  # nothing was said, or who followed whom is another question
        found = await world.adapters.fhir_store.search("Patient", {"identifier": number_of(person)})
        lines = [line for one in found for address in one.resource.get("address", ()) for line in address["line"]]
        last = [f"{word.message.control_id} St" for word in _last((*said, *_words(world, priors)), said)]
        if len(lines) != 1 or lines[0] not in last:
            broken.append(f"store: person {person} lives at {lines}, and moved last to {last}")
    return broken


def _words(world: World, persons: set[int]) -> list[Sent]:
    """Return the messages of the ward that give an address of one of these persons."""
    every = world.sent.values()
    return [one for one in every if one.message.control_id.startswith("W") and one.message.person in persons]


def _last(all_words: Sequence[Sent], own: Sequence[Sent]) -> list[Sent]:
    """Return the words that no word about the person itself came after."""
    return [word for word in all_words if not any(_is_before(word, other) for other in own)]


def _is_before(word: Sent, other: Sent) -> bool:
    return word.acknowledged is not None and word.acknowledged < other.begun
