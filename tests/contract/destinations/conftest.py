"""What every destination's suite needs: receivers, a clock that real sockets keep to, and a delivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvloop

from shared.adapters.local.clock import SystemClock
from shared.message.delivery import Delivery
from shared.message.identifiers import SessionId
from shared.message.state import DeliveryState
from tests.contract.destinations.receiver import Receiver
from tests.doubles import samples

Meet = Callable[[Receiver, Callable[[int], Any]], Awaitable[tuple[Receiver, Any]]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], Any]]:
    """Run every test on both loops: Azure uses the one, the laptop the other, and sockets differ where it hurts."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def clock() -> SystemClock:
    """The system's time: deadlines are kept against real sockets."""
    return SystemClock()


@pytest.fixture
async def meet() -> AsyncIterator[Meet]:
    """Brings a receiver up and opens the destination that speaks to its port; closes both, the destination first."""
    async with AsyncExitStack() as stack:

        async def meet(receiver: Receiver, open_destination: Callable[[int], Any]) -> tuple[Receiver, Any]:
            await receiver.up()
            stack.push_async_callback(receiver.down)
            destination = open_destination(receiver.port)
            stack.push_async_callback(destination.close)
            return receiver, destination

        yield meet


@pytest.fixture
def delivery() -> Delivery:
    return samples.delivery(1, session=SessionId("lab.0"), state=DeliveryState.INTENT)
