"""What a delivery with several ordering keys waits for at one destination (rule R7).

The delivery stands in the lane of its own key, a token in the lane of each other key, and every lane moves by itself.
A token that has come to the head of its lane says so in its row and stays there; the delivery is sent once all tokens
have; they pass once it has gone. Rows are the truth: whoever waits looks at the others' after it has written its own,
so that of two who wait for each other the later one sees the earlier. Should it end in between, waits are short at
first and never long.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.deliver.wakes import Wakes
from shared.message.delivery import Delivery
from shared.message.identifiers import MessageId
from shared.message.state import DeliveryState
from shared.ports import Clock, Lanes, Ownership

ARRIVED = "at the barrier"  # a token at the head of its lane
WAITS = "behind a barrier"  # a delivery whose tokens have not all arrived
SHORTEST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)


class Meeting:
    """Brings the parts of a barrier together, each in its own lane."""

    def __init__(self, *, clock: Clock, lanes: Lanes, wakes: Wakes) -> None:
        self._clock = clock
        self._lanes = lanes
        self._wakes = wakes

    async def come(self, row: Delivery, ownership: Ownership) -> bool:
        """Tell whether a part at the head of its lane may go on; where it may not, its row is written as waiting."""
        if row.item.is_token:
            return await self._come_as_token(row, ownership)
        if await self._all_arrived(row):
            return True
        await self._lanes.write(ownership, [self._waiting(row, WAITS)])
        return await self._all_arrived(row)

    async def let_pass(self, rows: Sequence[Delivery]) -> None:
        """Let go on the tokens of these deliveries; those that have not gone are passed over."""
        for row in rows:
            if row.item.barrier is not None and not row.item.is_token and has_gone(row):
                await self._hasten([token for token in await self._tokens(row) if token.code == ARRIVED])

    def passed(self, token: Delivery) -> Delivery:
        """Return a token as it is after its delivery."""
        return token._replace(
            state=DeliveryState.PASSED, code="", settled=self._clock.now(), due=None, send_deadline=None
        )

    async def _come_as_token(self, token: Delivery, ownership: Ownership) -> bool:
        assert token.item.barrier is not None
        await self._lanes.write(ownership, [self._waiting(token, ARRIVED)])
        found = await self._found(token, token.item.barrier.message)
        if any(has_gone(row) for row in found):
            return True
        await self._hasten([row for row in found if row.code == WAITS])
        return False

    async def _all_arrived(self, row: Delivery) -> bool:
        assert row.item.barrier is not None
        arrived = {token.item.message for token in await self._tokens(row) if token.code == ARRIVED}
        return arrived.issuperset(part.message for part in row.item.barrier.parts[1:])

    async def _tokens(self, row: Delivery) -> list[Delivery]:
        assert row.item.barrier is not None
        return [token for part in row.item.barrier.parts[1:] for token in await self._found(row, part.message)]

    async def _found(self, near: Delivery, message: MessageId) -> list[Delivery]:
        """Return the row of another part of the same barrier, once deliver has it."""
        rows = await self._lanes.deliveries(message)
        return [row for row in rows if (row.destination, row.item.run) == (near.destination, near.item.run)]

    async def _hasten(self, rows: Sequence[Delivery]) -> None:
        for row in rows:
            await self._lanes.hasten(row)
        if rows:
            await self._wakes.send([(row.session, row.destination, None) for row in rows])

    def _waiting(self, row: Delivery, code: str) -> Delivery:
        """Return a part as it waits: as long again as it has waited, should nobody hasten it."""
        now = self._clock.now()
        wait = min(max(now - row.offered, SHORTEST_WAIT), LONGEST_WAIT)
        return row._replace(state=DeliveryState.PARKED, code=code, due=now + wait, send_deadline=None)


def has_gone(row: Delivery) -> bool:
    """Tell whether nothing waits for a delivery any more: it was accepted, given up, or stopped and holds nothing."""
    return row.state not in (DeliveryState.PARKED, DeliveryState.INTENT) and not row.holds
