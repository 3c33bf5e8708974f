"""How long the parts of a delivery may take (rules R3 and R9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class DeliverLimits:
    """How long things may take (rule R9).

    Attributes:
        budget: Of one invocation; what is left is parked with a wake.
        send_timeout: Of one send.
        clock_skew: Between two workers.
    """

    budget: timedelta
    send_timeout: timedelta
    clock_skew: timedelta

    def over_by(self, begins: datetime) -> datetime:
        """Return when a send that begins by then is over by everybody's clock: a successor waits past it (rule R3)."""
        return begins + self.send_timeout + self.clock_skew
