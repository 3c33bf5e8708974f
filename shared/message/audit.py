"""What a person did that somebody may have to answer for."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class AuditEntry(NamedTuple):
    """One act: who, what, why. Never content.

    Attributes:
        who: As the host knows them; ``laptop`` where it knows nobody.
        act: ``reveal``, ``discard``, ``correct``.
        what: Ids, codes, selections.
        affected: How many patients or messages it was about.
    """

    at: datetime
    who: str
    act: str
    what: str
    reason: str
    affected: int
