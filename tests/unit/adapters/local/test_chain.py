"""Whoever changes the local database by hand is found out (rule R10)."""

from __future__ import annotations

import orjson
import pytest

from shared.message.errors.pipeline import RequestInvalid
from shared.recover.anchors import Anchors
from shared.recover.verify import Verification
from tests.contract.conftest import local
from tests.contract.test_chain import WINDOW, settle_some
from tests.doubles.clock import SettableClock
from tests.doubles.samples import arrival

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


@pytest.fixture
async def anchored(hub):
    """A verification of a hub whose heads are in the archive."""
    anchors = Anchors(hub.clock, hub.chain, hub.archive)
    await anchors.add()
    return Verification(hub.chain, anchors)


async def test_an_anchored_chain_that_was_cut_off_is_found(hub, anchored):
    """Nobody kept a head but the archive."""
    assert (await anchored.verify(b""))["is_intact"]
    await faults(
        hub, "DELETE FROM chain WHERE number > 1", "DELETE FROM message WHERE number > 2", "DELETE FROM delivery"
    )

    told = await anchored.verify(b"")
    assert not told["is_intact"]
    assert [fault.partition(" was kept")[0] for fault in told["faults"]] == [
        f"partition {head.chain}: ends at 1, and a head of {head.number}"
        for head in (await anchored._anchors.read())[0][0].heads
    ]


async def test_an_anchored_chain_that_was_written_anew_is_found(hub, anchored):
    """By the hub's own code, after everything was erased: each digest fits, and there are as many and more."""
    await faults(hub, *(f"DELETE FROM {table}" for table in ("chain", "message", "delivery", "place", "stream")))
    for n in range(11, 17):
        await hub.ledger.reserve([arrival(n)], WINDOW)
    assert (await hub.chain.verify()).faults == ()

    told = await anchored.verify(b"")
    assert [("not the head that was kept" in fault) for fault in told["faults"]] == [True]
    await anchored._anchors.add()
    assert not (await anchored.verify(b""))["is_intact"]  # the next night whitewashes nothing


async def test_anchors_that_were_removed_or_replaced_are_found(hub, anchored):
    """Whoever can write to the archive's index hides them; an earlier answer, kept elsewhere, knows the newest."""
    kept = orjson.dumps({"anchor": (await anchored.verify(b""))["anchor"]})
    assert (await anchored.verify(kept))["is_intact"]
    forged = orjson.dumps({"anchor": {"number": 1, "digest": "0" * 64}})
    assert (await anchored.verify(forged))["faults"] == ["anchor 1: not there, or not as it was"]
    with pytest.raises(RequestInvalid):
        await anchored.verify(b'{"anchor": [1]}')

    await hub.ledger.reserve([arrival(5)], WINDOW)
    await anchored._anchors.add()
    await faults(hub, "DELETE FROM kept WHERE name = 'anchor-00000001'")
    assert (await anchored.verify(b""))["faults"] == ["anchor 1: missing"]
    await faults(hub, "DELETE FROM kept WHERE name = 'anchor-00000002'")
    assert (await anchored.verify(kept))["faults"] == ["anchor 1: not there, or not as it was"]


async def test_an_anchor_that_cannot_be_read_is_told_and_the_next_one_is_kept(hub, anchored):
    """Its number is taken: the next night must not write into nothing."""
    await faults(hub, "UPDATE kept SET at = 'nowhere' WHERE name = 'anchor-00000001'")
    await hub.ledger.reserve([arrival(5)], WINDOW)
    await anchored._anchors.add()

    told = await anchored.verify(b"")
    assert (told["faults"], told["anchor"]["number"]) == (["anchor 1: cannot be read"], 2)
