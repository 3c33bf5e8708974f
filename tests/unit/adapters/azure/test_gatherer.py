"""What is asked while a request is under way goes into the next one."""

from __future__ import annotations

import asyncio

import pytest

from shared.adapters.azure.gatherer import Gatherer


class Service:
    """Doubles numbers; a group at a time, each taking until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.release = asyncio.Event()

    async def work(self, group: list[int]) -> list[int]:
        self.groups.append(group)
        await self.release.wait()
        if 13 in group:
            raise ValueError("13")
        return [2 * number for number in group]


async def test_the_first_goes_at_once_and_the_others_together() -> None:
    """A single message waits for nobody; many cost as little as one."""
    service = Service()
    gatherer = Gatherer(service.work, 100)
    asked = [asyncio.create_task(gatherer.ask(number)) for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    service.release.set()

    assert await asyncio.gather(*asked) == [0, 2, 4, 6, 8]
    assert [number for group in service.groups for number in group] == [0, 1, 2, 3, 4]
    assert len(service.groups) <= 2


async def test_a_group_ends_at_its_limit() -> None:
    """A transaction holds a hundred rows."""
    service = Service()
    service.release.set()
    gatherer = Gatherer(service.work, 2)

    assert await asyncio.gather(*(gatherer.ask(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert max(map(len, service.groups)) == 2


async def test_an_error_is_told_to_everybody_of_its_group_and_to_nobody_else() -> None:
    """What was asked later is done."""
    service = Service()
    gatherer = Gatherer(service.work, 2)
    bad = [asyncio.create_task(gatherer.ask(number)) for number in (13, 1)]
    good = asyncio.create_task(gatherer.ask(2))
    service.release.set()

    assert [type(one) for one in await asyncio.gather(*bad, return_exceptions=True)] == [ValueError, ValueError]
    assert await good == 4


async def test_who_gives_up_waiting_does_not_disturb_the_others() -> None:
    """A request that timed out is no reason to lose its neighbour's answer."""
    service = Service()
    gatherer = Gatherer(service.work, 100)
    first, second = (asyncio.create_task(gatherer.ask(number)) for number in (1, 2))
    await asyncio.sleep(0.01)
    first.cancel()
    service.release.set()

    assert await second == 4
    with pytest.raises(asyncio.CancelledError):
        await first
    await gatherer.close()


async def test_who_comes_alone_never_waits_and_who_comes_often_waits_for_company() -> None:
    """Three partitions that finish one after the other share a blob; one message a minute is not held up."""
    service = Service()
    service.release.set()
    gatherer = Gatherer(service.work, 100, linger_seconds=0.05)
    await gatherer.ask(1)
    assert service.groups == [[1]]

    asked = []
    for number in (2, 3, 4):
        asked.append(asyncio.create_task(gatherer.ask(number)))
        await asyncio.sleep(0.001)
    await asyncio.gather(*asked)
    assert service.groups == [[1], [2, 3, 4]]
