"""The contract of `Audit`."""

from __future__ import annotations

from typing import Any

from shared.message.audit import AuditEntry
from tests.contract.conftest import Run
from tests.doubles.clock import NOON

ENTRY = AuditEntry(NOON, "laptop", "reveal", "finding=code_unmapped", "the ward asked", 2)


def test_entries_are_kept_in_order(run: Run) -> None:
    """Prove it, the privacy officer says: who saw what, and why."""

    async def scenario(hub: Any) -> None:
        later = ENTRY._replace(act="discard", affected=1)
        await hub.audit.append(ENTRY)
        await hub.audit.append(later)

        assert await hub.audit.recent() == [later, ENTRY]
        assert await hub.audit.recent(1) == [later]

    run(scenario)


def test_an_entry_is_there_after_the_process_ended(run: Run) -> None:
    """It is durable before what it is about happens."""

    async def write(hub: Any) -> None:
        await hub.audit.append(ENTRY)

    async def read(hub: Any) -> None:
        assert await hub.audit.recent() == [ENTRY]

    run(write)
    run(read)
