"""What every error of the hub is: a code, what becomes of the message, what the sender hears, what a person does next.

An instance adds places and counts, never content: the text of every error may be logged.
"""

from __future__ import annotations

import copyreg
from enum import StrEnum
from typing import Any, ClassVar


class Disposition(StrEnum):
    """What becomes of a message or delivery that met the error."""

    REFUSE = "refuse"  # not taken: the sender still has it
    QUARANTINE = "quarantine"  # kept until a person acts
    RETRY = "retry"  # transient: parked, tried again by itself
    REVIEW = "review"  # ambiguous: it may have been taken


class Acknowledgement(StrEnum):
    """MSA-1 of the answer to the sender (HL7 table 0008)."""

    APPLICATION_ACCEPT = "AA"
    APPLICATION_ERROR = "AE"
    APPLICATION_REJECT = "AR"
    NONE = ""  # nothing can be answered: the connection closes


class IntegrationError(Exception):
    """Base of every error the hub names.

    Attributes:
        stops_message: Whether the ledger notes the code about a message that goes no further for it: refused on record,
            in quarantine, or abandoned. What is not taken at all, stops a delivery or is tried again, stops none. Each
            error says it, or its family.

    Args:
        where: The place: segment, field, byte offset, queue, destination. Never message content.
    """

    code: ClassVar[str] = "HUB-000"
    what: ClassVar[str] = "unnamed error"
    disposition: ClassVar[Disposition] = Disposition.QUARANTINE
    acknowledgement: ClassVar[Acknowledgement] = Acknowledgement.APPLICATION_ACCEPT
    stops_message: ClassVar[bool]
    next_step: ClassVar[str] = "read the runbook of the code"

    def __init__(self, where: str = "") -> None:
        self.where = where
        super().__init__(where)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields as they are: what `__init__` takes is not what `args` holds."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.code}: {self.what}{place}; {self.next_step}"
