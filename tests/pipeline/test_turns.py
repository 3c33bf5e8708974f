"""A stage at a long batch leaves turns of the loop to others: to whoever waits for an acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from shared.deliver import shaper
from shared.transform import stage
from tests.pipeline.messages import adt

MESSAGES = ("A1", "A2", "A3", "A4")


@pytest.mark.parametrize(("module", "name"), [(stage, "read_message"), (shaper, "shape")])
async def test_others_have_a_turn_between_two_messages_of_a_batch(start_hub, monkeypatch, module: Any, name: str):
    """Sixty-four messages in one go would hold up every acknowledgement by as many times what one of them takes."""
    turns = 0
    begun: list[int] = []

    async def somebody_else() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def noted(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            begun.append(turns)
            return work(*arguments)

        return call

    hub = await start_hub("keyed")
    for control_id in MESSAGES:  # of one person: they stay together in every queue
        await hub.take(adt(control_id, "A08", visit=None))
    monkeypatch.setattr(module, name, noted(getattr(module, name)))
    other = asyncio.create_task(somebody_else())
    await hub.work()
    other.cancel()

    assert len(begun) == len(MESSAGES)
    assert begun == sorted(set(begun))
