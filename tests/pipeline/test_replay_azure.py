"""The process ends during a replay whose rows are in tables: once after each kind of call that changes something.

The same orders and the same promises as in `test_replay_crash`.
"""

from __future__ import annotations

import orjson
import pytest

from tests.pipeline.hub_in_process import write_interfaces
from tests.pipeline.messages import adt
from tests.pipeline.test_crash_azure import HubOnAzure, end, storage
from tests.pipeline.test_replay_crash import READS, ROUTES, check, run

__all__ = ["storage"]
CHANGING = ("archive", "ledger", "lanes", "replays", "queue")


async def started(home, storage):
    """Return a hub that delivered three messages and was stopped."""
    hub = HubOnAzure(home / "home", write_interfaces(home / "interfaces", ROUTES), storage)
    await hub.start()
    for message in (adt("A1"), adt("A2", "A08"), adt("A3", "A08")):
        await hub.take(message)
    await hub.work()
    await hub.crash()
    return hub


@pytest.mark.slow
async def test_a_replay_in_tables_goes_on_where_it_ended_and_sends_nothing_twice(home, storage):
    """Another process takes it up: what the first one had in memory is gone."""
    hub = await started(home / "whole", storage)
    await run(hub)
    made = list(hub.faults.made)
    await check(hub, [], "whole")
    verified = await hub.hub.verification.verify(b"")
    assert (verified["is_intact"], verified["messages"]) == (True, 4)
    await end(hub)

    changing = sorted({name for name in made if name.startswith(CHANGING) and name not in READS})
    assert {"replays.begin", "replays.add", "replays.mark_sent", "replays.mark_passed", "lanes.write"} <= {*changing}
    for name in changing:
        hub = await started(home / name, storage)
        crashes = await run(hub, name)
        assert crashes == [name]
        await check(hub, crashes, f"after {name}")
        assert (await hub.hub.verification.verify(b""))["is_intact"], name
        await end(hub)


async def test_a_replay_in_tables_is_planned_and_counted(home, storage):
    """What the plan says beforehand is what the replay comes to."""
    hub = await started(home, storage)
    await hub.start()
    order = orjson.dumps({"interface": "adt"})
    told = await hub.hub.replays.plan(order)
    assert (told["messages"], told["keys"], told["patients"]["count"]) == (3, 1, 1)
    assert told["destinations"] == [{"id": one, "new": 0, "different": 0, "again": 0, "same": 3} for one in ROUTES]

    run_id = (await hub.hub.replays.start(order))["run"]
    for _ in range(4):
        await hub.hub.replays.advance()
        await hub.work()
    told = await hub.hub.replays.status(run_id)
    assert (told["state"], told["messages"], told["sent"], told["passed"], told["waiting"]) == ("done", 3, 3, 3, 0)
    assert told["destinations"] == [{"id": one, "skipped": 3} for one in ROUTES]
    affected = await hub.hub.affected.count({"interface": "adt", "destination": "free"})
    assert affected["destinations"] == [{"id": "free", "accepted": 3, "skipped": 3}]
    await end(hub)
