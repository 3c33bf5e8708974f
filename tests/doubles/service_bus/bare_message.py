"""A message as it lies in the broker: sections apart, of which only what a broker looks at is decoded."""

from __future__ import annotations

import struct
from typing import Any

from tests.doubles.service_bus.amqp_decode import decode, skip
from tests.doubles.service_bus.amqp_encode import encode, performative, section
from tests.doubles.service_bus.amqp_types import UInt

# Sections (part 3, section 3.2).
HEADER, ANNOTATIONS, PROPERTIES, APPLICATION, BODY = 0x70, 0x72, 0x73, 0x74, 0x75
# Fields of the properties.
MESSAGE_ID, GROUP_ID = 0, 10
_TTL = 2  # of the header
_DELIVERY_COUNT = 4


class BareMessage:
    """One message.

    Args:
        data: As it came over the link.
    """

    def __init__(self, data: bytes) -> None:
        self._header: list[Any] = []
        self._properties: list[Any] = []
        self._properties_raw = b""
        self.annotations: dict[str, Any] = {}
        self.application: dict[str, Any] = {}
        self.body = b""
        at = 0
        while at < len(data):
            at = self._read_section(data, at)

    @property
    def message_id(self) -> str | None:
        return self.property(MESSAGE_ID)

    @property
    def session_id(self) -> str | None:
        return self.property(GROUP_ID)

    @property
    def ttl_milliseconds(self) -> int | None:
        return self._header[_TTL] if len(self._header) > _TTL else None

    def property(self, field: int) -> Any:
        """Return a field of the properties; None where the sender left it out."""
        return self._properties[field] if len(self._properties) > field else None

    def encode(self, delivery_count: int, annotations: dict[Any, Any]) -> bytes:
        """Return the message as it goes out, with what the broker says of it."""
        header = ([*self._header, *[None] * 5])[:5]
        header[_DELIVERY_COUNT] = UInt(delivery_count)
        parts = [performative(HEADER, header), section(ANNOTATIONS), encode({**self.annotations, **annotations})]
        parts.append(self._properties_raw)
        if self.application:
            parts += [section(APPLICATION), encode(self.application)]
        return b"".join([*parts, self.body])

    def _read_section(self, data: bytes, at: int) -> int:
        """Take in the section at ``at``; return where the next one begins."""
        is_short = data[at + 1] == 0x53
        code = data[at + 2] if is_short else struct.unpack_from(">Q", data, at + 2)[0]
        if code >= BODY:
            self.body = data[at:]
            return len(data)
        value_at = at + (3 if is_short else 10)
        end = skip(data, value_at)
        if code in (HEADER, ANNOTATIONS, PROPERTIES, APPLICATION):
            value = decode(data, value_at)[0]
            match code:
                case 0x70:
                    self._header = value
                case 0x72:
                    self.annotations = value
                case 0x73:
                    self._properties, self._properties_raw = value, data[at:end]
                case _:
                    self.application = value
        return end
