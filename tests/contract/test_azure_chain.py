"""Whoever changes the tables by hand is found out (rule R10), and what is under way is no fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.adapters.azure.ledger_rows import PARTITION, key_prefix, message_key
from shared.adapters.azure.table import RowConflict, Step, Table
from shared.message.identifiers import OrderingKey
from tests.contract.azure_world import AzureWorld
from tests.contract.test_chain import WINDOW, settle_some
from tests.contract.test_history import numbers
from tests.doubles.samples import SESSION, arrival, message_id

Play = Callable[[Callable[[Any], Awaitable[None]]], None]


@pytest.fixture
def play(azure_world: AzureWorld) -> Play:
    """Run a scenario with open adapters and something settled."""

    def run_scenario(scenario: Callable[[Any], Awaitable[None]]) -> None:
        async def run() -> None:
            hub = await azure_world.open()
            try:
                await settle_some(hub)
                await scenario(hub)
            finally:
                await hub.close()

        asyncio.run(run())

    return run_scenario


async def rows(table: Table, partition: str, prefix: str) -> list[Any]:
    return await table.scan(partition, prefix, f"{prefix}~")


def test_a_changed_message_is_found(play: Play) -> None:
    """The time of receipt is what a court asks for."""

    async def scenario(hub: Any) -> None:
        table, row = hub._table("ledger"), message_key(message_id(2))
        taken = (await table.get(PARTITION, row))["taken"]
        await table.transact(PARTITION, [Step("merge", row, {"taken": taken.replace("ADT^A01", "ADT^A03")})])

        [fault] = (await hub.chain.verify()).faults
        assert "was changed" in fault

    play(scenario)


def test_a_message_that_was_removed_is_found(play: Play) -> None:
    """With its indexes or without."""

    async def scenario(hub: Any) -> None:
        await hub._table("ledger").transact(PARTITION, [Step("delete", message_key(message_id(3)), {})])

        [fault] = (await hub.chain.verify()).faults
        assert "missing" in fault

    play(scenario)


def test_a_message_that_was_put_in_from_outside_is_found(play: Play) -> None:
    """No entry names it."""

    async def scenario(hub: Any) -> None:
        table = hub._table("ledger")
        copied = dict(await table.get(PARTITION, message_key(message_id(3))))
        columns = {name: value for name, value in copied.items() if name not in ("PartitionKey", "RowKey")}
        await table.transact(PARTITION, [Step("create", message_key(message_id(9)), columns)])

        [fault] = (await hub.chain.verify()).faults
        assert "no entry names it" in fault

    play(scenario)


def test_an_entry_that_was_removed_is_found(play: Play) -> None:
    """What it named is named by nobody, and what follows hangs in the air."""

    async def scenario(hub: Any) -> None:
        table = hub._table("ledger")
        first = (await rows(table, PARTITION, "n!"))[0]
        await table.transact(PARTITION, [Step("delete", first["RowKey"], {})])

        faults = (await hub.chain.verify()).faults
        assert any("entry 2 follows entry 0" in fault for fault in faults)
        assert sum("no entry names it" in fault for fault in faults) == 2

    play(scenario)


def test_a_delivery_that_was_changed_or_removed_is_found(play: Play) -> None:
    """Who took it, when, and what it said."""

    async def scenario(hub: Any) -> None:
        table = hub._table("lanes")
        accepted, discarded = [row for row in await rows(table, SESSION, "d!") if "accepted" in str(row)
                               or "discarded" in str(row)]  # fmt: skip
        changed = {"delivery": accepted["delivery"].replace('"AA"', '"CA"')}
        await table.transact(SESSION, [Step("merge", accepted["RowKey"], changed)])
        await table.transact(SESSION, [Step("delete", discarded["RowKey"], {})])

        faults = (await hub.chain.verify()).faults
        assert [("changed" in fault, "missing" in fault) for fault in faults] == [(True, False), (False, True)]

    play(scenario)


def test_a_transaction_whose_answer_was_lost_leaves_the_chain_whole(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is there, and the process that wrote it does not know: the next one must follow it all the same."""

    async def scenario(hub: Any) -> None:
        transact = Table.transact

        async def lose(table: Table, partition: str, steps: Any) -> list[str]:
            await transact(table, partition, steps)
            monkeypatch.undo()
            raise RowConflict(0)  # as `Table` tells of a broken connection

        monkeypatch.setattr(Table, "transact", lose)
        await hub.ledger.reserve([arrival(5)], WINDOW)
        await hub.ledger.reserve([arrival(6)], WINDOW)

        report = await hub.chain.verify()
        assert (report.faults, report.messages) == ((), 6)
        assert numbers(await hub.history.of_key(OrderingKey("key"))) == [1, 2, 3, 4, 5, 6]
        assert len(await rows(hub._table("ledger"), PARTITION, key_prefix(hub.key_digest(OrderingKey("key"))))) == 6

    play(scenario)
