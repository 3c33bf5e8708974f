"""The registry of one stage of life: what the running hub asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.hl7 import Message
from shared.message.identifiers import DestinationId, InterfaceId
from shared.registry.concept_map import ConceptMap
from shared.registry.destination import DestinationConfig
from shared.registry.interface import Interface
from shared.registry.match import Matcher


@dataclass(frozen=True)
class Registry:
    """Every interface and destination of one stage of life.

    Attributes:
        interfaces: Retired ones too: their old messages can still be traced and delivered.
        destinations: By file name.
        addresses: Where each destination is in this stage: an URL, a folder, or ``secret:NAME``. The kinds that need
            no address may be missing.
        concept_maps: Local codes of each interface.
    """

    stage: str
    interfaces: Mapping[InterfaceId, Interface]
    destinations: Mapping[DestinationId, DestinationConfig]
    addresses: Mapping[DestinationId, str]
    concept_maps: Mapping[InterfaceId, ConceptMap]
    _matcher: Matcher = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        living = [one for one in self.interfaces.values() if one.lifecycle != "retired"]
        object.__setattr__(self, "_matcher", Matcher(living))

    @property
    def paused_interfaces(self) -> frozenset[InterfaceId]:
        """The interfaces that their files pause."""
        return frozenset(one.id for one in self.interfaces.values() if one.paused)

    def match(self, message: Message) -> Interface | None:
        """Return the interface that a message belongs to by its header; None: the sender is unknown."""
        return self._matcher.match(message)
