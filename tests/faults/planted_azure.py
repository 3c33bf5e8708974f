"""Bugs that somebody could write in the adapters of Azure, one function each (tests/faults/test_azure.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

from shared.adapters.azure import archive, lanes
from shared.adapters.azure.archive import AzureArchive
from shared.adapters.azure.counts import Counts
from shared.adapters.azure.lane_rows import owner_step
from shared.adapters.azure.session_state import Owner
from shared.adapters.azure.table import Step, tag_of


def write_whoever_owns() -> Any:
    """The owner row is written whatever version it has: a worker that lost its session writes on (rule R3)."""

    def write_anyway(before: Owner, after: Owner) -> Step:
        return replace(owner_step(before, after), kind="put", tag=None)

    return mock.patch.object(lanes, "owner_step", write_anyway)


def keep_the_last_output() -> Any:
    """A name that holds an output already is given the new one (rule R4)."""

    async def keep(self: AzureArchive, refs: Any) -> Any:
        steps = [Step("put", archive._row_key(name), archive._columns(ref)) for name, ref in refs.items()]
        await self._names.transact(archive.PARTITION, steps)
        return dict(refs)

    return mock.patch.object(AzureArchive, "_keep_names", keep)


def count_again_after_a_lost_answer() -> Any:
    """A transaction whose answer was lost is made again without a look at what it was made of (rule R10)."""

    async def believe(self: Counts) -> None:
        row = await self._table.get(self._partition, f"c!{self.writer}")
        self._tag = None if row is None else tag_of(row)

    return mock.patch.object(Counts, "_read_own", believe)


PLANTED = {
    plant.__name__: plant for plant in (write_whoever_owns, keep_the_last_output, count_again_after_a_lost_answer)
}
