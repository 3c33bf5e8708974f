"""What every destination's suite needs: a clock that real sockets keep to, and a delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import uvloop

from shared.message.delivery import Delivery
from shared.message.envelope import ArchiveRef, Item
from shared.message.identifiers import (
    LIVE,
    DestinationId,
    InterfaceId,
    MessageId,
    OrderingKey,
    Sequence,
    SessionId,
    delivery_id,
)
from shared.message.state import DeliveryState


class WallClock:
    """The system's time: deadlines are kept against real sockets."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], Any]]:
    """Run every test on both loops: Azure uses the one, the laptop the other, and sockets differ where it hurts."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def delivery() -> Delivery:
    message, destination = MessageId("0-0190aaaa"), DestinationId("lab")
    return Delivery(
        id=delivery_id(message, destination, LIVE),
        session=SessionId("lab.0"),
        lane="feed",
        item=Item(
            message=message,
            interface=InterfaceId("hospital_adt"),
            sequence=Sequence("hospital_adt", 1, 1),
            key=OrderingKey("k"),
            run=LIVE,
            mapping="1",
            type="ADT^A08",
            raw=ArchiveRef("0" * 64, 1, ""),
            destination=destination,
        ),
        state=DeliveryState.INTENT,
        offered=datetime(2026, 3, 1, tzinfo=UTC),
    )
