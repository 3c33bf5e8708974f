"""Which interfaces speak, and how much: for the alerts on silence and the workbook, whichever way a message came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.message.identifiers import InterfaceId
from shared.observe.log import log
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.registry import Interface

SAID_AGAIN = timedelta(minutes=1)  # the shortest window of an alert is five


class Traffic:
    """Writes to the log that an interface speaks: at most once a minute each, for a line of the log is paid.

    A line counts the messages since the line before it; what an instance takes after its last line is in none.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[InterfaceId, datetime] = {}
        self._unsaid: Counter[InterfaceId] = Counter()

    def heard(self, interfaces: Iterable[Interface]) -> None:
        """Take note that a message of each was durable."""
        spoken = Counter(one.id for one in interfaces)
        self._unsaid += spoken
        for interface in spoken:
            self._say(interface)

    def _say(self, interface: InterfaceId) -> None:
        now, last = self._clock.now(), self._said.get(interface)
        if last is None or not timedelta() <= now - last < SAID_AGAIN:  # the clock may have been set back
            self._said[interface] = now
            log("interface_heard", interface=interface, count=self._unsaid.pop(interface))
