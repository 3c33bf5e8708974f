"""What is asked of Azure, counted by kind: the bill is made of these."""

from __future__ import annotations

from dataclasses import dataclass

BUS_UNIT_BYTES = 64 * 1024  # Service Bus bills a message for each 64 kB of it


@dataclass(slots=True)
class Operations:
    """Counts since the process began.

    Attributes:
        table_reads: Pages of a query and single rows.
        table_writes: Entity-group transactions: each is billed as one, whatever it holds.
        table_rows: Rows of those transactions: what a partition and an account bear is counted in these.
        bus_sent: Messages handed to Service Bus, in units of 64 kB.
    """

    table_reads: int = 0
    table_writes: int = 0
    table_rows: int = 0
    blob_reads: int = 0
    blob_writes: int = 0
    bus_sent: int = 0
    events: int = 0

    @property
    def table_transactions(self) -> int:
        """Reads and writes cost the same."""
        return self.table_reads + self.table_writes
