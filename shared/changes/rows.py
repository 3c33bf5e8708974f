"""Which events may write to a store at all: an event without a row writes nothing."""

from __future__ import annotations

from shared.changes import appointment_state, document_state, encounter_state

# Message types whose event decides no state: their segments carry codes of their own (ORC-1, OBR-25, OBX-11, TXA-17).
# An empty event: versions before 2.3 name the type alone.
EVENTS: dict[str, frozenset[str]] = {
    "ADT": frozenset(encounter_state.ROWS),
    "SIU": frozenset(appointment_state.ROWS),
    "SRM": frozenset(appointment_state.REQUEST_ROWS),
    "ORU": frozenset({"", "R01", "R30", "R31", "R32", "R40"}),
    "OUL": frozenset({"R21", "R22", "R23", "R24"}),
    "ORM": frozenset({"", "O01"}),
    "OML": frozenset({"O21", "O33", "O35"}),
    "OMG": frozenset({"O19"}),
    "OMI": frozenset({"O23"}),
    "OMP": frozenset({"O09"}),
    "OMS": frozenset({"O05"}),
    "OMN": frozenset({"O07"}),
    "RDE": frozenset({"O01", "O11", "O25"}),
    "RDS": frozenset({"O01", "O13"}),
    "RGV": frozenset({"O01", "O15"}),
    "RAS": frozenset({"O01", "O17"}),
    "VXU": frozenset({"", "V04"}),
    "MDM": frozenset(document_state.ROWS),
    "DFT": frozenset({"P03", "P11"}),
    "BAR": frozenset({"P01", "P02", "P05", "P06", "P10", "P12"}),
    "PPR": frozenset({"PC1", "PC2", "PC3"}),
    "PGL": frozenset({"PC6", "PC7", "PC8"}),
    "PPP": frozenset({"PCB", "PCC", "PCD"}),
    "PPG": frozenset({"PCG", "PCH", "PCJ"}),
    "PTR": frozenset({"PCF"}),
    "REF": frozenset({"I12", "I13", "I14", "I15"}),
    "MFN": frozenset({"M02", "M05"}),
    "QBP": frozenset({"Q11", "Q21", "Q22", "Q23", "Q34"}),
    "RSP": frozenset({"K11", "K21", "K22", "K23", "K34"}),
    "VXQ": frozenset({"", "V01"}),
    "VXX": frozenset({"", "V02"}),
    "VXR": frozenset({"", "V03"}),
}

# Questions and their answers go to whoever asked or is asked, and to no store: what another system holds of somebody
# becomes part of a record when a person says so (docs/decisions/0022).
PASSING = frozenset({"QBP", "RSP", "VXQ", "VXX", "VXR"})


# Queries and answers: known, and nothing of them is kept.
_PASSING = frozenset(
    {"ACK", "MCF", "MFK", "ORL", "ORR", "OSQ", "OSR", "QBP", "QCK", "QRY", "RCL", "RPI", "RQI", "RRA", "RRD", "RRE"}
    | {"RRG", "RSP", "SRR", "VXQ", "VXR", "VXX"}
)


def is_known(message: str) -> bool:
    """Tell whether a message type (MSH-9.1) is one that somebody thought of."""
    return message in EVENTS or message in _PASSING


def has_row(message: str, event: str) -> bool:
    """Tell whether an event (MSH-9.1, MSH-9.2) may write; without a row it is quarantined (`UnsupportedEvent`)."""
    return event in EVENTS.get(message, ())
