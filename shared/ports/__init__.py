"""What the stages need of the world. `shared/adapters/` fulfils it, on a laptop and in Azure.

Every port has one contract suite in ``tests/contract``; every adapter passes it.
All methods are batch-shaped: one call is one round trip, or one group commit.
"""

from shared.ports.archive import Archive, Unit
from shared.ports.barriers import Barriers, Line, Opened
from shared.ports.fhir_store import FhirStore, MetaWrite, Stored, Write
from shared.ports.fleet import Fleet
from shared.ports.holds import Held, Holds
from shared.ports.identities import Identities, IdentityClaim, Resolution
from shared.ports.intake import Intake, Parcel
from shared.ports.lanes import DestinationStatus, Lanes, Ownership, Turn
from shared.ports.ledger import Ledger
from shared.ports.queue import Outgoing, Queue
from shared.ports.recover import Audit, Chain, History, Replays
from shared.ports.services import Clock, Destination, Publisher, SecretStore, Workers

__all__ = [
    "Archive",
    "Audit",
    "Barriers",
    "Chain",
    "Clock",
    "Destination",
    "DestinationStatus",
    "FhirStore",
    "Fleet",
    "Held",
    "History",
    "Holds",
    "Identities",
    "IdentityClaim",
    "Intake",
    "Lanes",
    "Ledger",
    "Line",
    "MetaWrite",
    "Opened",
    "Outgoing",
    "Ownership",
    "Parcel",
    "Publisher",
    "Queue",
    "Replays",
    "Resolution",
    "SecretStore",
    "Stored",
    "Turn",
    "Unit",
    "Workers",
    "Write",
]
