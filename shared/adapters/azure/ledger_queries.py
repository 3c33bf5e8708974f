"""What is asked of the ledger: messages by id, by what their sender calls them, by state and interface; and traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.adapters.azure.ledger_rows import (
    END,
    INDEXED,
    PARTITION,
    control_prefix,
    findings_of,
    hop_of,
    hops_prefix,
    interface_prefix,
    key_prefix,
    message_key,
    record_of,
    state_prefix,
)
from shared.adapters.azure.neighbours import read_neighbours
from shared.adapters.azure.table import GROUP_LIMIT, Row, Table, equals
from shared.message.identifiers import InterfaceId, MessageId, OrderingKey, new_message_id
from shared.message.patient import KeyDigest
from shared.message.record import Hop, MessageRecord
from shared.message.state import UNSETTLED, MessageState
from shared.ports import Clock

LOOK_BACK = timedelta(days=7)  # messages under way are looked for among those of so long


class LedgerQueries:
    """Reads messages and their traces, and changes nothing."""

    def __init__(self, table: Table, clock: Clock, key_digest: KeyDigest) -> None:
        self._table = table
        self._clock = clock
        self._key_digest = key_digest

    async def messages(self, ids: Sequence[MessageId]) -> list[MessageRecord | None]:
        """Return messages by id; None for one that the ledger does not have."""
        rows = await read_neighbours(self._table, PARTITION, [message_key(message) for message in ids])
        return [record_of(rows[key]) if (key := message_key(message)) in rows else None for message in ids]

    async def by_control_id(self, control_id: str, limit: int = 50) -> list[MessageRecord]:
        """Return the messages that their senders call so, newest first."""
        return await self._indexed(control_prefix(control_id), limit, "")

    async def recent(
        self,
        limit: int = 50,
        state: MessageState | None = None,
        interface: InterfaceId | None = None,
        key: OrderingKey | None = None,
    ) -> list[MessageRecord]:
        """Return the newest messages, of one state, interface and ordering key where they are given."""
        if key is not None:
            return await self._recent_of_key(key, limit, state, interface)
        if state in INDEXED:
            where = equals("interface", interface) if interface else ""
            return await self._indexed(state_prefix(state), limit, where)
        if state is None and interface is not None:
            return await self._indexed(interface_prefix(interface), limit, "")
        given = {"state": state, "interface": interface}
        where = " and ".join(equals(column, value) for column, value in given.items() if value is not None)
        last = f"m!{END}" if not where else _first_of(self._clock.now() - LOOK_BACK)
        return [record_of(row) for row in await self._table.scan(PARTITION, "m!", last, limit, where)]

    async def trace(self, message: MessageId) -> tuple[list[Hop], list[tuple[str, str, str]]]:
        """Return the way of a message, and what was found on it."""
        rows = await self._prefix(hops_prefix(message))
        # A step that was redelivered noted its findings again: once is enough.
        findings = dict.fromkeys(finding for row in rows for finding in findings_of(row))
        return [hop_of(message, row) for row in rows], list(findings)

    async def unsettled(self) -> list[MessageRecord]:
        """Return every message that is still under way."""
        where = " or ".join(equals("state", state.value) for state in UNSETTLED)
        return [record_of(row) for row in await self._table.scan(PARTITION, "m!", f"m!{END}", where=f"({where})")]

    async def reserved(self, since: datetime, before: datetime) -> list[MessageRecord]:
        """Return what was reserved between two moments and did not go on."""
        where = equals("state", MessageState.RESERVED)
        rows = await self._table.scan(PARTITION, _first_of(before), _first_of(since), where=where)
        return [record_of(row) for row in rows]

    async def _recent_of_key(
        self, key: OrderingKey, limit: int, state: MessageState | None, interface: InterfaceId | None
    ) -> list[MessageRecord]:
        named = [MessageId(row["message"]) for row in reversed(await self._prefix(key_prefix(self._key_digest(key))))]
        found: list[MessageRecord] = []
        for start in range(0, len(named), GROUP_LIMIT):
            records = [one for one in await self.messages(named[start : start + GROUP_LIMIT]) if one is not None]
            found += [one for one in records if state in (None, one.state) and interface in (None, one.interface)]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _prefix(self, prefix: str) -> list[Row]:
        return await self._table.scan(PARTITION, prefix, f"{prefix}{END}")

    async def _indexed(self, prefix: str, limit: int, where: str) -> list[MessageRecord]:
        rows = await self._table.scan(PARTITION, prefix, f"{prefix}{END}", limit, where)
        records = await self.messages([MessageId(row["message"]) for row in rows])
        return [record for record in records if record is not None]


def _first_of(moment: datetime) -> str:
    """Return the key of the first message id of a moment; those of older ones are higher."""
    return message_key(new_message_id(0, moment, bytes(10)))
