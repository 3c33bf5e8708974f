"""What the stages need of the world. `shared/adapters/` fulfils it, on a laptop and in Azure.

Every port has one contract suite in ``tests/contract``; every adapter passes it.
All methods are batch-shaped: one call is one round trip, or one group commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from shared.message.delivery import Answer, Attempt, Delivery
from shared.message.envelope import ArchiveRef
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import DestinationId, InterfaceId, MessageId, SessionId
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation
from shared.message.state import DeliveryState, MessageState


class Clock(Protocol):
    """Time, as the stages see it: aware and UTC."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class Archive(Protocol):
    """Payloads, kept as they were and found again by reference."""

    async def put(self, interface: InterfaceId, bodies: Sequence[bytes]) -> list[ArchiveRef]:
        """Return where each body is kept, once all of them are durable."""
        ...

    async def get(self, ref: ArchiveRef) -> bytes:
        """Return the body; its digest has been checked.

        Raises:
            ArchiveDamaged: the bytes are missing or are not those that were put.
        """
        ...

    async def keep(self, interface: InterfaceId, named: Sequence[tuple[str, bytes]]) -> list[ArchiveRef]:
        """Keep each output under its name if the name is free; return what the name holds, once durable.

        A second writer gets the first one's output (rule R4): compare ``sha256`` to see whose it is.
        """
        ...

    async def find(self, names: Sequence[str]) -> list[ArchiveRef | None]:
        """Return what is kept under each name, None where the name is free."""
        ...


class Ledger(Protocol):
    """One record for each message, moving forward only."""

    async def reserve(self, arrivals: Sequence[Arrival], window_seconds: float) -> list[Reservation]:
        """Number and record each arrival as ``reserved``, or return the message it duplicates; durable on return.

        A duplicate has the duplicate key and the raw digest of a message received within the window that was
        neither refused nor discarded. The numbers of one source rise in the order of the arrivals, without gaps.
        """
        ...

    async def follow(
        self, first: SourceSequence, arrivals: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        """Record consecutive messages of a connector's stream under the numbers it gave them (rule R1).

        A number that is taken answers with its message, whatever comes under it now. A new one takes the message as
        `reserve` does: the record's sequence is its place in the stream, and a duplicate by key fills the number too.
        What was recorded is durable on return, and is a beginning of the arrivals when this fails.

        Args:
            first: Stream, epoch and number of the first arrival.
            arrivals: None: the number stays empty.
        Returns:
            One for each arrival; None: its number is empty, and stays so.
        Raises:
            StreamOutOfStep: a number before them is missing; nothing was recorded.
        """
        ...

    async def progress(self, steps: Sequence[Progress]) -> None:
        """Move messages forward and add to their traces; a step backward changes only the trace."""
        ...

    async def note(self, hops: Sequence[Hop]) -> None:
        """Add to traces, nothing else."""
        ...

    async def reopen(self, message: MessageId, state: MessageState, hop: Hop) -> None:
        """Set a quarantined message back to ``state``, because a person resends it."""
        ...

    async def count_attempt(self, messages: Sequence[MessageId], stage: str) -> list[int]:
        """Return how often a stage began each message and did not finish it, this time included (rule R5)."""
        ...

    async def finish_attempt(self, messages: Sequence[MessageId], stage: str) -> None:
        """Forget how often processing was begun: it has finished."""
        ...

    async def messages(self, ids: Sequence[MessageId]) -> list[MessageRecord | None]: ...

    async def by_control_id(self, control_id: str, limit: int = 50) -> list[MessageRecord]:
        """Return the messages with this MSH-10, newest first."""
        ...

    async def recent(
        self, limit: int = 50, state: MessageState | None = None, interface: InterfaceId | None = None
    ) -> list[MessageRecord]:
        """Return the newest messages first."""
        ...

    async def trace(self, message: MessageId) -> tuple[list[Hop], list[tuple[str, str, str]]]:
        """Return the hops in order, and the findings as (code, place, detail)."""
        ...

    async def counts(self) -> dict[str, int]:
        """Return the number of messages by state."""
        ...


class Outgoing(NamedTuple):
    """One message for a queue.

    Attributes:
        message_id: Stable for the same content; the broker may drop a second one.
        session: Messages of one session are received in order, by one worker at a time.
        due: Delivered not before; None: at once.
    """

    body: bytes
    session: str
    message_id: str
    due: datetime | None = None


class Queue(Protocol):
    """Sending side of the broker. Receiving is the trigger's."""

    async def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Return once the broker holds all of them durably, in this order."""
        ...


@dataclass(frozen=True, slots=True)
class Ownership:
    """The right to write to a session, until somebody takes the next epoch."""

    session: SessionId
    epoch: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker may do now.

    Attributes:
        ready: Lane by lane, each lane in order from its head. A row's ``state`` is as it was found: ``PARKED``, or
            ``INTENT`` when a worker before us may have sent it. Rows beyond a lane that must wait are not listed.
        wake: When the last confirmed wake of the session is due; None: there is none.
    """

    ownership: Ownership
    ready: tuple[Delivery, ...]
    wake: datetime | None = None


@dataclass(frozen=True, slots=True)
class DestinationStatus:
    """How a destination is, shared by all its sessions.

    Attributes:
        paused: A person stopped it.
        failures: Transient failures in a row.
        open_until: The breaker keeps everybody from trying until then.
    """

    destination: DestinationId
    paused: bool = False
    failures: int = 0
    open_until: datetime | None = None


class Lanes(Protocol):
    """The state of deliver sessions: owner, lanes and deliveries, one table partition each (rules R3, R6)."""

    async def take(
        self, session: SessionId, offered: Sequence[Delivery], now: datetime, send_deadline: datetime | None, limit: int
    ) -> Turn:
        """Become the owner, record what is offered, and return what is ready; all in one transaction.

        Offered deliveries known already are ignored (rule R4); new ones join the end of their lane as ``PARKED``.
        A lane is ready when its head is not held and due, and no send of a worker before us can still be under way.

        Args:
            send_deadline: Given: every ready row is recorded as an intent at once (idempotent destinations).
                None: rows stay parked, and the worker writes each intent just before its send.
            limit: Ready rows at most; whole lanes are cut at their tail.
        """
        ...

    async def write(self, ownership: Ownership, rows: Sequence[Delivery], attempts: Sequence[Attempt] = ()) -> None:
        """Write rows and attempts in one transaction.

        Raises:
            OwnershipLost: the epoch is no longer the newest.
        """
        ...

    async def next_due(self, session: SessionId) -> datetime | None:
        """Return when the first lane that is not held falls due; None when no lane waits.

        A head that may go at once is due since it was offered.
        """
        ...

    async def schedule_wake(self, ownership: Ownership, due: datetime | None) -> None:
        """Record when the session's confirmed wake is due (None: no wake), so that an overdue one is found."""
        ...

    async def overdue(self, now: datetime) -> list[tuple[SessionId, DestinationId]]:
        """Return sessions with lanes waiting whose wake should have come by now, or was never confirmed."""
        ...

    async def sessions(self, destination: DestinationId) -> list[SessionId]:
        """Return the sessions of a destination that have lanes waiting, held ones included."""
        ...

    async def deliveries(self, message: MessageId) -> list[Delivery]: ...

    async def attempts(self, message: MessageId) -> list[Attempt]:
        """Return every send of a message's deliveries, in order."""
        ...

    async def stopped(self, limit: int = 50) -> list[Delivery]:
        """Return deliveries in quarantine or review, newest first."""
        ...

    async def reopen(self, delivery: Delivery, state: DeliveryState) -> None:
        """Set a stopped delivery back to ``PARKED``, or to ``DISCARDED``; its lane moves again."""
        ...

    async def waiting(self) -> dict[DestinationId, int]:
        """Return how many deliveries each destination has not settled."""
        ...

    async def status(self, destination: DestinationId) -> DestinationStatus: ...

    async def set_paused(self, destination: DestinationId, paused: bool) -> None:
        """Stop a destination, or let it go on; the breaker's part of the status stays as it is."""
        ...

    async def set_breaker(self, destination: DestinationId, failures: int, open_until: datetime | None) -> None:
        """Record how the last sends went; whether the destination is paused stays as it is."""
        ...


class IdentityClaim(NamedTuple):
    """A claim as the identity table sees it.

    Attributes:
        keys: Keyed digests of (resource, type, assigner, value), best first; never the identifiers themselves.
        minted: The id to bind when no key is known.
        family: Keyed digest of the folded family name; empty when unknown.
        birth_date: Keyed digest; empty when unknown.
    """

    keys: tuple[str, ...]
    minted: str
    family: str = ""
    birth_date: str = ""


class Resolution(NamedTuple):
    """What the identity table knows.

    Attributes:
        resource: The id, at the end of any chain of merges.
        others: Ids that lesser keys of the same claim are bound to: a conflict for a person to look at.
        family: As stored before this claim.
        birth_date: As stored before this claim.
    """

    resource: str
    others: tuple[str, ...] = ()
    family: str = ""
    birth_date: str = ""

    def contradicts(self, claim: IdentityClaim) -> bool:
        """Tell whether family name and birth date both say that the claim is about somebody else."""
        return _differ(self.family, claim.family) and _differ(self.birth_date, claim.birth_date)


def _differ(stored: str, claimed: str) -> bool:
    return stored not in ("", claimed) and claimed != ""


class Identities(Protocol):
    """The durable identity table: which identifiers mean the same person or visit."""

    async def resolve(self, claims: Sequence[IdentityClaim]) -> list[Resolution]:
        """Return the resource of each claim, in order, binding what is unknown; durable on return.

        The best key that is known decides; unknown keys of the claim are bound to the same resource, and its facts
        become the stored ones where it has them: a name changes, a date is corrected. A claim whose facts both
        contradict the stored ones binds and changes nothing. One without keys resolves to ``minted`` and binds
        nothing.
        """
        ...

    async def lookup(self, keys: Sequence[str]) -> list[str | None]:
        """Return the resource each key is bound to, at the end of its chain."""
        ...

    async def merge(self, prior: str, survivor: str) -> bool:
        """Redirect one resource to another; False when that would close a circle, and nothing was changed."""
        ...

    async def move(self, keys: Sequence[str], resource: str) -> None:
        """Bind keys to a resource, at the end of its chain, whatever they were bound to; durable on return.

        Nothing else of what they were bound to moves: neither its other keys nor its facts.
        """
        ...


class Stored:
    """A resource as the store holds it; read no further than it is asked for.

    Args:
        resource: The resource, or how to read it.
        text: All but its ``meta`` as JSON, in the bytes that writing it from the same members, in the same order, would
            give; empty where the store does not keep it so.
        meta: Its ``meta``, or how to read it; None: it is read with the resource.
    """

    __slots__ = ("_meta", "_resource", "text", "version")

    def __init__(
        self,
        resource: dict[str, Any] | Callable[[], dict[str, Any]],
        version: str,
        text: bytes = b"",
        meta: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        self._resource = resource
        self._meta: dict[str, Any] | Callable[[], dict[str, Any]] | None = meta
        self.version = version
        self.text = text

    @property
    def resource(self) -> dict[str, Any]:
        """The content."""
        if callable(self._resource):
            self._resource = self._resource()
        return self._resource

    @property
    def meta(self) -> dict[str, Any]:
        """Its ``meta``; empty when it has none."""
        meta = self._meta
        if callable(meta):
            meta = meta()
        elif meta is None:
            meta = self.resource.get("meta", {})
        self._meta = meta
        return meta


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write.

    Attributes:
        reference: ``Patient/<id>``.
        resource: The new content.
        if_match: The version it was computed from; None: it must not exist yet.
        text: All but its ``meta`` as JSON, where that is at hand (see `Stored`); empty: whoever wants it writes it.
    """

    reference: str
    resource: dict[str, Any]
    if_match: str | None
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class MetaWrite:
    """One conditional write that changes nothing but ``meta``.

    Attributes:
        meta: All of the new one.
        stored: What it was computed from.
    """

    reference: str
    meta: dict[str, Any]
    stored: Stored

    @property
    def resource(self) -> dict[str, Any]:
        """The new content, for a store that takes resources whole."""
        return {**self.stored.resource, "meta": self.meta}

    @property
    def if_match(self) -> str:
        """The version it was computed from."""
        return self.stored.version


class FhirStore(Protocol):
    """A FHIR R4 server, as far as the hub writes to one."""

    async def read(self, references: Sequence[str]) -> dict[str, Stored]:
        """Return the resources that exist, by ``Type/id``."""
        ...

    async def write(self, writes: Sequence[Write | MetaWrite]) -> None:
        """Write all or nothing, durable on return.

        Raises:
            VersionConflict: one of them does not match; nothing was written.
        """
        ...

    async def search(self, resource_type: str, parameters: Mapping[str, str], limit: int = 50) -> list[Stored]:
        """Return resources by ``_id``, ``identifier``, ``patient``/``subject``; newest first."""
        ...

    async def counts(self) -> dict[str, int]:
        """Return the number of resources by type."""
        ...


class Publisher(Protocol):
    """Thin CloudEvents 1.0: ids, never content."""

    async def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Return once the broker of events has taken them."""
        ...


class SecretStore(Protocol):
    """Secrets by name."""

    async def get(self, name: str) -> str: ...


J = TypeVar("J", contravariant=True)
R = TypeVar("R")


class Workers(Protocol[J, R]):
    """One pure function, run here or in other processes: what it is given and gives back must be cheap to pickle."""

    async def run(self, jobs: Sequence[J]) -> list[R | IntegrationError]:
        """Return the result of each job, in order; the error instead where the function names one.

        Raises:
            WorkerLost: a process ended before it answered; one of the jobs may be why.
            Exception: what the function raised, where it is no `IntegrationError`.
        """
        ...

    async def prepare(self) -> None:
        """Begin to get ready for the first job, without waiting for it."""
        ...

    async def close(self) -> None:
        """End what was started; no job is under way any more."""
        ...


class Destination(Protocol):
    """A system that takes messages."""

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        """Send one shaped message and return what its answer means; it never raises for what a receiver does.

        Everything ends by the deadline: after it nothing more of this send reaches the destination.
        """
        ...

    async def close(self) -> None: ...
