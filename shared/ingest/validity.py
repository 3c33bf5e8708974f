"""What ingest finds wrong with a message before it answers: the sender keeps what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.rows import has_row
from shared.hl7 import Message
from shared.hl7.structure import VERSIONS
from shared.mapping.claims.message import subject_claim
from shared.message.errors.base import IntegrationError
from shared.message.errors.pipeline import HeaderUnsupported, IdentifierMissing, NotForThisStage
from shared.mpi import claim_defaults

if TYPE_CHECKING:
    from shared.registry import Interface


def refusal_of(message: Message, interface: Interface) -> IntegrationError | None:
    """Return why an interface does not take a message; None: it does.

    Test and production are always kept apart. The rest is refused where the interface says so (``on_invalid``);
    elsewhere it is taken, and transform puts in quarantine what it cannot use.
    """
    if interface.accepts and message.processing_id not in interface.accepts:
        return NotForThisStage("MSH-11")
    return _fault(message, interface) if interface.on_invalid == "nack" else None


def _fault(message: Message, interface: Interface) -> IntegrationError | None:
    if not has_row(message.code, message.event):
        return HeaderUnsupported("MSH-9")
    if message.get("MSH-12") not in VERSIONS:
        return HeaderUnsupported("MSH-12")
    person = subject_claim(message, "Patient", claim_defaults(interface))
    if person is not None and not person.identifiers:
        return IdentifierMissing("PID-3")
    return None
