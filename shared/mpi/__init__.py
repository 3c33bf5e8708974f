"""Who is who: identifiers of persons and visits, looked up in a table that never holds one of them."""

from shared.mpi.persons import PersonIndex, Resolved
from shared.mpi.trust import claim_defaults

__all__ = ["PersonIndex", "Resolved", "claim_defaults"]
