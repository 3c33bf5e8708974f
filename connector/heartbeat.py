"""An echo message that travels the real way: through a listener's spool and stream, to the hub, and back as its answer.

It carries what the hub's list of connectors shows. Any answer at all proves the way; health by state proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.intake import Intake
from connector.log import log, log_failure
from shared.hl7.echo import write_echo
from shared.message.beat import Beat


@dataclass(slots=True)
class Heartbeat:
    """Beats until cancelled.

    Args:
        tell: Returns what the next echo says.

    Attributes:
        answered: Unix time of the last answer that was the hub's own.
        seconds: How long that one took.
    """

    intake: Intake
    every_seconds: float
    tell: Callable[[], Beat]
    answered: float | None = None
    seconds: float | None = None

    async def run(self) -> None:
        """Send one echo after the other."""
        while True:
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001  # the boundary: the next one may be heard, a full disk has an end
                log_failure("echo_failed", error, listener=self.intake.table.name)
            await asyncio.sleep(self.every_seconds)

    async def beat(self) -> None:
        """Send one, and wait for the hub's answer as long as a beat lasts."""
        beat = self.tell()
        if await self.intake.echo(write_echo(beat), self.every_seconds):
            self.answered = datetime.now(UTC).timestamp()
            self.seconds = self.answered - beat.sent.timestamp()
        else:
            log("echo_unanswered", listener=self.intake.table.name)
