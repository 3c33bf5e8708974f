"""What a person did that somebody may have to answer for."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Caller(NamedTuple):
    """Who asks, as the host has found out.

    Attributes:
        roles: Words such as ``reveal``.
    """

    name: str
    roles: frozenset[str] = frozenset()


class AuditEntry(NamedTuple):
    """One act: who, what, why. Never content.

    Attributes:
        who: As the host knows them; ``laptop`` where it knows nobody.
        act: ``reveal``, ``discard``, ``correct``, ``purge``.
        what: Ids, codes, selections.
        affected: How many patients, messages or units of the archive it was about.
    """

    at: datetime
    who: str
    act: str
    what: str
    reason: str
    affected: int
