"""Answers for people and for the command line, as plain dicts ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared.changes.record import decode_record
from shared.message.answered import reason_of_delivery
from shared.message.delivery import Attempt, Delivery
from shared.message.errors import reason_of
from shared.message.errors.pipeline import NotFound, RequestInvalid
from shared.message.identifiers import LIVE, DestinationId, InterfaceId, MessageId, OrderingKey
from shared.message.nearest import no_such
from shared.message.patient import patient_hash, read_patient_hash
from shared.message.record import Hop, MessageRecord
from shared.message.state import DeliveryState, MessageState
from shared.ports import Archive, DestinationStatus, FhirStore, History, Lanes, Ledger, Queue

if TYPE_CHECKING:
    from shared.registry import Registry

# What a person can do with what was stopped, the likeliest first.
_ORDERS: Mapping[MessageState | DeliveryState, list[str]] = {
    MessageState.QUARANTINED: ["resend", "correct", "discard"],
    MessageState.REFUSED: ["correct", "discard"],  # its sender still has it
    MessageState.ABANDONED: ["discard"],  # its sender still has it, and was not answered
    DeliveryState.QUARANTINED: ["resend", "correct", "discard"],
    DeliveryState.REVIEW: ["discard", "resend"],  # it arrived: discard; it did not: resend
}
_WAIT_FOR_A_PERSON = (MessageState.QUARANTINED, MessageState.REFUSED, MessageState.ABANDONED)


class Pauses(Protocol):
    """What a person is told about interfaces that stand still."""

    async def paused(self) -> frozenset[InterfaceId]: ...

    async def held(self) -> Mapping[InterfaceId, int]: ...


Explain = Callable[[MessageRecord, bytes], dict[str, Any]]


class Console:
    """Reads the ledger, the lanes and the archive; changes nothing."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        history: History,
        lanes: Lanes,
        queue: Queue,
        archive: Archive,
        store: FhirStore,
        registry: Registry,
        explain: Explain,
        pauses: Pauses,
        hub_key: bytes,
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._lanes = lanes
        self._queue = queue
        self._archive = archive
        self._store = store
        self._registry = registry
        self._explain = explain
        self._pauses = pauses
        self._hub_key = hub_key

    async def messages(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Return the newest messages, each with the state of its deliveries.

        Args:
            wanted: ``limit`` (1 to 500, without: 50), ``state``, ``interface`` and ``patient``, all optional.

        Raises:
            RequestInvalid: one of them is not what it should be.
            NotFound: there is nobody with this hash, or no such interface.
        """
        limit = _limit_of(wanted)
        try:
            state = MessageState(wanted["state"]) if wanted.get("state") else None
        except ValueError:
            raise RequestInvalid(f"state is one of {', '.join(MessageState)}") from None
        interface = InterfaceId(wanted["interface"]) if wanted.get("interface") else None
        key = await self._key_of(wanted["patient"]) if wanted.get("patient") else None
        if wanted.get("patient") and key is None:
            raise NotFound("patient with this hash")
        records = await self._ledger.recent(limit, state, interface, key)
        # An interface that is no longer in the files may have messages: what is found, counts.
        if interface and not records and interface not in self._registry.interfaces:
            raise NotFound(no_such("interface", interface, self._registry.interfaces))
        return {"messages": [await self._with_deliveries(record) for record in records]}

    async def message(self, name: str) -> dict[str, Any]:
        """Return everything that is known of one message.

        Args:
            name: A message id; or an MSH-10 or a patient hash: then the newest message that has it.

        Raises:
            NotFound: none is known.
        """
        record, others = await self._find(name)
        hops, findings = await self._ledger.trace(record.message)
        deliveries = await self._lanes.deliveries(record.message)
        return {
            "message": self._message(record),
            "hops": [_hop(hop) for hop in sorted(hops, key=lambda hop: hop.at)],
            "findings": [{"code": code, "place": place, "detail": detail} for code, place, detail in findings],
            "deliveries": [_delivery(row) for row in deliveries],
            "orders": _orders_of(record, deliveries),
            "attempts": [_attempt(one) for one in await self._lanes.attempts(record.message)],
            "others": others,
        }

    async def raw(self, name: str) -> bytes:
        """Return the message as it was received."""
        record, _ = await self._find(name)
        return await self._archive.get(record.raw)

    async def canonical(self, name: str) -> dict[str, Any]:
        """Return the FHIR bundle that the message became.

        Raises:
            NotFound: it has not become one.
        """
        record, _ = await self._find(name)
        [ref] = await self._archive.find([f"{record.message}/{LIVE}/canonical"])
        if ref is None:
            raise NotFound(f"{record.message} has no canonical bundle, it is {record.state}")
        return decode_record(await self._archive.get(ref)).bundle

    async def report(self, name: str) -> dict[str, Any]:
        """Return what became of every field of the message (promise 6)."""
        record, _ = await self._find(name)
        return self._explain(record, await self._archive.get(record.raw))

    async def quarantine(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Return what waits for a person: messages that never became deliveries, and deliveries that were stopped.

        Args:
            wanted: ``limit`` (1 to 500, without: 50): so many of each state, the newest.

        Raises:
            RequestInvalid: it is no number.
        """
        limit = _limit_of(wanted)
        found = [await self._ledger.recent(limit + 1, state) for state in _WAIT_FOR_A_PERSON]
        stopped = await self._lanes.stopped(limit + 1)
        messages = [{**self._message(one), "orders": _ORDERS[one.state]} for each in found for one in each[:limit]]
        return {
            "messages": messages,
            "deliveries": await self._stopped(stopped[:limit]),
            "more": max(map(len, found)) > limit or len(stopped) > limit,
        }

    async def _stopped(self, rows: Sequence[Delivery]) -> list[dict[str, Any]]:
        """Return stopped deliveries, each with the type and the MSH-10 by which its sender knows the message."""
        records = await self._ledger.messages([row.item.message for row in rows])
        return [
            {
                "message": row.item.message,
                "type": record.type if record else "",
                "control_id": record.control_id if record else "",
                **_delivery(row),
                "orders": _ORDERS[row.state],
            }
            for row, record in zip(rows, records, strict=True)
        ]

    async def destinations(self) -> dict[str, Any]:
        """Return each destination with what waits for it."""
        waiting = await self._lanes.waiting()
        rows = []
        for config in self._registry.destinations.values():
            status = await self._lanes.status(config.id)
            rows.append(
                {
                    "id": config.id,
                    "title": config.title,
                    "kind": config.kind,
                    "order": config.order,
                    "state": _state(status, is_paused=status.paused or config.paused),
                    "paused": status.paused or config.paused,
                    "failures": status.failures,
                    "open_until": status.open_until.isoformat() if status.open_until else None,
                    "trouble": await self._trouble(config.id) if status.failures else None,
                    "waiting": waiting.get(config.id, 0),
                }
            )
        return {"destinations": rows}

    async def _trouble(self, destination: DestinationId) -> dict[str, str] | None:
        """Return what a destination that fails answered last, what that means, and to which message."""
        row = await self._lanes.last_failed(destination)
        return row and {"code": row.code, "reason": _delivery(row)["reason"], "message": row.item.message}

    async def interfaces(self) -> dict[str, Any]:
        """Return each interface with where it sends what; how it is, the summary says."""
        rows = [
            {
                "id": interface.id,
                "title": interface.title,
                "owner": interface.owner,
                "lifecycle": interface.lifecycle,
                "routes": [{"to": route.to, "shape": route.shape, "types": route.types} for route in interface.routes],
            }
            for interface in self._registry.interfaces.values()
        ]
        return {"interfaces": rows}

    async def summary(self) -> dict[str, Any]:
        """Return the counts that say at one look whether all is well.

        ``queues`` counts queue messages, each of one or more items: what was routed and is in no lane yet is there.
        """
        return {
            "messages": await self._ledger.counts(),
            "waiting": dict(await self._lanes.waiting()),
            "queues": await self._queue.depths(),
            "paused": sorted(await self._pauses.paused()),
            "held": dict(await self._pauses.held()),
            "resources": await self._store.counts(),
        }

    async def _with_deliveries(self, record: MessageRecord) -> dict[str, Any]:
        deliveries = [_delivery(row) for row in await self._lanes.deliveries(record.message)]
        return {**self._message(record), "deliveries": deliveries}

    async def _find(self, name: str) -> tuple[MessageRecord, list[str]]:
        [record] = await self._ledger.messages([MessageId(name)])
        if record is not None:
            return record, []
        found = await self._ledger.by_control_id(name)
        if not found and (key := await self._key_of(name)) is not None:
            found = await self._ledger.recent(key=key)
        if not found:
            raise NotFound("message id, MSH-10 or patient hash")
        return found[0], [other.message for other in found[1:]]

    async def _key_of(self, text: str) -> OrderingKey | None:
        patient = read_patient_hash(text)
        return None if patient is None else await self._history.key_of(patient)

    def _message(self, record: MessageRecord) -> dict[str, Any]:
        return {
            "id": record.message,
            "interface": record.interface,
            "type": record.type,
            "control_id": record.control_id,
            "patient": patient_hash(record.key, self._hub_key) if "/" in record.key else "",
            "received": record.received.isoformat(),
            "state": record.state,
            "code": record.code,
            "reason": reason_of(record.code),
            "source": record.sequence.source,
            "epoch": record.sequence.epoch,
            "n": record.sequence.n,
        }


def _orders_of(record: MessageRecord, deliveries: Sequence[Delivery]) -> list[str]:
    """Return what a person can do with a message: with itself, or with its stopped deliveries."""
    states: list[MessageState | DeliveryState] = [record.state, *(row.state for row in deliveries)]
    return list(dict.fromkeys(order for state in states for order in _ORDERS.get(state, [])))


def _limit_of(wanted: Mapping[str, str]) -> int:
    """Return how many are asked for: 1 to 500, without a word 50."""
    try:
        return min(max(int(wanted.get("limit", 50)), 1), 500)
    except ValueError:
        raise RequestInvalid("limit is a number") from None


def _state(status: DestinationStatus, *, is_paused: bool) -> str:
    """Return how a destination is, in the word that everybody shows: ``paused``, ``failing`` or ``ready``."""
    if is_paused:
        return "paused"
    return "failing" if status.open_until else "ready"


def _hop(hop: Hop) -> dict[str, Any]:
    return {"at": hop.at.isoformat(), "stage": hop.stage, "code": hop.code, "detail": hop.detail}


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "destination": row.destination,
        "state": row.state,
        "attempts": row.attempts,
        "code": row.code,
        "reason": reason_of_delivery(row.state, row.code),
        "offered": row.offered.isoformat(),
        "due": row.due.isoformat() if row.due else None,
        "settled": row.settled.isoformat() if row.settled else None,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery": attempt.delivery,
        "number": attempt.number,
        "began": attempt.began.isoformat(),
        "ended": attempt.ended.isoformat(),
        "verdict": attempt.verdict,
        "code": attempt.code,
    }
