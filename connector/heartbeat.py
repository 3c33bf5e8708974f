"""An echo message that travels the real way: through a listener's spool and stream, to the hub, and back as its answer.

It is HL7's own message for such things, NMD^N02 (application management data). A hub whose interface takes it says AA;
any answer at all proves the way. Health by state proves nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from connector import VERSION
from connector.intake import Intake
from connector.log import log


@dataclass(slots=True)
class Heartbeat:
    """Beats until cancelled.

    Attributes:
        answered: Unix time of the last answer that was the hub's own.
        seconds: How long that one took.
    """

    connector: str
    intake: Intake
    every_seconds: float
    answered: float | None = None
    seconds: float | None = None

    async def run(self) -> None:
        """Send one echo after the other."""
        while True:
            await self.beat()
            await asyncio.sleep(self.every_seconds)

    async def beat(self) -> None:
        """Send one, and wait for the hub's answer as long as a beat lasts."""
        began = datetime.now(UTC)
        if await self.intake.echo(echo_message(self.connector, began), self.every_seconds):
            self.answered = datetime.now(UTC).timestamp()
            self.seconds = self.answered - began.timestamp()
        else:
            log("echo_unanswered", listener=self.intake.table.name)


def echo_message(connector: str, now: datetime) -> bytes:
    """Return an echo message: who beats, and when."""
    when = f"{now:%Y%m%d%H%M%S}"
    return (
        f"MSH|^~\\&|CADUCEUS_CONNECTOR|{connector}|CADUCEUS||{when}+0000||NMD^N02^NMD_N02|ECHO{now.timestamp():.6f}|P|2.5.1\r"
        f"NCK|{when}+0000\rNST|Y|{VERSION}|{connector}\r"
    ).encode()
