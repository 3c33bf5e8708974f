"""Which segments a message has, in which order: one function for each message structure that is written."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.message.errors.mapping import MessageNotWritten, ResourceAbsent, ResourceAmbiguous
from shared.rendering.allergies import write_adverse_reactions, write_allergies
from shared.rendering.appointments import (
    EVENT_NAMES,
    EVENT_OF_STATUS,
    OTHER_EVENT,
    is_appointed,
    write_resources,
    write_schedule,
)
from shared.rendering.conditions import write_diagnoses
from shared.rendering.demographics import is_will
from shared.rendering.documents import write_document
from shared.rendering.guarantor import guarantors, write_guarantors
from shared.rendering.header import said_types, write_event
from shared.rendering.immunizations import write_immunizations
from shared.rendering.insurance import write_coverages
from shared.rendering.merge import has_prior, prior_of, write_merge
from shared.rendering.notes import write_notes
from shared.rendering.orders import is_service_order, write_order, write_order_alone
from shared.rendering.patient import write_patient
from shared.rendering.prescriptions import is_drug_order, write_prescription
from shared.rendering.procedures import write_procedures
from shared.rendering.related_person import write_related
from shared.rendering.reports import write_report
from shared.rendering.results import write_results
from shared.rendering.statements import stated, write_death, write_statements
from shared.rendering.uniform_billing import bills, write_bills
from shared.rendering.visit import write_visit

if TYPE_CHECKING:
    from shared.rendering.draft import Draft
    from shared.rendering.rows import Resource


@dataclass(frozen=True, slots=True)
class About:
    """Whom a message is about.

    Attributes:
        patient: Url of the Patient.
        visit: Url of the Encounter; empty without one.
        event: MSH-9.2.
    """

    patient: str
    visit: str
    event: str


def _admission(about: About, draft: Draft) -> None:
    statements = stated(about.patient, draft)
    billed = bills(about.patient, draft) if about.event != "A03" else []  # ADT_A03 has no UB1 and UB2
    results = _loose_results(about, draft, leave={*billed, *(url for urls in statements.values() for url in urls)})
    _write_arrival(about, statements, draft)
    if about.event != "A03":
        write_results(results, draft)
    write_allergies(about.patient, draft)
    write_diagnoses(about.patient, about.visit, draft)
    write_statements("DRG", statements["DRG"], draft)
    write_procedures(about.patient, draft)
    if about.event == "A03":  # ADT_A03 has its OBX behind the procedures
        write_results(results, draft)
    write_guarantors(about.patient, draft)
    write_coverages(about.patient, draft)
    write_statements("ACC", statements["ACC"], draft)
    write_bills(billed, draft)
    write_death(statements["PDA"], about.patient, draft)


def _write_arrival(about: About, statements: dict[str, list[str]], draft: Draft) -> None:
    """Write what every admission begins with: event, person, relatives, visit, disabilities."""
    write_event(about.event, draft)
    write_patient(about.patient, draft, has_roles=True)
    write_related(about.patient, draft, leave=_named_elsewhere(draft))
    write_visit(about.visit, about.patient, draft, has_roles=True)
    write_statements("DB1", statements["DB1"], draft)


def _named_elsewhere(draft: Draft) -> set[str]:
    """Return the references of those whom IN1 and GT1 name."""
    insured = {one.get("subscriber", {}).get("reference", "") for _, one in draft.all("Coverage")}
    return insured | guarantors(draft)


def _loose_results(about: About, draft: Draft, *, leave: AbstractSet[str] = frozenset()) -> list[str]:
    """Return the Observations of the person that no report holds, without those that have segments of their own."""
    held = {draft.look(one)[0] for _, report in draft.all("DiagnosticReport") for one in report.get("result", ())}
    held |= leave
    return [
        url
        for url, one in draft.all("Observation")
        if url not in held and not is_will(one) and draft.points_at(one.get("subject"), about.patient)
    ]


def _merge(about: About, draft: Draft) -> None:
    write_event(about.event, draft)
    write_patient(about.patient, draft, is_merge=True)
    write_merge(about.patient, draft)
    if not draft.segments[-1].fields.get(1):
        raise ResourceAbsent("Patient.link of the record that gives way")
    if about.visit:
        write_visit(about.visit, about.patient, draft, has_more=False)


def _adverse_reactions(about: About, draft: Draft) -> None:
    if not draft.all("AllergyIntolerance"):
        raise ResourceAbsent("AllergyIntolerance")
    write_event(about.event, draft)
    write_patient(about.patient, draft)
    _write_visit_if_any(about, draft)
    write_adverse_reactions(about.patient, draft)


def _results(about: About, draft: Draft) -> None:
    reports = [url for url, one in draft.all("DiagnosticReport") if draft.points_at(one.get("subject"), about.patient)]
    if not reports:
        raise ResourceAbsent("DiagnosticReport")
    _write_patient_with_notes(about, draft)
    write_related(about.patient, draft, leave=_named_elsewhere(draft))
    _write_visit_if_any(about, draft)
    for url in reports:
        write_report(url, about.patient, draft, is_only=len(reports) == 1)


def _orders(about: About, draft: Draft) -> None:
    orders = _ordered(about, draft, "ServiceRequest")
    _write_whose_orders(about, draft, has_relatives=True)
    for url in orders:
        write_order(url, about.patient, about.visit, draft, has_specimens=True, is_only=len(orders) == 1)


def _old_orders(about: About, draft: Draft) -> None:
    """ORM_O01 takes orders of any kind, in the order of the bundle."""
    orders = _ordered(about, draft, "ServiceRequest", "MedicationRequest")
    _write_whose_orders(about, draft)
    is_only = len(orders) == 1
    for url in orders:
        if is_drug_order(draft.look({"reference": url})[1]):
            write_prescription(url, about.patient, about.visit, draft, is_old=True, is_only=is_only)
        else:
            write_order(url, about.patient, about.visit, draft, has_specimens=False, is_only=is_only)


def _drug_orders(about: About, draft: Draft) -> None:
    orders = _ordered(about, draft, "MedicationRequest")
    _write_whose_orders(about, draft)
    for url in orders:
        write_prescription(url, about.patient, about.visit, draft, is_old=False, is_only=len(orders) == 1)


def _ordered(about: About, draft: Draft, *kinds: str) -> list[str]:
    """Return the urls of the orders of the person that a message can place.

    Raises:
        ResourceAbsent: there is none.
    """
    found = [(url, one) for url, one in draft.everything() if one["resourceType"] in kinds and _is_given(one, draft)]
    if not found:
        raise ResourceAbsent(" or ".join(kinds))
    return [url for url, one in found if draft.points_at(one.get("subject"), about.patient)]


def _is_given(resource: Resource, draft: Draft) -> bool:
    """Tell whether an order was given, and an appointment made: a receiver acts on what a message says of either."""
    is_given = _GIVEN.get(resource["resourceType"])
    return is_given is None or is_given(resource, draft)


_GIVEN: dict[str, Callable[[Resource, Draft], bool]] = {
    "Appointment": is_appointed,
    "MedicationRequest": lambda resource, _: is_drug_order(resource),
    "ServiceRequest": lambda resource, _: is_service_order(resource),
}


def _write_whose_orders(about: About, draft: Draft, *, has_relatives: bool = False) -> None:
    _write_patient_with_notes(about, draft)
    if has_relatives:
        write_related(about.patient, draft, leave=_named_elsewhere(draft))
    _write_visit_if_any(about, draft)
    write_coverages(about.patient, draft)
    write_guarantors(about.patient, draft)
    write_allergies(about.patient, draft)


def _schedule(about: About, draft: Draft) -> None:
    appointment = _only("Appointment", draft)
    write_schedule(appointment, about.event, draft)
    write_patient(about.patient, draft)
    _write_visit_if_any(about, draft)
    write_results(_loose_results(about, draft), draft)
    write_diagnoses(about.patient, about.visit, draft)
    write_resources(appointment, about.patient, draft)


def _document(about: About, draft: Draft) -> None:
    document = _only("DocumentReference", draft)
    write_event(about.event, draft)
    write_patient(about.patient, draft)
    write_visit(about.visit, about.patient, draft)
    for reference in draft.look({"reference": document})[1].get("context", {}).get("related", ()):
        url, order = draft.look(reference)
        if is_service_order(order):
            write_order_alone(url, draft)
    write_document(document, draft)


def _vaccinations(about: About, draft: Draft) -> None:
    if not draft.all("Immunization"):
        raise ResourceAbsent("Immunization")
    write_patient(about.patient, draft)
    write_related(about.patient, draft, leave=_named_elsewhere(draft))
    _write_visit_if_any(about, draft)
    write_guarantors(about.patient, draft)
    write_coverages(about.patient, draft)
    write_immunizations(about.patient, draft)


def _write_patient_with_notes(about: About, draft: Draft) -> None:
    write_patient(about.patient, draft)
    with draft.open(about.patient) as person:
        write_notes(person, draft)


def _write_visit_if_any(about: About, draft: Draft) -> None:
    if about.visit:
        write_visit(about.visit, about.patient, draft)


@dataclass(frozen=True, slots=True)
class Kind:
    """One message type that can be written: its structure (MSH-9.3) and who writes its segments below MSH."""

    structure: str
    write: Callable[[About, Draft], None]


KINDS = {
    **dict.fromkeys(("ADT^A01", "ADT^A04", "ADT^A08"), Kind("ADT_A01", _admission)),
    "ADT^A03": Kind("ADT_A03", _admission),
    "ADT^A40": Kind("ADT_A39", _merge),
    "ADT^A60": Kind("ADT_A60", _adverse_reactions),
    "ORU^R01": Kind("ORU_R01", _results),
    "OML^O21": Kind("OML_O21", _orders),
    "ORM^O01": Kind("ORM_O01", _old_orders),
    "OMP^O09": Kind("OMP_O09", _drug_orders),
    **dict.fromkeys((f"SIU^{event}" for event in EVENT_NAMES), Kind("SIU_S12", _schedule)),
    "MDM^T02": Kind("MDM_T02", _document),
    "VXU^V04": Kind("VXU_V04", _vaccinations),
}

# Without a MessageHeader the first of these that a bundle holds says which message it is.
_BY_CONTENT = {
    "Immunization": "VXU^V04",
    "DiagnosticReport": "ORU^R01",
    "Appointment": "SIU",
    "DocumentReference": "MDM^T02",
    "ServiceRequest": "OML^O21",
    "MedicationRequest": "OMP^O09",
    "Encounter": "ADT^A08",
    "Patient": "ADT^A08",
}


def type_for(draft: Draft) -> str:
    """Return the type of message for a bundle: what its MessageHeader says, else what it holds.

    Raises:
        MessageNotWritten: nothing in it has a message of its own.
    """
    for said in said_types(draft):
        if said in KINDS:
            return said
    for kind, found in _BY_CONTENT.items():
        present = [one for one in draft.all(kind) if _is_given(one[1], draft)]
        if not present:
            continue
        if kind == "Appointment":
            return f"SIU^{EVENT_OF_STATUS.get(present[0][1].get('status', ''), OTHER_EVENT)}"
        if kind == "Patient" and any(has_prior(url, draft) for url, _ in present):
            return "ADT^A40"
        return found
    raise MessageNotWritten("the bundle")


def about(event: str, draft: Draft) -> About:
    """Return whom a message is about: the one Patient, of two the one that the other gives way to.

    Raises:
        ResourceAbsent: there is no Patient.
        ResourceAmbiguous: several Patients or visits, and nothing that says which.
    """
    patients = [url for url, _ in draft.all("Patient")]
    given_up = {prior_of(url, draft) for url in patients}
    standing = [url for url in patients if url not in given_up]
    if not standing:
        raise ResourceAbsent("Patient")
    if len(standing) > 1:
        raise ResourceAmbiguous(f"{len(standing)} of Patient")
    visits = [url for url, one in draft.all("Encounter") if draft.points_at(one.get("subject"), standing[0])]
    if len(visits) > 1:
        raise ResourceAmbiguous(f"{len(visits)} of Encounter")
    return About(standing[0], visits[0] if visits else "", event)


def _only(kind: str, draft: Draft) -> str:
    found = [one for one in draft.all(kind) if _is_given(one[1], draft)]
    if not found:
        raise ResourceAbsent(kind)
    if len(found) > 1:
        raise ResourceAmbiguous(f"{len(found)} of {kind}")
    return found[0][0]
