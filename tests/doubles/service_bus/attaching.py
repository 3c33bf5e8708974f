"""A link that the client wants, until it is confirmed or refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.doubles.service_bus.amqp_types import Described, Symbol, UByte, UInt, ULong
from tests.doubles.service_bus.entities import Refused

if TYPE_CHECKING:
    from tests.doubles.service_bus.connection import Connection

SOURCE, TARGET = 0x28, 0x29
MESSAGE_BYTES = 256 * 1024  # the limit of the Standard tier
_SESSION_FILTER = "com.microsoft:session-filter"


class Fields:
    """The fields of a performative; those left out are None."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __getitem__(self, index: int) -> Any:
        return self._values[index] if index < len(self._values) else None


class Attaching:
    """A link that the client wants, until it is confirmed or refused."""

    def __init__(self, connection: Connection, channel: int, fields: Fields) -> None:
        self._connection = connection
        self.channel = channel
        self._name, self.handle, self.client_receives = fields[0], fields[1], bool(fields[2])
        self._send_mode, self._receive_mode = fields[3], fields[4]
        self._source, self._target = fields[5], fields[6]
        terminus = self._source if self.client_receives else self._target
        self.address = re.sub(r"^\w+://[^/]*/", "", terminus.value[0] or "")
        filters = terminus.value[7] if self.client_receives and len(terminus.value) > 7 else None
        wanted = (filters or {}).get(_SESSION_FILTER)
        self.session_filter = wanted if wanted is None or isinstance(wanted, Described) else Described(None, wanted)
        if filters is not None and _SESSION_FILTER in filters and wanted is None:
            self.session_filter = Described(None, None)  # any session
        self.settles_at_once = fields[3] == 1
        self.timeout_milliseconds: int = (fields[13] or {}).get("com.microsoft:timeout") or 60_000

    def confirm(self, session: str | None = None, properties: dict[Any, Any] | None = None) -> None:
        """Open the link."""
        filters = None
        if session is not None:
            filters = {Symbol(_SESSION_FILTER): Described(Symbol(_SESSION_FILTER), session)}
        source_address = self._source.value[0] if self._source is not None else None
        source = Described(ULong(SOURCE), [source_address, *[None] * 6, filters])
        self._reply(source, self._own_target(), properties)

    def refuse(self, refusal: Refused) -> None:
        """Open the link without its terminus, as AMQP wants it, and detach it with the reason."""
        source = None if self.client_receives else Described(ULong(SOURCE), [None])
        self._reply(source, self._own_target() if self.client_receives else None, None)
        self._connection.refuse_link(self.channel, self.handle, refusal)

    def _own_target(self) -> Described:
        return Described(ULong(TARGET), [self._target.value[0] if self._target is not None else None])

    def _reply(self, source: Described | None, target: Described | None, properties: dict[Any, Any] | None) -> None:
        send_mode = UByte(2 if self._send_mode is None else self._send_mode)
        first = UInt(0) if self.client_receives else None
        fields = [self._name, UInt(self.handle), not self.client_receives, send_mode, UByte(self._receive_mode or 0)]
        fields += [source, target, None, None, first, ULong(MESSAGE_BYTES), None, None, properties]
        self._connection.attach_frame(self.channel, fields)
