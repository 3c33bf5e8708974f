"""Medication as the drug of an RXO, and its ingredients as RXC (guide: RXO[MedicationRequest]; decision 0020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table
from shared.rendering.coded import coding, concept, text
from shared.rendering.rows import Resource, Row, Table, fill, prune
from shared.rendering.values import unit

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

DECIDED = "decision 0020"
_GUIDE = "RXO[MedicationRequest]"
_LATER = "not in 2.5.1"
_OF_ONE = {"value": 1}  # the mapping adds it: a Ratio has two ends


def unit_of(value: Resource, draft: Draft, kind: str) -> str:
    """Write the unit of a Quantity as a CE; another field has its number."""
    del draft, kind
    return unit(value)


DRUG = Table(
    "RXO",
    "Medication",
    (
        Row("RXO-1", "Medication.code", concept(), f"{_GUIDE} 4"),
        Row("RXO-24", "Medication.code.coding", coding(), DECIDED),
        Row("RXO-5", "Medication.form", concept(bare_table("", "")), f"{_GUIDE} 12"),
    ),
)
STRENGTH = Table(
    "RXO",
    "Medication.ingredient",
    (
        Row("RXO-18", "ingredient.strength.numerator.value", text, f"{_GUIDE} 26"),
        Row("RXO-19", "ingredient.strength.numerator", unit_of, f"{_GUIDE} 27, 28"),
        Row("RXO-25", "ingredient.strength.denominator.value", text, f"{_GUIDE} 36"),
        Row("RXO-26", "ingredient.strength.denominator", unit_of, f"{_GUIDE} 37, 38"),
    ),
)
COMPONENT = Table(
    "RXC",
    "Medication.ingredient",
    (
        Row("RXC-2", "ingredient.itemCodeableConcept", concept(), DECIDED),
        Row("RXC-3", "ingredient.strength.numerator.value", text, DECIDED),
        Row("RXC-4", "ingredient.strength.numerator", unit_of, DECIDED),
    ),
)
PRODUCT = Table(
    "RXC",
    "Medication",
    (
        Row("RXC-2", "Medication.code", concept(), DECIDED),
        Row("RXC-7", "Medication.code.coding", coding(), DECIDED),
    ),
)
PRODUCT_STRENGTH = Table(
    "RXC",
    "Medication.ingredient",
    (
        Row("RXC-5", "ingredient.strength.numerator.value", text, DECIDED),
        Row("RXC-6", "ingredient.strength.numerator", unit_of, DECIDED),
        Row("RXC-8", "ingredient.strength.denominator.value", text, DECIDED),
        Row("RXC-9", "ingredient.strength.denominator", unit_of, DECIDED),
    ),
)


def write_drug(rxo: SegmentDraft, order: Resource, draft: Draft) -> str:
    """Write the drug of an order into its RXO; return the url of the Medication, empty where a code is all there is."""
    coded = {"code": order.get("medicationCodeableConcept", {})}
    fill(rxo, coded, DRUG, draft)
    url, found = draft.look(order.get("medicationReference", {}))
    if found.get("resourceType") != "Medication":
        return ""
    with draft.follow(order["medicationReference"]) as drug:
        own = _own_ingredient(drug)
        fill(rxo, drug, DRUG, draft)
        _write_strength(rxo, own, STRENGTH, draft)
    return url


def write_components(url: str, draft: Draft) -> None:
    """Write an RXC for each ingredient of a drug but itself."""
    with draft.open_if_any(url) as drug:
        own = _own_ingredient(drug)
        for one in drug.get("ingredient", ()):
            if one is not own:
                _write_component(one, draft)


def _write_component(ingredient: Resource, draft: Draft) -> None:
    rxc = draft.segment("RXC")
    _forget_one(ingredient)
    if draft.look(ingredient.get("itemReference", {}))[1].get("resourceType") == "Medication":
        with draft.follow(ingredient["itemReference"]) as product:
            own = _own_ingredient(product)
            fill(rxc, product, PRODUCT, draft)
            _write_strength(rxc, own, PRODUCT_STRENGTH, draft)
    fill(rxc, ingredient, COMPONENT, draft)


def _own_ingredient(drug: Resource) -> Resource:
    """Return the ingredient that holds the strength of the drug itself; an empty one without any."""
    found = (one for one in drug.get("ingredient", ()) if one.get("itemCodeableConcept") == drug.get("code"))
    return next(found, {}) if "code" in drug else {}


def _write_strength(segment: SegmentDraft, ingredient: Resource, table: Table, draft: Draft) -> None:
    if not ingredient:
        return
    ingredient.pop("itemCodeableConcept")  # the drug, which has its field
    _forget_one(ingredient)
    fill(segment, ingredient, table, draft)


def _forget_one(ingredient: Resource) -> None:
    strength = ingredient.get("strength", {})
    if strength.get("denominator") == _OF_ONE:
        del strength["denominator"]
    prune(ingredient)


TABLES = (DRUG, STRENGTH, COMPONENT, PRODUCT, PRODUCT_STRENGTH)
