"""Workers: pure work, in order, whether it is done here or elsewhere; and what holds only of processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from shared.adapters.inline_workers import InlineWorkers
from shared.adapters.local import workers as local_workers
from shared.adapters.local.worker_process import GIVES_WAY
from shared.adapters.local.workers import ProcessWorkers
from shared.message.errors.hl7 import ContentUndecodable
from shared.message.errors.storage import WorkerLost
from shared.ports import Workers
from tests.doubles.work import Work

KEY = "a key that nobody else may see"
ROOT = Path(__file__).resolve().parents[2]

# A hub that has no time for its worker's answer, and tells the worker's id before it is killed.
BUSY_HUB = """
import asyncio
import sys
import time
from shared.adapters.local.worker_process import GIVES_WAY
from shared.adapters.local.workers import ProcessWorkers
from tests.doubles.work import Work

async def main():
    workers = ProcessWorkers(Work(), 1)
    [(process, _)] = await workers.run([("tell", None)])
    asyncio.create_task(workers.run([(sys.argv[1], 0.3)]))
    await asyncio.sleep(0.1)
    time.sleep(0.5)
    print(process, flush=True)
    time.sleep(60)

asyncio.run(main())
"""


@pytest.fixture(params=[InlineWorkers, lambda work: ProcessWorkers(work, 2)], ids=["inline", "processes"])
async def workers(request: pytest.FixtureRequest) -> AsyncIterator[Workers]:
    opened = request.param(Work(KEY))
    yield opened
    await opened.close()


@pytest.fixture
async def processes() -> AsyncIterator[Callable[[int], ProcessWorkers]]:
    """Return how to get workers that are so many processes."""
    opened: list[ProcessWorkers] = []

    def open_workers(count: int) -> ProcessWorkers:
        opened.append(ProcessWorkers(Work(KEY), count))
        return opened[-1]

    yield open_workers
    for one in opened:
        await one.close()


async def test_results_come_in_the_order_of_the_jobs(workers: Workers):
    """A result that changes places would be kept under another message's name."""
    batches = [[("give", (batch, number)) for number in range(50)] for batch in range(6)]

    results = await asyncio.gather(*map(workers.run, batches))

    assert results == [[job[1] for job in batch] for batch in batches]


async def test_named_error_takes_the_place_of_its_result_alone(workers: Workers):
    """One message that cannot be read must not stop its neighbours; its place goes into the ledger."""
    before, error, after = await workers.run([("give", 1), ("refuse", 143), ("give", 2)])

    assert (before, after) == (1, 2)
    assert isinstance(error, ContentUndecodable)
    assert (error.place, error.offset, str(error)) == ("PID-5", 143, str(ContentUndecodable("PID-5", 143)))


async def test_function_that_fails_otherwise_fails_the_call_and_no_later_one(workers: Workers):
    """An error of ours comes back through the broker, where it is counted (rule R5)."""
    with pytest.raises((ValueError, RuntimeError)):
        await workers.run([("give", 1), ("fail", "an error of ours")])

    assert await workers.run([("give", 2)]) == [2]


async def test_no_jobs_have_no_results(workers: Workers):
    """A batch may hold nothing but messages that were stopped before."""
    assert await workers.run([]) == []


async def test_what_fails_in_a_process_says_nothing_of_its_message(processes, capfd):
    """The text of an exception may hold a name; what is raised and what is logged does not."""
    with pytest.raises(RuntimeError) as caught:
        await processes(1).run([("fail", "MUSTER")])

    assert str(caught.value) == "ValueError"
    logged = capfd.readouterr().err
    assert "ValueError at Work.__call__" in logged
    assert "MUSTER" not in logged


async def test_worker_that_dies_is_replaced_and_takes_only_its_own_jobs_with_it(processes):
    """What another partition is working on has nothing to do with it."""
    workers = processes(2)
    [(before, _)] = await workers.run([("tell", None)])

    results = await asyncio.gather(
        workers.run([("give", 2), ("die", None)]), workers.run([("stay", 0.3), ("give", 1)]), return_exceptions=True
    )

    assert isinstance(results[0], WorkerLost)
    assert results[1] == [None, 1]
    told = await asyncio.gather(*(workers.run([("tell", None), ("stay", 0.1)]) for _ in range(2)))
    after = {process for [(process, _), _] in told}
    assert len(after) == 2
    assert before not in after
    assert not is_alive(before)


async def test_jobs_that_lay_behind_those_of_a_worker_that_dies_are_done_by_the_next(processes):
    """A process goes on without waiting for the hub; what it had not begun is not why it ended."""
    workers = processes(1)

    results = await asyncio.gather(
        workers.run([("die", None)]), workers.run([("give", 1)]), workers.run([("give", 2)]), return_exceptions=True
    )

    assert isinstance(results[0], WorkerLost)
    assert results[1:] == [[1], [2]]


async def test_a_worker_has_its_next_jobs_before_the_hub_has_time_for_its_answer(processes, tmp_path):
    """The hub's loop has other turns to give: the process would do nothing meanwhile."""
    workers = processes(1)
    await workers.run([("give", 0)])
    done = [tmp_path / "first", tmp_path / "second"]
    both = asyncio.gather(*(workers.run([("touch", str(file))]) for file in done))
    await asyncio.sleep(0)  # both are written

    end = time.monotonic() + 60
    while not all(file.exists() for file in done) and time.monotonic() < end:
        time.sleep(0.01)  # noqa: ASYNC251  # the hub is busy

    assert all(file.exists() for file in done)
    await both


async def test_closed_workers_start_no_process_for_what_lay_behind(processes):
    """The process would outlive the hub's stop."""
    workers = processes(1)
    await workers.run([("give", 0)])
    waiting = [asyncio.create_task(workers.run([("stay", 5), ("give", number)])) for number in range(3)]
    await asyncio.sleep(0.05)

    await workers.close()

    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in ended] == [WorkerLost] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="no worker processes there")
async def test_worker_leaves_the_core_to_the_hub(processes):
    """A sender waits for its acknowledgement, and nobody for a conversion."""
    [(process, _)] = await processes(1).run([("tell", None)])

    hub = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, process) == min(hub + GIVES_WAY, 19)


async def test_worker_that_does_not_answer_in_time_is_ended(processes, monkeypatch):
    """A message that never ends would hold its partition for ever."""
    monkeypatch.setattr(local_workers, "LIMIT_SECONDS", 5)
    workers = processes(1)
    [(process, _)] = await workers.run([("tell", None)])
    monkeypatch.setattr(local_workers, "LIMIT_SECONDS", 0.2)

    with pytest.raises(WorkerLost):
        await workers.run([("spin", None)])

    assert not is_alive(process)


async def test_call_that_is_given_up_leaves_its_answer_to_nobody(processes):
    """The next message would be given the record of this one."""
    workers = processes(1)
    await workers.run([("give", 0)])
    given_up = asyncio.create_task(workers.run([("stay", 0.2), ("give", 1)]))
    await asyncio.sleep(0.05)
    given_up.cancel()
    await asyncio.wait([given_up])

    assert await workers.run([("give", 2)]) == [2]


async def test_call_that_is_given_up_while_it_waits_leaves_its_answer_to_nobody(processes):
    """Its jobs lie with the process already, between those of two others."""
    workers = processes(1)
    await workers.run([("give", 0)])
    before = asyncio.create_task(workers.run([("stay", 0.2), ("give", 1)]))
    given_up = asyncio.create_task(workers.run([("give", 2)]))
    await asyncio.sleep(0.05)
    given_up.cancel()
    await asyncio.wait([given_up])

    assert await workers.run([("give", 3)]) == [3]
    assert await before == [None, 1]


async def test_more_callers_than_processes_wait_for_their_turn(processes):
    """The load of the hub never starts more processes than were asked for."""
    workers = processes(2)

    told = await asyncio.gather(*(workers.run([("tell", None), ("stay", 0.02)]) for _ in range(8)))

    assert len({process for [(process, _), _] in told}) <= 2


async def test_key_is_given_over_the_socket_and_nowhere_else(processes):
    """Everybody on the machine can read a command line, and every child its environment."""
    [(process, key)] = await processes(1).run([("tell", None)])

    assert key == KEY
    assert process != os.getpid()
    assert KEY not in told_by_system(process, "cmdline") + told_by_system(process, "environ")


async def test_closed_workers_leave_no_process(processes):
    """A hub that stops and starts again must not gather processes."""
    workers = processes(1)
    await workers.prepare()
    [(process, _)] = await workers.run([("tell", None)])

    await workers.close()

    assert not is_alive(process)


@pytest.mark.parametrize("job", ["stay", "spin"])
def test_worker_ends_with_a_hub_that_is_killed_whatever_it_is_doing(job):
    """A hub killed with -9 closes nothing; a worker in an endless loop would hold a core until somebody notices."""
    hub = subprocess.Popen([sys.executable, "-c", BUSY_HUB, job], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with hub:
        process = int(hub.stdout.readline())
        assert is_alive(process)
        hub.kill()

    async def ends() -> None:
        async with asyncio.timeout(5):
            while is_alive(process):  # noqa: ASYNC110  # nothing tells of somebody else's child
                await asyncio.sleep(0.01)

    asyncio.run(ends())


def is_alive(process: int) -> bool:
    """Tell whether a process runs; one that has ended and was not asked for its exit code does not."""
    try:
        state = told_by_system(process, "stat").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def told_by_system(process: int, what: str) -> str:
    """Return what Linux tells everybody about a process."""
    return Path(f"/proc/{process}/{what}").read_text("utf-8")
