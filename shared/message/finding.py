"""What a stage noticed and carried on from."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One observation about one place of one message.

    Attributes:
        code: Lower snake case, stable: ``code_unmapped``, ``date_invalid``.
        place: HL7 path or FHIR path, with repetitions: ``PID-3[2].4``.
        detail: Facts about the place (a table name, a length, a count); never message content.
    """

    code: str
    place: str
    detail: str = ""
