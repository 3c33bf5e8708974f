"""All sample systems of the laptop: one for each destination that is addressed on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from local.http_server import LOCAL_NAMES
from local.receivers.inbox import Inbox
from local.receivers.receiver import Receiver
from shared.message.errors.pipeline import NotFound
from shared.message.nearest import no_such
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.registry import Registry

_KINDS = frozenset({"mllp", "https", "event"})
_WITH_TLS = frozenset({"https", "mllps"})  # who has a certificate is a system of its own


class Receivers:
    """The sample systems, by the name of their destination."""

    def __init__(self, receivers: list[Receiver]) -> None:
        self._receivers = {receiver.name: receiver for receiver in receivers}

    def __iter__(self) -> Iterator[Receiver]:
        return iter(self._receivers.values())

    def named(self, name: str) -> Receiver:
        """Return one of them.

        Raises:
            NotFound: there is none of that name.
        """
        try:
            return self._receivers[name]
        except KeyError:
            raise NotFound(no_such("receiver", name, self._receivers)) from None

    async def start(self) -> None:
        """Switch all of them up."""
        for receiver in self:
            await receiver.switch_up()

    def write_addresses(self, file: Path) -> None:
        """Write where each of them is, by destination: what CADUCEUS_ADDRESSES names."""
        file.write_bytes(orjson.dumps({receiver.name: receiver.address for receiver in self}))

    async def stop(self) -> None:
        """Switch all of them down for good."""
        for receiver in self:
            await receiver.switch_down()
            receiver.inbox.close()


def receivers_of(registry: Registry, folder: Path, clock: Clock, *, has_free_ports: bool) -> Receivers:
    """Return a receiver for every destination on this machine that is reached without TLS; none listens yet.

    Args:
        folder: Of their inboxes.
        has_free_ports: Each takes a free port instead of the one its destination names.
    """
    receivers = []
    for name, address in registry.addresses.items():
        kind, place = registry.destinations[name].kind, urlsplit(address)
        if kind in _KINDS and place.hostname in LOCAL_NAMES and place.scheme not in _WITH_TLS:
            place = place._replace(netloc=f"{place.hostname}:0") if has_free_ports else place
            receivers.append(Receiver(name, kind, place, Inbox(folder / f"{name}.jsonl", clock), clock))
    return Receivers(receivers)
