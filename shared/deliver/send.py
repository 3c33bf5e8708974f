"""One delivery when its turn has come: sent once, or not at all where it is known to be there (rules R3, R5, R8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.deliver.backoff import Uniform
from shared.deliver.limits import DeliverLimits
from shared.deliver.outputs import Output
from shared.deliver.round import Round
from shared.deliver.settle import may_resend, settle, skipped
from shared.message.delivery import Answer, Attempt, Delivery, Verdict, accepted_at
from shared.message.envelope import is_older
from shared.message.errors.base import IntegrationError
from shared.message.errors.pipeline import AnswerMissing, PoisonMessage
from shared.message.identifiers import LIVE
from shared.message.state import DeliveryState
from shared.message.work import ATTEMPT_LIMIT
from shared.observe.log import log_failure
from shared.ports import Clock, Lanes, Replays


class Sender:
    """Brings one delivery to its destination, and reads the answer."""

    def __init__(
        self, *, clock: Clock, lanes: Lanes, replays: Replays, limits: DeliverLimits, uniform: Uniform
    ) -> None:
        self._clock = clock
        self._lanes = lanes
        self._replays = replays
        self._limits = limits
        self._uniform = uniform

    async def deliver(self, row: Delivery, work: Round, before: Sequence[Delivery]) -> tuple[Delivery, Attempt | None]:
        """Return the delivery as it stands after its turn, and the attempt if one was made.

        Args:
            before: What became of the lane's rows in this round.
        """
        now = self._clock.now()
        output = work.outputs[row.id]
        if row.state is DeliveryState.INTENT and not may_resend(work.config):
            answer = Answer(Verdict.AMBIGUOUS, AnswerMissing.code)  # a worker before us may have sent it
            return settle(row, answer, work.config, now, self._uniform), None
        if isinstance(output, IntegrationError):
            answer = Answer(Verdict.PERMANENT, output.code)
            return settle(row, answer, work.config, now, self._uniform), None
        if row.item.run != LIVE and not row.attempts and await self._is_there(row, output, before):
            return skipped(row, output.sha256, now), None
        over = self._limits.over_by(now)
        row = row._replace(attempts=row.attempts + 1, output=output.sha256, send_deadline=over)
        if not work.config.idempotent:
            await work.intend(row._replace(state=DeliveryState.INTENT))
        answer = await self._send(row, output, work, now + self._limits.send_timeout)
        ended = self._clock.now()
        attempt = Attempt(row.id, row.attempts, now, ended, answer.verdict, answer.code)
        return settle(row, answer, work.config, ended, self._uniform), attempt

    async def _is_there(self, row: Delivery, output: Output, before: Sequence[Delivery]) -> bool:
        """Tell whether the destination has what a replay brings, and nothing older of the key came after it (R8).

        Args:
            before: What became of the lane's rows in this round: they may not be written yet.
        """
        replay = await self._replays.get(row.item.run)
        if replay is not None and replay.resends_accepted:
            return False
        newest = {one.id: one for one in (*await self._lanes.deliveries(row.item.message), *before)}.values()
        mine = [one for one in newest if one.item.message == row.item.message]
        position = accepted_at(mine, row.destination, output.sha256)
        if position is None or any(_overtook(one, row, position) for one in before):
            return False
        return not await self._replays.overtaken(row, position)

    async def _send(self, row: Delivery, output: Output, work: Round, deadline: datetime) -> Answer:
        """Return the destination's answer; an error of ours stops this delivery alone, for good the third time (R5)."""
        try:
            return await work.destination.send(row, output.body, output.media_type, deadline)
        except Exception as error:  # noqa: BLE001  # raised, it would take the lanes beside it along
            log_failure("send_failed", error, destination=row.destination, message=row.item.message)
            verdict = Verdict.AMBIGUOUS if row.attempts < ATTEMPT_LIMIT else Verdict.PERMANENT
            return Answer(verdict, PoisonMessage.code)


def _overtook(one: Delivery, row: Delivery, position: int) -> bool:
    """Tell whether a replay has brought something older of the row's key since this position."""
    is_replayed = one.item.run != LIVE and one.item.key == row.item.key
    return (
        is_replayed
        and one.position > position
        and one.may_have_arrived
        and is_older(one.item.message, one.item.sequence, row.item)
    )
