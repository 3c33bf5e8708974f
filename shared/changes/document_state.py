"""What each MDM event does to a document, by its stored status.

Sources: HL7 v2.5.1 chapter 9.6 (the sections named below), table 0273 for TXA-19. An addendum and a replacement are
documents of their own, with numbers of their own; they refer to their parent, which nobody rewrites.
"""

from __future__ import annotations

from shared.changes.states import ABSENT, FINAL, FORWARD, SENT, Row, Table, to

CURRENT, SUPERSEDED, IN_ERROR = "current", "superseded", "entered-in-error"

STATUSES = (ABSENT, CURRENT, SUPERSEDED, IN_ERROR)

# A document that its owner withdrew does not come back under the same number.
_TOLD = to(SENT, (ABSENT,)) | to(FORWARD, (CURRENT, SUPERSEDED))

ROWS: dict[str, Row] = {
    **dict.fromkeys(("T01", "T02"), Row(_TOLD, "9.6.1, 9.6.2 original document")),
    **dict.fromkeys(("T03", "T04"), Row(_TOLD, "9.6.3, 9.6.4 a status of the document changed")),
    **dict.fromkeys(("T05", "T06"), Row(_TOLD, "9.6.5, 9.6.6 addendum: a document of its own")),
    **dict.fromkeys(("T07", "T08"), Row(_TOLD, "9.6.7, 9.6.8 edited before it was available")),
    **dict.fromkeys(("T09", "T10"), Row(_TOLD, "9.6.9, 9.6.10 replacement: a document of its own")),
    "T11": Row(
        to(IN_ERROR, (CURRENT, SUPERSEDED, IN_ERROR)),
        "9.6.11 cancelled: it should not be used",
        sets={"docStatus": IN_ERROR},
        status_only=True,
    ),
}

# AV and OB follow one another as TXA-19 says; what is entered in error stays so.
DOCUMENT = Table(ROWS, STATUSES, rank={CURRENT: 0, SUPERSEDED: 0, IN_ERROR: FINAL})
