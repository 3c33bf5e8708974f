"""Which interfaces speak: what the alerts on silence rest on, whichever way a message came."""

from __future__ import annotations

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
    """Writes to the log that an interface speaks: at most once a minute each, for a line of the log is paid."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[InterfaceId, datetime] = {}

    def heard(self, interfaces: Iterable[Interface]) -> None:
        """Take note that a message of each was durable; those that expect no traffic are passed over."""
        for one in interfaces:
            if one.traffic is not None:
                self._say(one.id)

    def _say(self, interface: InterfaceId) -> None:
        now, last = self._clock.now(), self._said.get(interface)
        if last is None or now - last >= SAID_AGAIN:
            self._said[interface] = now
            log("interface_heard", interface=interface)
