"""What a message must stay in order with: its ordering key, resolved before it is numbered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from shared.hl7 import Message
from shared.mapping.claims.edits import edits_identity
from shared.mapping.claims.message import identity_claims
from shared.message.errors.fhir import FhirNotTaken
from shared.message.identifiers import OrderingKey
from shared.mpi import claim_defaults

if TYPE_CHECKING:
    from shared.mapping.claims.claim import Claim
    from shared.mpi import PersonIndex
    from shared.registry import Interface

MOST_KEYS = 20  # of one message: each is a token in the queues and holds its patient's line up

_RESOURCE = {"patient": "Patient", "visit": "Encounter"}


class OrderingKeys:
    """Finds ordering keys: the resolved id of the patient or visit, or the interface itself.

    Args:
        used: What the hub's interfaces order by: nothing is in line with a key of another kind.
    """

    def __init__(self, persons: PersonIndex, used: Iterable[str]) -> None:
        self._persons = persons
        self._kinds = frozenset(_RESOURCE[name] for name in used if name in _RESOURCE)

    async def keys_of(self, message: Message, interface: Interface) -> tuple[OrderingKey, ...]:
        """Return the ordering keys of a message, its own first.

        Nearly always it is one. A message that merges, links or moves records has those of all of them, and so has one
        with a PID for each of several patients (two who change beds, results of several): of more than `MOST_KEYS` it
        is in line with the first alone. One under a number that meant another record before has that one's too, for
        what came under it then may still be on its way.

        A person known by several numbers has one key, whichever number a message carries (design section 6). A message
        about nobody is ordered with its interface.
        """
        kind = _RESOURCE.get(interface.ordering_key)
        found = () if kind is None else await self._persons.subject_of(message, interface, kind)
        keys = tuple(OrderingKey(f"{kind}/{resource}") for resource in found) or (OrderingKey(interface.id),)
        if not edits_identity(message):
            return (*keys, *await self._others(message, interface, kind)) if message.count("PID") > 1 else keys
        edited = await self._persons.edited_by(message, interface, self._kinds)
        return (*keys, *(OrderingKey(f"{kind}/{resource}") for kind, resource in edited))

    async def _others(self, message: Message, interface: Interface, kind: str | None) -> list[OrderingKey]:
        """Return the ordering keys of all the patients, or visits, of a message that speaks of several."""
        claims = [one for one in identity_claims(message, claim_defaults(interface)) if one.kind == kind]
        if len(claims) > MOST_KEYS:
            return []
        return [OrderingKey(f"{kind}/{resource}") for resource in await self._persons.keys_of(claims)]

    async def keys_of_claims(self, claims: Sequence[Claim], interface: Interface) -> tuple[OrderingKey, ...]:
        """Return the ordering keys of a message in FHIR: all the patients, or visits, that it speaks of.

        Raises:
            FhirNotTaken: there are more than a message can be in line with.
        """
        kind = _RESOURCE.get(interface.ordering_key)
        meant = [claim for claim in claims if claim.kind == kind]
        if len(meant) > MOST_KEYS:
            raise FhirNotTaken(f"{len(meant)} of {kind}, {MOST_KEYS} at most")
        found = await self._persons.keys_of(meant) if meant else []
        return tuple(OrderingKey(f"{kind}/{resource}") for resource in found) or (OrderingKey(interface.id),)
