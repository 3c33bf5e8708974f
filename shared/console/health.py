"""Health proved with traffic: each dependency does a little of its real work."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from shared.message.errors import reason_of
from shared.message.errors.base import IntegrationError
from shared.message.errors.storage import ArchiveDamaged
from shared.message.identifiers import InterfaceId
from shared.observe.log import log
from shared.ports import Archive, FhirStore, Identities, Lanes, Ledger

_PROBE = b"health"


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency: what it was asked, how long it took, and the code of its error, empty when well."""

    name: str
    milliseconds: float
    code: str = ""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All checks of one moment."""

    checks: tuple[Check, ...]

    @property
    def is_healthy(self) -> bool:
        return not any(check.code for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "status": "pass" if self.is_healthy else "fail",
            "checks": [
                {
                    "name": check.name,
                    "milliseconds": round(check.milliseconds, 2),
                    "code": check.code or "ok",
                    "reason": reason_of(check.code),
                }
                for check in self.checks
            ],
        }


class Health:
    """Checks what a message needs on its way."""

    def __init__(
        self, *, archive: Archive, ledger: Ledger, lanes: Lanes, identities: Identities, store: FhirStore
    ) -> None:
        self._archive = archive
        self._ledger = ledger
        self._lanes = lanes
        self._identities = identities
        self._store = store

    async def check(self) -> HealthReport:
        """Write to and read from each dependency; what fails is in the log, too, where an alert finds it."""
        report = HealthReport(
            (
                await _timed("archive", self._write_and_read()),
                await _timed("ledger", self._ledger.counts()),
                await _timed("lanes", self._lanes.waiting()),
                await _timed("identities", self._identities.lookup(["health"])),
                await _timed("store", self._store.counts()),
            )
        )
        for failed in (check for check in report.checks if check.code):
            log("check_failed", logging.ERROR, code=failed.code, stage=failed.name)
        return report

    async def _write_and_read(self) -> None:
        [ref] = await self._archive.keep(InterfaceId("health"), [("health", _PROBE)])
        if await self._archive.get(ref) != _PROBE:
            raise ArchiveDamaged("health")


async def _timed(name: str, work: Awaitable[object]) -> Check:
    began = time.perf_counter()
    code = ""
    try:
        await work
    except IntegrationError as error:
        code = error.code
    except OSError as error:
        code = type(error).__name__
    return Check(name, (time.perf_counter() - began) * 1000, code)
