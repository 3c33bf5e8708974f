"""Which adapter reaches a destination; each is imported only where one is configured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.errors.base import IntegrationError
from shared.ports import Destination, SecretStore
from shared.trust import trust

if TYPE_CHECKING:
    from shared.adapters import Adapters
    from shared.registry import DestinationConfig

_SECRET = "secret:"  # noqa: S105  # the prefix of a secret's name, not a secret


def open_destination(config: DestinationConfig, address: str, adapters: Adapters) -> Destination:
    """Return the adapter for a destination; nothing is connected before the first send.

    Args:
        address: Where the destination is in this stage of life, or ``secret:NAME``; empty where the kind needs none.
    """
    if address.startswith(_SECRET):
        name = address.removeprefix(_SECRET)
        return SecretlyAddressed(name, adapters.secrets, lambda found: _open(config, found, adapters))
    return _open(config, address, adapters)


def sends_at_once(config: DestinationConfig, adapters: Adapters) -> int:
    """Return how many sends of one session may be under way.

    As many as there are connections; to the keeper of the laptop's store as many as it takes in one commit.
    """
    if config.kind == "fhir_store" and adapters.store_keeper is not None:
        from shared.adapters.destinations.kept_store import GROUP_LIMIT

        return GROUP_LIMIT
    return config.connections


def _open(config: DestinationConfig, address: str, adapters: Adapters) -> Destination:
    match config.kind:
        case "fhir_store" if adapters.store_keeper is not None:
            from shared.adapters.destinations.kept_store import KeptStoreDestination

            return KeptStoreDestination(adapters.store_keeper, adapters.clock)
        case "fhir_store":
            from shared.adapters.destinations.fhir_store import FhirStoreDestination

            return FhirStoreDestination(adapters.fhir_store, adapters.clock)
        case "mllp":
            from shared.adapters.destinations.mllp import MllpDestination

            return MllpDestination(address, config.connections, adapters.clock, trust(config.authority))
        case "event" if not address:
            from shared.adapters.destinations.event import EventDestination

            return EventDestination(adapters.publisher, adapters.clock)
        case "https" | "event":  # an event with an address goes to that web hook
            from shared.adapters.destinations.https import HttpsDestination

            return HttpsDestination(address, config.connections, adapters.clock, trust(config.authority))
        case "file":
            from shared.adapters.destinations.file import FileDestination

            return FileDestination(Path(address))
        case "null":
            from shared.adapters.destinations.null import NullDestination

            return NullDestination()


class SecretlyAddressed:
    """A destination whose address is a secret, read when the first message goes there."""

    def __init__(self, name: str, secrets: SecretStore, open_at: Callable[[str], Destination]) -> None:
        self._name = name
        self._secrets = secrets
        self._open_at = open_at
        self._opened: Destination | None = None

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        if self._opened is None:
            try:
                address = await self._secrets.get(self._name)
            except IntegrationError as error:
                return Answer(Verdict.TRANSIENT, error.code)  # nothing was sent; somebody has to set the secret
            # Two first sends may both have waited for the secret: one of them opens.
            self._opened = self._opened or self._open_at(address)
        return await self._opened.send(delivery, body, media_type, deadline)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
