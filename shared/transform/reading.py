"""Who a message says it is about: read before the persons are looked up. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.changes.notes import ChangeNotes
from shared.changes.rows import has_row
from shared.fhir_in.claims import claims_of
from shared.fhir_in.document import read_document
from shared.hl7 import parse
from shared.hl7.long_values import SetAside, set_aside
from shared.mapping.claims.claim import Claim
from shared.mapping.claims.edits import MOVES_NUMBER
from shared.mapping.claims.message import identity_claims
from shared.message.envelope import Item
from shared.message.errors.mapping import MoveUnclear, UnsupportedEvent
from shared.mpi import claim_defaults
from shared.registry.fhir_source import fhir_source

if TYPE_CHECKING:
    from shared.registry import Interface


@dataclass(frozen=True, slots=True)
class Reading:
    """A message that can be read, and who it says it is about; its long values stand apart.

    Attributes:
        noted: What a message that goes again, and edits identities, changed when it was new.
    """

    item: Item
    body: SetAside
    claims: tuple[Claim, ...]
    noted: ChangeNotes | None = None

    @property
    def edits_identity(self) -> bool:
        """Tell whether what follows may resolve differently because of this message."""
        return any(claim.role == "prior" for claim in self.claims)


def read_message(item: Item, body: bytes, interface: Interface) -> Reading:
    """Return the message with its claims.

    Raises:
        Hl7Error, FhirRefused: it cannot be read.
        UnsupportedEvent: the state tables have no row for its event, so it must write nothing.
        MoveUnclear: it moves a number, and does not say which or to whom.
    """
    if interface.fhir is not None:
        source = fhir_source(interface, claim_defaults(interface))
        return Reading(item, SetAside(body, {}), tuple(claims_of(read_document(body), source)))
    parted = set_aside(body)
    message = parse(parted.short, interface.charset)
    if not has_row(message.code, message.event):
        raise UnsupportedEvent("MSH-9")
    claims = tuple(identity_claims(message, claim_defaults(interface)))
    if message.code == "ADT" and message.event in MOVES_NUMBER:
        unclear = [claim.place for claim in claims if claim.kind == "Patient" and not claim.identifiers]
        if unclear:
            raise MoveUnclear(unclear[0])
    return Reading(item, parted, claims)
