"""Erase payloads whose time is over: every night, or when a person says so.

A segment or a blob is erased as a whole, when all in it is older than its interface says and nothing in it belongs to
a message that is not settled. What the ledger and the deliveries say stays for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.message.audit import AuditEntry
from shared.message.envelope import ArchiveRef
from shared.message.identifiers import LIVE, InterfaceId, canonical_name, shaped_name
from shared.observe.log import log
from shared.ports import Archive, Audit, Clock, Lanes, Ledger, Replays, Unit
from shared.recover.request import read_json, read_reason

if TYPE_CHECKING:
    from shared.registry import Interface, Registry

PURGE = "purge"
_NAMES_AT_ONCE = 1000


class Expired(NamedTuple):
    """What of an interface may be erased, and what may not yet, for what is in it."""

    interface: InterfaceId
    before: datetime
    units: tuple[Unit, ...]
    kept: int


class Retention:
    """Answers ``/hub/purge``, and works at night."""

    def __init__(
        self,
        *,
        clock: Clock,
        ledger: Ledger,
        lanes: Lanes,
        replays: Replays,
        archive: Archive,
        audit: Audit,
        registry: Registry,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._lanes = lanes
        self._replays = replays
        self._archive = archive
        self._audit = audit
        self._registry = registry

    async def plan(self) -> dict[str, Any]:
        """Return what a purge would erase now, by interface, and which interfaces are held."""
        return self._told(await self._expired())

    async def purge(self, request: bytes, who: str) -> dict[str, Any]:
        """Erase what is over, and return what it was; the audit says so before.

        Args:
            request: JSON ``{"reason": "..."}``.

        Raises:
            RequestInvalid: there is no reason.
        """
        return await self._purge(who, read_reason(read_json(request)))

    async def purge_nightly(self) -> None:
        """Erase what is over because its interface says so."""
        await self._purge("hub", "retention_days is over")

    async def _purge(self, who: str, reason: str) -> dict[str, Any]:
        for interface in self._registry.interfaces:
            await self._archive.close_units(interface)
        expired = await self._expired()
        for one in expired:
            if one.units:
                what = f"interface={one.interface} before={one.before.isoformat()}"
                await self._audit.append(AuditEntry(self._clock.now(), who, PURGE, what, reason, len(one.units)))
                log("archive_purged", interface=one.interface, count=await self._archive.erase(one.units))
        return self._told(expired)

    async def _expired(self) -> list[Expired]:
        """Return what is over by interface; nothing while a replay reads what is old."""
        if await self._replays.unfinished():
            return []
        needed = await self._needed()
        free = [one for one in self._registry.interfaces.values() if not one.legal_hold]
        return [await self._expired_of(interface, needed) for interface in free]

    async def _expired_of(self, interface: Interface, needed: set[str]) -> Expired:
        before = self._clock.now() - timedelta(days=interface.retention_days)
        units = await self._archive.units(interface.id, before)
        over = tuple(unit for unit in units if unit.at not in needed)
        return Expired(interface.id, before, over, len(units) - len(over))

    async def _needed(self) -> set[str]:
        """Return the units that hold anything of a message or a delivery that is not settled."""
        records, rows = await self._ledger.unsettled(), await self._lanes.unsettled()
        refs: list[ArchiveRef | None] = [record.raw for record in records]
        refs += [row.item.raw for row in rows]
        refs += [row.item.canonical for row in rows]
        names = [canonical_name(record.message, LIVE) for record in records] + [shaped_name(row.id) for row in rows]
        for start in range(0, len(names), _NAMES_AT_ONCE):
            refs += await self._archive.find(names[start : start + _NAMES_AT_ONCE])
        return {ref.at.partition("@")[0] for ref in refs if ref is not None}

    def _told(self, expired: Iterable[Expired]) -> dict[str, Any]:
        held = [one for one in self._registry.interfaces.values() if one.legal_hold]
        return {
            "interfaces": [
                {
                    "id": one.interface,
                    "before": one.before.isoformat(),
                    "units": len(one.units),
                    "bytes": sum(unit.size for unit in one.units),
                    "kept_units": one.kept,
                }
                for one in expired
            ],
            "held": [{"id": one.id, "why": one.legal_hold} for one in held],
        }
