"""What a message must stay in order with: its ordering key, resolved before it is numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Message
from shared.message.identifiers import OrderingKey

if TYPE_CHECKING:
    from shared.mpi import PersonIndex
    from shared.registry import Interface

_RESOURCE = {"patient": "Patient", "visit": "Encounter"}


class OrderingKeys:
    """Finds ordering keys: the resolved id of the patient or visit, or the interface itself."""

    def __init__(self, persons: PersonIndex) -> None:
        self._persons = persons

    async def key_of(self, message: Message, interface: Interface) -> OrderingKey:
        """Return the ordering key of a message.

        A person known by several numbers has one key, whichever number a message carries (design section 6). A message
        about nobody is ordered with its interface.
        """
        kind = _RESOURCE.get(interface.ordering_key)
        if kind is not None:
            resource = await self._persons.subject_of(message, interface, kind)
            if resource is not None:
                return OrderingKey(f"{kind}/{resource}")
        return OrderingKey(interface.id)
