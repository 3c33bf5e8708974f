"""What RXO, RXE, RXD, RXG, RXA and RXC say of a drug and its dose: Medication, dose and rate (decision 0020).

The guide maps RXO alone; the other segments say the same at other numbers, so one description serves them all. A
Medication is known by what it says: equal drugs are one resource, and a changed one is another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import DATA_ABSENT, concept, fixed, text
from shared.mapping.datatypes.number import decimal, number, unit
from shared.mapping.datatypes.time import date_time
from shared.mapping.datatypes.timing import per_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.organization import coded_organization
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0020"
ORDERED = fixed("http://terminology.hl7.org/CodeSystem/dose-rate-type", "ordered", "Ordered")
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_FORM = bare_table("", "")
_STRENGTH = "Medication.ingredient.strength"

# Element of a drug -> where it goes, what makes it.
_DRUG: dict[str, tuple[str, Build]] = {
    "code": ("Medication.code", concept()),
    "form": ("Medication.form", concept(_FORM)),
    "strength": (_STRENGTH + ".numerator.value", decimal),
    "strength_unit": (_STRENGTH + ".numerator", unit),
    "volume": (_STRENGTH + ".denominator.value", decimal),
    "volume_unit": (_STRENGTH + ".denominator", unit),
    "lot": ("Medication.batch.lotNumber", text),
    "expires": ("Medication.batch.expirationDate", date_time),
    "manufacturer": ("Medication.manufacturer", coded_organization),
}
_DOSE: dict[str, tuple[str, Build]] = {
    "low": ("doseAndRate.dose[x]", decimal),
    "high": ("doseAndRate.doseRange.high.value", decimal),
    "unit": ("doseAndRate.dose[x]", unit),
    "per": ("doseAndRate.rateRatio.denominator", per_time),
    "rate": ("doseAndRate.rate[x]", decimal),
    "rate_unit": ("doseAndRate.rate[x]", unit),
}
Rows = dict[str, Row]


def drug_rows(segment: str, guides: dict[str, str] | None = None, also: int = 0, **numbers: int) -> Rows:
    """Return the rows of a segment that describe its drug: element -> field number; ``also`` holds further codes."""
    rows = _rows(segment, "", _DRUG, guides, numbers)
    if also:
        rows["also"] = many(f"{segment}-{also}", "Medication.code.coding", concept(), DECIDED, placed=True, part=KEPT)
    return rows


def dose_rows(segment: str, prefix: str, guides: dict[str, str] | None = None, **numbers: int) -> Rows:
    """Return the rows of a segment that say how much of its drug: element -> field number."""
    return _rows(segment, prefix, _DOSE, guides, numbers)


def _rows(
    segment: str,
    prefix: str,
    elements: dict[str, tuple[str, Build]],
    guides: dict[str, str] | None,
    numbers: dict[str, int],
) -> Rows:
    return {
        name: one(
            f"{segment}-{number}",
            prefix + elements[name][0],
            elements[name][1],
            (guides or {}).get(name, DECIDED),
            placed=True,
        )
        for name, number in numbers.items()
    }


def amount(rows: Rows, value: str, of: str, segment: Segment, scope: Scope) -> Resource | None:
    """Return the Quantity of a number and the field of its unit; None without a number."""
    found = first(rows[value], segment, scope, {}) if value in rows else None
    if found is None:
        if of in rows and value in rows and not segment.text(rows[value].number):
            leave_out(segment, (rows[of].number,), "the unit of an amount that is not said", scope)
        return None
    return {"value": found, **(first(rows[of], segment, scope, {}) or {})} if of in rows else {"value": found}


def ratio(numerator: Resource | None, denominator: Resource | None) -> Resource | None:
    """Return a Ratio, of one where nothing says of how many (R4 rat-1 wants both); None without a numerator."""
    return {"numerator": numerator, "denominator": denominator or {"value": 1}} if numerator else None


_COMPONENT = drug_rows("RXC", also=7, code=2, strength=5, strength_unit=6, volume=8, volume_unit=9) | {
    "amount": one("RXC-3", _STRENGTH + ".numerator.value", decimal, DECIDED, placed=True),
    "amount_unit": one("RXC-4", _STRENGTH + ".numerator", unit, DECIDED, placed=True),
}
COMPONENT = Table(
    "RXC",
    "Medication",
    tuple(_COMPONENT.values()),
    {
        1: "base, additive or text: an ingredient of R4 has no place for it",
        10: "how the component is dispensed: MedicationDispense says it",
        11: "how the component is dispensed: MedicationDispense says it",
    },
)


def describe(rows: Rows, segment: Segment, components: list[Node], scope: Scope) -> Resource:
    """Return the elements of the Medication of a segment and its RXC components; empty when nothing is said."""
    found: Resource = {}
    said = _code_of(rows, segment, scope)
    form = first(rows["form"], segment, scope, {}) if "form" in rows else None
    maker = first(rows["manufacturer"], segment, scope, {}) if "manufacturer" in rows else None
    batch = {
        element: value
        for element, name in (("lotNumber", "lot"), ("expirationDate", "expires"))
        if name in rows and (value := first(rows[name], segment, scope, {}))
    }
    strength = ratio(
        amount(rows, "strength", "strength_unit", segment, scope), amount(rows, "volume", "volume_unit", segment, scope)
    )
    ingredients = [{"itemCodeableConcept": said, "strength": strength}] if said and strength else []
    ingredients += [one_ for node in components if (one_ := _ingredient(node, scope))]
    parts = {"code": said, "manufacturer": maker, "form": form, "ingredient": ingredients, "batch": batch}
    found.update({name: value for name, value in parts.items() if value})
    return found


def _code_of(rows: Rows, segment: Segment, scope: Scope) -> Resource | None:
    """Return the code of a drug, with its supplementary codes."""
    said: Resource | None = first(rows["code"], segment, scope, {})
    more = values(rows["also"], segment, scope, {}) if "also" in rows else []
    codings = [coding for concept_ in more for coding in concept_.get("coding", ())]
    if not codings:
        return said
    return {**(said or {}), "coding": [*(said or {}).get("coding", []), *codings]}


def _ingredient(node: Node, scope: Scope) -> Resource | None:
    """Return a component: how much of it, and the product itself where its own strength is said."""
    segment = node.segment
    said = describe(_COMPONENT, segment, [], scope)
    if "code" not in said:
        return None
    found: Resource = {"itemCodeableConcept": said["code"]}
    if "ingredient" in said:
        found = {"itemReference": add_medication(said, scope)}
    strength = ratio(amount(_COMPONENT, "amount", "amount_unit", segment, scope), None)
    return {**found, "strength": strength} if strength else found


def add_medication(said: Resource, scope: Scope) -> Resource:
    """Add the Medication of these elements; return its reference."""
    resource = {"resourceType": "Medication", "id": scope.mint("Medication", repr(said)), **said}
    return {"reference": scope.add(resource)}


class Dose(NamedTuple):
    """What a segment says of a dose.

    Attributes:
        read: Dose and rate as Dosage.doseAndRate has them; empty where none is said.
        unread: The dose as it was written where it is no number (``0,5 mg``); else empty.
    """

    read: Resource
    unread: str


def dose_of(rows: Rows, segment: Segment, scope: Scope) -> Dose:
    """Return dose and rate of a segment.

    One amount is the exact dose, two are a range (HL7 4A.4.1.2); the guide's range without an upper end would say "at
    least". Where one of them is no number there is no dose to be read: the other end alone would be another one.
    A rate is per the time that is given, else its unit says it.
    """
    low, high = (amount(rows, end, "unit", segment, scope) for end in ("low", "high"))
    unread = _unread_dose(rows, segment, scope)
    if unread:
        low = high = None
    found: Resource = {}
    if low and high and low["value"] < high["value"]:
        found["doseRange"] = {"low": low, "high": high}
    elif low or high:
        if low and high and low["value"] > high["value"]:
            scope.find("number_out_of_range", "the maximum is below the minimum: left out")
        found["doseQuantity"] = low or high
    rate = amount(rows, "rate", "rate_unit", segment, scope)
    per = first(rows["per"], segment, scope, {}) if "per" in rows else None
    if per and (rate or "doseQuantity" in found):
        found["rateRatio"] = {"numerator": rate or found["doseQuantity"], "denominator": per}
    elif rate:
        found["rateQuantity"] = rate
    return Dose(found, unread)


def _unread_dose(rows: Rows, segment: Segment, scope: Scope) -> str:
    """Return the dose as it was written where an end of it is no number (``0,5 mg``); empty where both can be read."""
    ends = [said for name in ("low", "high") if name in rows and (said := _said(rows[name], segment, scope))]
    if all(number(end) is not None for end in ends):
        return ""
    units = first(rows["unit"], segment, scope, {}) or {}
    return f"{' - '.join(ends)} {units.get('unit', '')}".strip()


def _said(row: Row, segment: Segment, scope: Scope) -> str:
    """Return the text of a field; empty where it is absent or null."""
    repetitions = segment.repeats(row.number)
    return scope.text(repetitions[0]) if repetitions else ""


def set_drug(resource: Resource, said: Resource, scope: Scope) -> None:
    """Set the medication of a resource: a code alone as such, more as a Medication.

    Where none is said it is unknown, and counts only where nothing is stored.
    """
    if said.keys() == {"code"}:
        resource["medicationCodeableConcept"] = said["code"]
    elif said:
        resource["medicationReference"] = add_medication(said, scope)
    else:
        resource["medicationCodeableConcept"] = _UNKNOWN
        counts_initially(resource, ("medicationCodeableConcept",), scope)


def set_person(resource: Resource, element: str, patient: Resource | None, scope: Scope) -> None:
    """Set whom a resource is about; where nobody is named it is unknown, and counts only where nothing is stored."""
    resource[element] = patient or _UNKNOWN
    if patient is None:
        counts_initially(resource, (element,), scope)


def counts_initially(resource: Resource, elements: tuple[str, ...], scope: Scope) -> None:
    """Note elements that R4 requires and the message does not say."""
    notes = scope.noted(resource)
    notes["initial"] = (*notes.get("initial", ()), *elements)


def component(node: Node, frame: Frame, scope: Scope) -> None:
    """RXC: an ingredient, which its RXO, RXE, RXD or RXG has read; one without any is a finding."""
    if frame.remarks is None or not frame.remarks["resourceType"].startswith("Medication"):
        scope.segment, scope.number, scope.repetition = node.segment, 2, 1
        scope.find("component_without_drug")


TABLES = (COMPONENT,)
HANDLERS: dict[str, Handler] = {"RXC": component}
