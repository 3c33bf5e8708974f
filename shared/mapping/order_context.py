"""CTI and BLG: the trial and the account an order belongs to (the guide has no map: docs/decisions/0037)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.account import add_account
from shared.mapping.care import support
from shared.mapping.claims.segment import account_place
from shared.mapping.datatypes.coded import DATA_ABSENT, concept
from shared.mapping.datatypes.identifier import cx, ei
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import KEPT, Resource, Table, first, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0037"
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_OF_STUDY = EXTENSION + "workflow-researchStudy"
_BILLING = "how an order is charged: R4 says it of the charge, and no charge is here"

_STUDY = one("CTI-1", "ResearchStudy.identifier", ei(), DECIDED, placed=True)
_PHASE = one("CTI-2", "ResearchStudy.phase", concept(), DECIDED, reuse=True, placed=True)
TRIAL = Table("CTI", "ResearchStudy", (_STUDY, _PHASE), {3: "R4 has no element for it"})

_ACCOUNT = one("BLG-3", "Account.identifier", cx("AN"), DECIDED, placed=True, part=KEPT)
BILLING = Table("BLG", "Account", (_ACCOUNT,), dict.fromkeys((1, 2, 4), _BILLING))


def trial(node: Node, frame: Frame, scope: Scope) -> None:
    """CTI: the ResearchStudy of the order and its report, and the patient as its subject."""
    segment = node.segment
    number, phase = first(_STUDY, segment, scope, {}), first(_PHASE, segment, scope, {})
    if number is None:
        return
    key = (number.get("system", scope.assigner), number["value"])
    # Neither segment nor standard says how far study and subject are; R4 wants a status of both.
    study: Resource = {"resourceType": "ResearchStudy", "id": scope.mint("ResearchStudy", *key), "_status": _UNKNOWN}
    study["identifier"] = [number]
    if phase:
        study["phase"] = phase
    reference = {"reference": scope.add_or_complete(study)}
    if frame.patient is not None:
        subject: Resource = {
            "resourceType": "ResearchSubject",
            "id": scope.mint("ResearchSubject", *key, frame.patient["reference"]),
            "_status": _UNKNOWN,
            "study": reference,
            "individual": frame.patient,
        }
        scope.add(subject)
    link = {"url": _OF_STUDY, "valueReference": reference}
    for holder in (frame.request, frame.report):
        if holder is not None and link not in holder.get("extension", ()):
            holder["extension"] = [*holder.get("extension", ()), link]


def billing(node: Node, frame: Frame, scope: Scope) -> None:
    """BLG: the Account that the order is charged to."""
    number = first(_ACCOUNT, node.segment, scope, {})
    if number is None or frame.patient is None:
        return
    account = add_account([number], frame.patient, scope, place=account_place(node.segment))
    support(frame.request, {"reference": "urn:uuid:" + account["id"]})


TABLES = (TRIAL, BILLING)
HANDLERS: dict[str, Handler] = {"CTI": trial, "BLG": billing}
