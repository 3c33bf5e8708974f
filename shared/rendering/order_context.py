"""What an order rests on: contacts as CTD, the trial as CTI, the account as BLG (decisions 0034, 0037)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import V2, bare_table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.coded import concept
from shared.rendering.draft import composed
from shared.rendering.identifiers import cx, ei
from shared.rendering.people import xad, xpn, xtn
from shared.rendering.places import pl
from shared.rendering.rows import Implied, Resource, Row, Table, fill, prune
from shared.rendering.times import taken_period

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_OF_STUDY = EXTENSION + "workflow-researchStudy"
_OF_CONTACTS, _DECIDED = "decision 0034", "decision 0037"


def pln(value: Resource, draft: Draft, kind: str) -> str:
    """Write a number of a practitioner as a PLN."""
    del draft, kind
    codings = value.get("type", {}).get("coding", [])
    first: Resource = next((one for one in codings if one.get("system") == V2 + "0338"), {})
    code = first.get("code", "")
    first.clear()
    _, end = taken_period(value.get("period", {}))
    return composed([value.pop("value", ""), code, "", end[:8]])


CONTACT = Table(
    "CTD",
    "PractitionerRole",
    (
        Row("CTD-1", "PractitionerRole.code", concept(bare_table("0131", "ContactRole")), _OF_CONTACTS),
        Row("CTD-4", "PractitionerRole.location", pl, _OF_CONTACTS),
        Row("CTD-5", "PractitionerRole.telecom", xtn, _OF_CONTACTS),
    ),
)
PERSON = Table(
    "CTD",
    "Practitioner",
    (
        Row("CTD-2", "Practitioner.name", xpn, _OF_CONTACTS),
        Row("CTD-3", "Practitioner.address", xad, _OF_CONTACTS),
        Row("CTD-7", "Practitioner.identifier", pln, _OF_CONTACTS),
    ),
)
TRIAL = Table(
    "CTI",
    "ResearchStudy",
    (
        Row("CTI-1", "ResearchStudy.identifier", ei(has_fixed_type=False), _DECIDED),
        Row("CTI-2", "ResearchStudy.phase", concept(), _DECIDED),
    ),
)
BILLING = Table(
    "BLG",
    "Account",
    (Row("BLG-3", "Account.identifier", cx, _DECIDED),),
    (
        Implied("status", "an account that a message names is in use", ("active",)),
        Implied("subject", "the person of the message"),
    ),
)


def write_contact(order: Resource, draft: Draft) -> None:
    """Write CTD for the first PractitionerRole that an order rests on; a message has one."""
    for reference in order.get("supportingInfo", ()):
        _, role = draft.look(reference)
        if role.get("resourceType") != "PractitionerRole" or "practitioner" not in role:
            continue
        segment = draft.segment("CTD")
        with draft.follow(reference) as resource, draft.follow(resource["practitioner"]) as person:
            fill(segment, resource, CONTACT, draft)
            fill(segment, person, PERSON, draft)
        prune(order)
        return


def write_trials(patient: str, holders: list[Resource], draft: Draft) -> None:
    """Write a CTI for each trial of an order and its report."""
    written: set[str] = set()
    for holder in holders:
        for one in holder.get("extension", ()):
            url, study = draft.look(one.get("valueReference"))
            if one.get("url") != _OF_STUDY or study.get("resourceType") != "ResearchStudy":
                continue
            one.clear()
            if url not in written:
                written.add(url)
                with draft.open(url) as resource:
                    fill(draft.segment("CTI"), resource, TRIAL, draft)
                _forget_subject(url, patient, draft)
        prune(holder)


def _forget_subject(study: str, patient: str, draft: Draft) -> None:
    """Count it as carried that the patient takes part in the trial: CTI stands in the patient's order."""
    for url, subject in draft.all("ResearchSubject"):
        if draft.points_at(subject.get("study"), study) and draft.points_at(subject.get("individual"), patient):
            with draft.open(url) as resource:
                for element in ("study", "individual"):
                    resource.pop(element, None)


def write_billing(order: Resource, draft: Draft) -> None:
    """Write BLG for the first Account that an order rests on; a message has one."""
    for reference in order.get("supportingInfo", ()):
        if draft.look(reference)[1].get("resourceType") == "Account":
            segment = draft.segment("BLG")
            with draft.follow(reference) as account:
                fill(segment, account, BILLING, draft)
            prune(order)
            return


TABLES = (CONTACT, PERSON, TRIAL, BILLING)
