"""Whoever changes the local database by hand is found out (rule R10)."""

from __future__ import annotations

import pytest

from tests.contract.conftest import local
from tests.contract.test_chain import settle_some
from tests.doubles.clock import SettableClock

MESSAGE_COLUMNS = ("message", "interface", "source", "n", "key", "mapping", "sha256", "control_id", "type", "received")
DELIVERY_COLUMNS = ("destination", "attempts", "code", "output", "offered", "settled", "message")


@pytest.fixture
async def hub(tmp_path):
    adapters = local(tmp_path / "home", SettableClock())
    await settle_some(adapters)
    yield adapters
    await adapters.close()


async def faults(hub, *statements: str) -> tuple[str, ...]:
    """Return what is found after somebody ran these statements."""
    for statement in statements:
        await hub.database.write(lambda connection, sql=statement: connection.execute(sql))
    return (await hub.chain.verify()).faults


@pytest.mark.parametrize("column", MESSAGE_COLUMNS)
async def test_a_changed_message_row_is_found(hub, column):
    """The time of receipt is what a court asks for."""
    [fault] = await faults(hub, f"UPDATE message SET {column} = 7 WHERE number = 2")
    assert "message row" in fault
    assert "changed" in fault


@pytest.mark.parametrize("column", DELIVERY_COLUMNS)
async def test_a_changed_delivery_row_is_found(hub, column):
    """Who took it, when, and what it said."""
    [fault] = await faults(hub, f"UPDATE delivery SET {column} = 7 WHERE position = 1")
    assert "delivery row 1 was changed" in fault


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM message WHERE number = 4", "message row 4 missing"),
        ("DELETE FROM delivery WHERE position = 3", "delivery row 3 missing"),
        ("DELETE FROM chain WHERE number = 2", "entries 2 to 2 are missing"),
        ("UPDATE chain SET named = 'm1' WHERE number = 1", "entry 1"),
        ("UPDATE delivery SET state = 'accepted' WHERE position = 2", "delivery row 2: no entry names it"),
        (
            "INSERT INTO message SELECT 9, 'x', interface, source, epoch, 9, key, mapping, sha256, size, at,"
            " control_id, type, received, state, code, duplicate_key, duplicate_sum, key_sum"
            " FROM message WHERE number = 1",
            "message row 9: no entry names it",
        ),
    ],
)
async def test_what_is_missing_or_put_in_is_found(hub, statement, said):
    """A row that was never written by the hub is as false as one that was changed."""
    assert any(said in fault for fault in await faults(hub, statement))


async def test_rows_that_were_chained_anew_do_not_fit_what_follows(hub):
    """Without every later digest a forged one is found, and the last of them is a head that somebody kept."""
    before = await hub.chain.verify()
    found = await faults(
        hub, "DELETE FROM chain WHERE number > 1", "DELETE FROM message WHERE number > 2", "DELETE FROM delivery"
    )
    assert found == ()  # a whole chain, shorter
    assert (await hub.chain.verify(before.heads)).faults != ()
