"""The queues of the broker: sessions, peek-lock, schedules, duplicate detection, dead letters. No AMQP here.

Source: Microsoft's documentation of Service Bus: message sessions; transfers, locks and settlement; duplicate
detection; dead-letter queues; sequencing.
"""

from __future__ import annotations

import heapq
import itertools
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.ports import Clock
from tests.doubles.service_bus.bare_message import BareMessage

TOO_MANY_DELIVERIES = "MaxDeliveryCountExceeded"
EXPIRED = "TTLExpiredException"
DEAD_LETTERS = "/$deadletterqueue"

LOCK_LOST = "com.microsoft:message-lock-lost"
SESSION_LOST = "com.microsoft:session-lock-lost"
SESSION_TAKEN = "com.microsoft:session-cannot-be-locked"
NOT_FOUND = "amqp:not-found"
NOT_ALLOWED = "amqp:not-allowed"


class Refused(Exception):
    """What the broker answers instead of doing it."""

    def __init__(self, condition: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.condition, self.text, self.status = condition, text, status


class Consumer(Protocol):
    """A link that takes messages."""

    credit: int
    settles_at_once: bool

    def deliver(self, message: Queued) -> None: ...

    def lose(self, refusal: Refused) -> None: ...


@dataclass(frozen=True, slots=True)
class EntityRules:
    """What a queue keeps to; the names are those of Service Bus."""

    lock_seconds: float = 60
    max_deliveries: int = 10
    requires_session: bool = False
    duplicate_window_seconds: float = 0
    dead_letters_expired: bool = False


@dataclass(slots=True, eq=False)
class Queued:
    """One message in a queue.

    Attributes:
        deliveries: How often it was handed out.
        token: Of the lock; None while nobody holds it.
    """

    content: BareMessage
    number: int
    enqueued: datetime
    expires: datetime | None = None
    deliveries: int = 0
    token: uuid.UUID | None = None
    locked_until: datetime | None = None
    holder: Consumer | None = None
    source: str = ""

    def __lt__(self, other: Queued) -> bool:
        return self.number < other.number


@dataclass(slots=True)
class Session:
    """What is ready in a session, and who holds it."""

    ready: list[Queued] = field(default_factory=list)
    holder: Consumer | None = None
    locked_until: datetime | None = None
    state: Any = None


@dataclass(slots=True, eq=False)
class Waiter:
    """Somebody who waits for any session to have something.

    Attributes:
        until: Of `time.monotonic`: patience is the client's, and real.
    """

    consumer: Consumer
    until: float
    granted: Callable[[str | None], None]


class Entity:
    """A queue or its dead letters.

    Args:
        number: Gives the next sequence number of the namespace.
        bury: Takes what becomes a dead letter.
    """

    def __init__(
        self, name: str, rules: EntityRules, clock: Clock, number: Callable[[], int], bury: Callable[[Queued], None]
    ) -> None:
        self.name, self.rules = name, rules
        self.operations: Counter[str] = Counter()
        self._clock, self._number, self._bury = clock, number, bury
        self._ready: list[Queued] = []
        self._locked: dict[uuid.UUID, Queued] = {}
        self._scheduled: list[tuple[datetime, Queued]] = []
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._consumers: list[Consumer] = []
        self._waiters: list[Waiter] = []
        self._sent: OrderedDict[str, datetime] = OrderedDict()
        self._is_pumping = False

    # Sending

    def put(self, content: BareMessage) -> int:
        """Take a message; return its number, or 0 for a duplicate.

        Raises:
            Refused: it has no session, and the queue has nothing else.
        """
        if self.rules.requires_session and content.session_id is None:
            raise Refused(NOT_ALLOWED, "a session id is required")
        self.operations["sent"] += 1
        now = self._clock.now()
        if self._is_duplicate(content.message_id, now):
            return 0
        message = Queued(content, self._number(), now)
        if content.ttl_milliseconds is not None:
            message.expires = now + timedelta(milliseconds=content.ttl_milliseconds)
        due = content.annotations.get("x-opt-scheduled-enqueue-time")
        if due is not None and due > now.timestamp() * 1000:
            at = datetime.fromtimestamp(due / 1000, now.tzinfo)
            heapq.heappush(self._scheduled, (at, message))
        else:
            self.enqueue(message)
        return message.number

    def enqueue(self, message: Queued) -> None:
        """Make a message ready, in its place."""
        message.token = message.holder = message.locked_until = None
        if self.rules.requires_session:
            heapq.heappush(self.session(message.content.session_id or "").ready, message)
            self._grant_waiters()
        else:
            heapq.heappush(self._ready, message)
        self.pump()

    def cancel(self, numbers: set[int]) -> None:
        """Forget scheduled messages."""
        self._scheduled = [entry for entry in self._scheduled if entry[1].number not in numbers]
        heapq.heapify(self._scheduled)

    def _is_duplicate(self, message_id: str | None, now: datetime) -> bool:
        window = self.rules.duplicate_window_seconds
        if not window or message_id is None:
            return False
        while self._sent and next(iter(self._sent.values())) <= now - timedelta(seconds=window):
            self._sent.popitem(last=False)
        if message_id in self._sent:
            return True
        self._sent[message_id] = now
        return False

    # Receiving

    def attach(self, consumer: Consumer) -> None:
        """Hand out messages to one more consumer.

        Raises:
            Refused: the queue has sessions; one of them must be accepted.
        """
        if self.rules.requires_session:
            raise Refused(NOT_ALLOWED, "an entity that requires sessions has no receiver without one")
        self._consumers.append(consumer)

    def detach(self, consumer: Consumer) -> None:
        """Hand out nothing more to a consumer; what it did not settle is ready again."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)
        self._waiters = [waiter for waiter in self._waiters if waiter.consumer is not consumer]
        for session in self._sessions.values():
            if session.holder is consumer:
                session.holder = session.locked_until = None
        self._take_back(consumer)
        self._grant_waiters()

    def pump(self) -> None:
        """Hand out what is ready to whoever has credit."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            for session in list(self._sessions.values()):
                while session.holder is not None and session.holder.credit > 0 and session.ready:
                    self._hand_out(heapq.heappop(session.ready), session.holder, session.locked_until)
            while self._ready and (free := next((one for one in self._consumers if one.credit > 0), None)):
                until = self._clock.now() + timedelta(seconds=self.rules.lock_seconds)
                self._hand_out(heapq.heappop(self._ready), free, until)
        finally:
            self._is_pumping = False

    def everything(self) -> list[Queued]:
        """Return every message in order, locked and scheduled ones included: what peeking shows."""
        ready = itertools.chain(self._ready, *(session.ready for session in self._sessions.values()))
        return sorted([*ready, *self._locked.values(), *(entry[1] for entry in self._scheduled)])

    def _hand_out(self, message: Queued, consumer: Consumer, until: datetime | None) -> None:
        if message.expires is not None and message.expires <= self._clock.now():
            if self.rules.dead_letters_expired:
                self._make_dead(message, EXPIRED, "")
            return
        self.operations["received"] += 1
        message.deliveries += 1
        message.token, message.locked_until = uuid.uuid4(), until
        if not consumer.settles_at_once:
            message.holder = consumer
            self._locked[message.token] = message
        consumer.deliver(message)

    def _take_back(self, consumer: Consumer) -> None:
        for token, message in list(self._locked.items()):
            if message.holder is consumer:
                del self._locked[token]
                self._ready_or_dead(message)

    def _ready_or_dead(self, message: Queued) -> None:
        if message.deliveries >= self.rules.max_deliveries:
            self._make_dead(message, TOO_MANY_DELIVERIES, f"after {self.rules.max_deliveries} deliveries")
        else:
            self.enqueue(message)

    # Settling

    def complete(self, token: uuid.UUID) -> None:
        """Forget a message.

        Raises:
            Refused: the lock is gone; so for all that settle.
        """
        self._unlock(token)
        self.operations["completed"] += 1

    def abandon(self, token: uuid.UUID) -> None:
        """Make a message ready again, or a dead letter when it was delivered too often."""
        self._ready_or_dead(self._unlock(token))

    def release(self, token: uuid.UUID) -> None:
        """Make a message ready again that the consumer never looked at: it does not count."""
        message = self._unlock(token)
        message.deliveries -= 1
        self.enqueue(message)

    def dead_letter(self, token: uuid.UUID, reason: str, description: str) -> None:
        """Move a message to the dead letters."""
        self._make_dead(self._unlock(token), reason, description)

    def renew(self, token: uuid.UUID) -> datetime:
        """Return until when the lock of a message holds now."""
        message = self._locked.get(token)
        if message is None:
            raise Refused(LOCK_LOST, "the lock supplied is invalid", 410)
        message.locked_until = self._clock.now() + timedelta(seconds=self.rules.lock_seconds)
        return message.locked_until

    def _unlock(self, token: uuid.UUID) -> Queued:
        message = self._locked.pop(token, None)
        if message is None:
            raise Refused(LOCK_LOST, "the lock supplied is invalid", 410)
        return message

    def _make_dead(self, message: Queued, reason: str, description: str) -> None:
        said = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        message.content.application.update({name: text for name, text in said.items() if text})
        message.source, message.deliveries, message.expires = self.name, 0, None
        self._bury(message)

    # Sessions

    def session(self, name: str) -> Session:
        """Return a session; one that nobody used before is empty."""
        return self._sessions.setdefault(name, Session())

    def accept(self, name: str | None, consumer: Consumer) -> str | None:
        """Lock a session, or the next one that has something; None: there is none.

        Raises:
            Refused: somebody else has the session that was asked for.
        """
        if name is None:
            name = next((each for each, one in self._sessions.items() if one.holder is None and one.ready), None)
            if name is None:
                return None
        session = self.session(name)
        if session.holder not in (None, consumer):
            raise Refused(SESSION_TAKEN, "the session is locked by another receiver")
        session.holder = consumer
        session.locked_until = self._clock.now() + timedelta(seconds=self.rules.lock_seconds)
        self._sessions.move_to_end(name)
        return name

    def wait_for_session(self, waiter: Waiter) -> None:
        """Accept a session for somebody as soon as one has something."""
        self._waiters.append(waiter)

    def renew_session(self, name: str) -> datetime:
        """Return until when the lock of a session holds now.

        Raises:
            Refused: nobody has it.
        """
        session = self.session(name)
        if session.holder is None:
            raise Refused(SESSION_LOST, "the session lock has expired", 410)
        session.locked_until = self._clock.now() + timedelta(seconds=self.rules.lock_seconds)
        return session.locked_until

    def expire(self, name: str) -> None:
        """End the lock of a session before its time."""
        self._end_lock(self.session(name))
        self._grant_waiters()

    def _end_lock(self, session: Session) -> None:
        if session.holder is not None:
            holder, session.holder = session.holder, None
            self._take_back(holder)
            holder.lose(Refused(SESSION_LOST, "the session lock has expired", 410))

    def _grant_waiters(self) -> None:
        while self._waiters:
            name = self.accept(None, self._waiters[0].consumer)
            if name is None:
                return
            self._waiters.pop(0).granted(name)

    # Time

    def tick(self) -> None:
        """Do what has fallen due: schedules, locks, waiters."""
        now = self._clock.now()
        while self._scheduled and self._scheduled[0][0] <= now:
            message = heapq.heappop(self._scheduled)[1]
            message.enqueued = now
            self.enqueue(message)
        for session in list(self._sessions.values()):  # a waiter may be granted one meanwhile
            if session.locked_until is not None and session.locked_until <= now:
                self._end_lock(session)
        if not self.rules.requires_session:
            for token, message in list(self._locked.items()):
                if message.locked_until is not None and message.locked_until <= now:
                    self.abandon(token)
        for waiter in [one for one in self._waiters if one.until <= time.monotonic()]:
            self._waiters.remove(waiter)
            waiter.granted(None)
        self._grant_waiters()
