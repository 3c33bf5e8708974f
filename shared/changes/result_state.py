"""What a result status does to a stored observation (OBX-11) or report (OBR-25): forward only, or withdrawn.

Sources: HL7 tables 0085 and 0123 by the v2-to-FHIR guide's map ``ObservationResultStatus`` and ``ResultStatus``; codes
that the guide leaves open are decided by their definition in the tables. Wrong results may be corrected after all: a
correction is the one thing that follows ``entered-in-error``. What is cancelled after its release has no value any
more (docs/decisions/0187).
"""

from __future__ import annotations

from shared.changes.states import ABSENT, FINAL, ONLY_FORWARD, Row, Table, to

REGISTERED, PARTIAL, PRELIMINARY, FINAL_RESULT = "registered", "partial", "preliminary", "final"
AMENDED, CORRECTED, APPENDED, CANCELLED = "amended", "corrected", "appended", "cancelled"
IN_ERROR, UNKNOWN = "entered-in-error", "unknown"

OBSERVATION_STATUSES = (
    ABSENT, REGISTERED, PRELIMINARY, FINAL_RESULT, AMENDED, CORRECTED, CANCELLED, IN_ERROR, UNKNOWN,
)  # fmt: skip
REPORT_STATUSES = (
    ABSENT, REGISTERED, PARTIAL, PRELIMINARY, FINAL_RESULT, AMENDED, CORRECTED, APPENDED, CANCELLED, IN_ERROR, UNKNOWN,
)  # fmt: skip

_RANK = {
    UNKNOWN: 0,
    REGISTERED: 0,
    PARTIAL: 1,
    PRELIMINARY: 1,
    CANCELLED: 2,
    FINAL_RESULT: 3,
    AMENDED: 4,
    CORRECTED: 4,
    APPENDED: 4,
    IN_ERROR: FINAL,
}

_BEGUN = (ABSENT, UNKNOWN, REGISTERED)
_EARLY = (*_BEGUN, PRELIMINARY)
_DONE = (FINAL_RESULT, AMENDED, CORRECTED)
_CORRECTABLE = (*_EARLY, CANCELLED, *_DONE, IN_ERROR)
_CANCELLABLE = (*_EARLY, CANCELLED, *_DONE)
_WITHDRAWN = to(IN_ERROR, OBSERVATION_STATUSES[1:])

OBSERVATION_ROWS: dict[str, Row] = {
    "O": Row(to(REGISTERED, _BEGUN), "0085 O: order detail only"),
    "I": Row(to(REGISTERED, _BEGUN), "0085 I: specimen in lab, results pending"),
    "R": Row(to(PRELIMINARY, _EARLY), "0085 R: entered, not verified; guide R"),
    "P": Row(to(PRELIMINARY, _EARLY), "0085 P; guide P"),
    "S": Row(to(PRELIMINARY, _EARLY), "0085 S: partial, until 2.6"),
    "F": Row(to(FINAL_RESULT, (*_EARLY, CANCELLED, FINAL_RESULT)), "0085 F; guide F"),
    "V": Row(
        to(FINAL_RESULT, (*_EARLY, FINAL_RESULT)) | {AMENDED: AMENDED, CORRECTED: CORRECTED},
        "0085 V: verified, no change to the value",
    ),
    "U": Row(
        to(FINAL_RESULT, (UNKNOWN, REGISTERED, PRELIMINARY, FINAL_RESULT)),
        "0085 U: final, without sending the result again",
        status_only=True,
    ),
    "A": Row(to(AMENDED, _CORRECTABLE), "0085 A; guide A"),
    "B": Row(to(AMENDED, _CORRECTABLE), "0085 B: appended; R4 observations know no other word"),
    "C": Row(to(CORRECTED, _CORRECTABLE), "0085 C; guide C", withdraws=("interpretation",)),
    "N": Row(to(CANCELLED, _CANCELLABLE), "0085 N: not sought", withdraws=("value",)),
    "X": Row(to(CANCELLED, _CANCELLABLE), "0085 X: cannot be obtained; guide X", withdraws=("value",)),
    "D": Row(_WITHDRAWN, "0085 D: deleted; guide D", status_only=True),
    "W": Row(_WITHDRAWN, "0085 W: posted as wrong; guide W", status_only=True),
    "": Row(to(ONLY_FORWARD, OBSERVATION_STATUSES), "no code: the message's status, forward only"),
}

_REPORT_EARLY = (*_EARLY, PARTIAL)
_REPORT_CORRECTABLE = (*_CORRECTABLE, PARTIAL, APPENDED)

REPORT_ROWS: dict[str, Row] = {
    "O": Row(to(REGISTERED, _BEGUN), "0123 O; guide O"),
    "I": Row(to(REGISTERED, _BEGUN), "0123 I; guide I"),
    "S": Row(to(REGISTERED, _BEGUN), "0123 S; guide S"),
    "N": Row(to(REGISTERED, _BEGUN), "0123 N: procedure completed, results pending"),
    "A": Row(to(PARTIAL, _REPORT_EARLY), "0123 A: some, but not all, results"),
    "R": Row(to(PARTIAL, _REPORT_EARLY), "0123 R: stored, not yet verified; guide R"),
    "P": Row(to(PRELIMINARY, _REPORT_EARLY), "0123 P; guide P"),
    "M": Row(to(PRELIMINARY, _REPORT_EARLY), "0123 M: corrected, not final"),
    "F": Row(to(FINAL_RESULT, (*_REPORT_EARLY, CANCELLED, FINAL_RESULT)), "0123 F; guide F"),
    "C": Row(to(CORRECTED, _REPORT_CORRECTABLE), "0123 C; guide C"),
    "X": Row(to(CANCELLED, (*_CANCELLABLE, PARTIAL, APPENDED)), "0123 X: no results available; guide X"),
    "": Row(to(ONLY_FORWARD, REPORT_STATUSES), "no code: the message's status, forward only"),
}

# A code that the tables do not know must not lose a result: it counts as no code.
OBSERVATION = Table(OBSERVATION_ROWS, OBSERVATION_STATUSES, _RANK, otherwise="")
REPORT = Table(REPORT_ROWS, REPORT_STATUSES, _RANK, otherwise="")
