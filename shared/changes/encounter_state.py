"""What each ADT event does to a visit, by the visit's stored status.

Sources: HL7 v2.5.1 chapter 3.3 (the sections named below), and the v2-to-FHIR guide's maps ``Event[EncounterStatus]``
(guide below) and ``PatientClass[EncounterStatus]``. Where they differ the standard's text decides: the guide looks at
one message and cannot know what is stored, so that Monday's A08 would undo Tuesday's discharge.
"""

from __future__ import annotations

from shared.changes.states import ABSENT, STAYS, Movement, Row, Table, to

PLANNED, ARRIVED, TRIAGED, IN_PROGRESS, ON_LEAVE = "planned", "arrived", "triaged", "in-progress", "onleave"
FINISHED, CANCELLED, IN_ERROR, UNKNOWN = "finished", "cancelled", "entered-in-error", "unknown"

STATUSES = (ABSENT, PLANNED, ARRIVED, TRIAGED, IN_PROGRESS, ON_LEAVE, FINISHED, CANCELLED, IN_ERROR, UNKNOWN)

_NEW = (ABSENT, PLANNED, UNKNOWN)
_HERE = (ARRIVED, TRIAGED, IN_PROGRESS)
_OPEN = (*_NEW, *_HERE, ON_LEAVE)

_DISCHARGE = ("period.end", "length", "hospitalization.dischargeDisposition", "hospitalization.destination")
_R5 = "extension[http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter."
_EXPECTED_START, _EXPECTED_END = f"{_R5}plannedStartDate]", f"{_R5}plannedEndDate]"
# A visit that does not take place after all holds no bed and has no time; who would have cared for the patient stays.
_NEVER_BEGAN = ("period", "location", *_DISCHARGE[1:], _EXPECTED_START, _EXPECTED_END)

# A visit that was deleted (A23) takes nothing more; every other one keeps its status.
_KEPT = to(STAYS, (*_OPEN, FINISHED, CANCELLED))
_MOVED = {**to(IN_PROGRESS, (*_NEW, *_HERE)), ON_LEAVE: ON_LEAVE}
_WHILE_OPEN = to(STAYS, _OPEN)


def _keeps(source: str) -> Row:
    return Row(_KEPT, source)


ROWS: dict[str, Row] = {
    "A01": Row(to(IN_PROGRESS, (*_NEW, *_HERE, CANCELLED)), "3.3.1 admit; guide A01"),
    "A02": Row(_MOVED, "3.3.2 transfer; guide A02", movement=Movement.ADVANCE),
    "A03": Row(to(FINISHED, (*_OPEN, FINISHED)), "3.3.3 discharge, end of visit; guide A03"),
    # The guide's A04 is "planned"; the standard's is a patient who "has arrived or checked in".
    "A04": Row(to(IN_PROGRESS, (*_NEW, *_HERE, CANCELLED)), "3.3.4 register; PatientClass E, O, R"),
    "A05": Row(to(PLANNED, (*_NEW, CANCELLED)), "3.3.5 pre-admit; guide A05"),
    "A06": Row(to(IN_PROGRESS, (*_NEW, *_HERE)), "3.3.6 outpatient to inpatient", movement=Movement.ADVANCE),
    "A07": Row(to(IN_PROGRESS, (*_NEW, *_HERE)), "3.3.7 inpatient to outpatient", movement=Movement.ADVANCE),
    "A08": _keeps("3.3.8 update; the guide's A08 (unknown) is what one message can know"),
    "A09": Row(_WHILE_OPEN, "3.3.9 departing, tracking", movement=Movement.ADVANCE),
    "A10": Row(_WHILE_OPEN, "3.3.10 arriving, tracking", movement=Movement.ADVANCE),
    "A11": Row(
        to(CANCELLED, (*_NEW, *_HERE, CANCELLED)),
        "3.3.11 cancel admit (A01, A04); guide A11",
        deletes=_NEVER_BEGAN,
    ),
    "A12": Row(_WHILE_OPEN, "3.3.12 cancel transfer (A02)", movement=Movement.UNDO),
    "A13": Row(
        {
            **to(IN_PROGRESS, (ABSENT, UNKNOWN, FINISHED)),
            **to(STAYS, (*_HERE, ON_LEAVE)),
        },
        "3.3.13 cancel discharge (A03); guide A13",
        deletes=_DISCHARGE,
    ),
    "A14": Row(to(PLANNED, (*_NEW, CANCELLED)), "3.3.14 pending admit"),
    "A15": Row(_WHILE_OPEN, "3.3.15 pending transfer"),
    "A16": Row(_WHILE_OPEN, "3.3.16 pending discharge"),
    "A17": Row(_WHILE_OPEN, "3.3.17 swap beds", movement=Movement.ADVANCE),
    "A18": _keeps("3.3.18 merge patient information"),
    "A21": Row(to(ON_LEAVE, (ABSENT, UNKNOWN, *_HERE, ON_LEAVE)), "3.3.21 leave of absence"),
    "A22": Row(to(IN_PROGRESS, (ABSENT, UNKNOWN, *_HERE, ON_LEAVE)), "3.3.22 return from leave"),
    "A23": Row(
        to(IN_ERROR, STATUSES[1:]), "3.3.23 delete a patient record: the visit was entered in error", status_only=True
    ),
    "A24": _keeps("3.3.24 link patients"),
    "A25": Row(_WHILE_OPEN, "3.3.25 cancel pending discharge (A16)", deletes=(*_DISCHARGE, _EXPECTED_END)),
    "A26": Row(
        _WHILE_OPEN, "3.3.26 cancel pending transfer (A15)", deletes=("location[reserved]", "location[planned]")
    ),
    "A27": Row(to(CANCELLED, (*_NEW, CANCELLED)), "3.3.27 cancel pending admit (A14)", deletes=_NEVER_BEGAN),
    "A28": _keeps("3.3.28 add person"),
    "A29": _keeps("3.3.29 delete person: see PERSON_ROWS"),
    "A30": _keeps("3.3.30 merge person"),
    "A31": _keeps("3.3.31 update person"),
    "A32": Row(_WHILE_OPEN, "3.3.32 cancel arriving (A10)", movement=Movement.UNDO),
    "A33": Row(_WHILE_OPEN, "3.3.33 cancel departing (A09)", movement=Movement.UNDO),
    "A34": _keeps("3.3.34 merge patient, id only"),
    "A35": _keeps("3.3.35 merge account"),
    "A36": _keeps("3.3.36 merge patient and account"),
    "A37": _keeps("3.3.37 unlink patients"),
    "A38": Row(to(CANCELLED, (*_NEW, CANCELLED)), "3.3.38 cancel pre-admit (A05)", deletes=_NEVER_BEGAN),
    "A39": _keeps("3.3.39 merge person, patient id"),
    "A40": _keeps("3.3.40 merge patient, identifier list"),
    "A41": _keeps("3.3.41 merge account"),
    "A42": _keeps("3.3.42 merge visit"),
    "A43": _keeps("3.3.43 move patient identifier list"),
    "A44": _keeps("3.3.44 move account"),
    "A45": _keeps("3.3.45 move visit"),
    "A46": _keeps("3.3.46 change patient id"),
    "A47": _keeps("3.3.47 change patient identifier list"),
    "A48": _keeps("3.3.48 change alternate patient id"),
    "A49": _keeps("3.3.49 change account number"),
    "A50": _keeps("3.3.50 change visit number"),
    "A51": _keeps("3.3.51 change alternate visit id"),
    "A52": Row(to(IN_PROGRESS, (ABSENT, UNKNOWN, *_HERE, ON_LEAVE)), "3.3.52 cancel leave of absence (A21)"),
    "A53": Row(to(ON_LEAVE, (ABSENT, UNKNOWN, *_HERE, ON_LEAVE)), "3.3.53 cancel return from leave (A22)"),
    "A54": _keeps("3.3.54 change attending doctor"),
    "A55": Row(_KEPT, "3.3.55 cancel change of attending doctor (A54)", withdraws=("participant[ATND]",)),
    "A60": _keeps("3.3.60 update allergies"),
    "A61": _keeps("3.3.61 change consulting doctor"),
    "A62": Row(_KEPT, "3.3.62 cancel change of consulting doctor (A61)", withdraws=("participant[CON]",)),
}

# Without a row: A19 (a query), A20 (the state of a bed, of no visit), A56 to A59 (not in the standard).

ENCOUNTER = Table(ROWS, STATUSES)

# What an event does to the person, apart from what the message says.
PERSON_ROWS: dict[str, Row] = {
    "A28": Row({}, "3.3.28 add person: a person deleted before counts again", deletes=("active",)),
    "A29": Row({}, "3.3.29 delete person information", sets={"active": False}),
}
