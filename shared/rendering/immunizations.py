"""Immunization as ORC, RXA and RXR (guide: RXA[Immunization], RXR[Immunization])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.rendering.coded import coding, concept, text
from shared.rendering.draft import composed
from shared.rendering.identifiers import ei, has_type
from shared.rendering.people import xcn
from shared.rendering.results import producer, write_results
from shared.rendering.rows import Implied, Resource, Row, Table, Write, fill
from shared.rendering.times import time
from shared.rendering.vaccine_facts import write_facts
from shared.rendering.values import unit

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_VACCINE = "RXA[Immunization]"
_OF_DRUGS = "of the administration of a drug, which is not written back"
_UNKNOWN_AMOUNT = "999"  # HL7 chapter 4, RXA-6, as immunization registries write it
_REFUSED = "RE"  # RXA-18 is why it was refused
_STATUS = {"completed": "CP", "not-done": "NA", "entered-in-error": "CP"}  # HL7 table 0322; RXA-21 D says the error


def vaccine_maker(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to the manufacturer as a CE."""
    if "display" in value and not draft.look(value)[0]:
        return composed(["", value.pop("display")])
    return producer(value, draft, kind)


def performer(function: str) -> Write:
    """Return the write function of who took part in a function, as an XCN: the field says the function."""

    def written(value: Resource, draft: Draft, kind: str) -> str:
        found = xcn(value.get("actor", {}), draft, kind)
        if found and _functions(value) <= {function}:
            value.pop("function", None)
        return found

    return written


def _functions(value: Resource) -> set[str]:
    return {one.get("code", "") for one in value.get("function", {}).get("coding", ())}


def _is_giving(value: Resource) -> bool:
    return not _functions(value) or "AP" in _functions(value)


def _is_ordering(value: Resource) -> bool:
    return "OP" in _functions(value)


_COMMON = "ORC[Immunization]"
COMMON = Table(
    "ORC",
    "Immunization",
    (
        Row("ORC-2", "Immunization.identifier", ei(), f"{_COMMON} 4 to 6", has_type("PLAC")),
        Row("ORC-3", "Immunization.identifier", ei(), f"{_COMMON} 7 to 9", has_type("FILL", "")),
        Row("ORC-4", "Immunization.identifier", ei(), f"{_COMMON} 10, 11", has_type("PGN")),
        Row("ORC-12", "Immunization.performer", performer("OP"), f"{_COMMON} 19 to 21", _is_ordering),
        Row("ORC-28", "Immunization.meta.security", coding(table("ConfidentialityCode")), f"{_COMMON} 37"),
    ),
)


VACCINATION = Table(
    "RXA",
    "Immunization",
    (
        Row("RXA-3", "Immunization.occurrenceDateTime", time, f"{_VACCINE} 5"),
        Row("RXA-5", "Immunization.vaccineCode", concept(), f"{_VACCINE} 7"),
        Row("RXA-6", "Immunization.doseQuantity.value", text, f"{_VACCINE} 8"),
        Row("RXA-9", "Immunization.reportOrigin", concept(), f"{_VACCINE} 11"),
        Row("RXA-10", "Immunization.performer", performer("AP"), f"{_VACCINE} 12 to 14", _is_giving),
        Row("RXA-15", "Immunization.lotNumber", text, f"{_VACCINE} 19"),
        Row("RXA-16", "Immunization.expirationDate", time, f"{_VACCINE} 20"),
        Row("RXA-17", "Immunization.manufacturer", vaccine_maker, f"{_VACCINE} 21"),
        Row("RXA-18", "Immunization.statusReason", concept(), f"{_VACCINE} 22"),
        Row("RXA-19", "Immunization.reasonCode", concept(), f"{_VACCINE} 23"),
        Row("RXA-22", "Immunization.recorded", time, f"{_VACCINE} 27"),
    ),
    (
        Implied("patient", "the person of the message"),
        Implied("encounter", "the visit of the message"),
        Implied("primarySource", "RXA-9: 00 is who gave it"),
        Implied("reaction", "the OBX of the reaction, below the RXA"),
    ),
    {
        2: "one for each vaccination",
        4: "comes back with RXA-3",
        7: "comes back with the amount",
        20: "comes back from the status",
        21: "comes back from the status: D for an error",
        11: "its places are a code of the sender's: a Location does not give it back",
        27: "not in 2.5.1",
        28: "not in 2.5.1",
        **dict.fromkeys((8, 12, 13, 14, 23, 24, 29), _OF_DRUGS),
    },
)

ROUTE = Table(
    "RXR",
    "Immunization",
    (
        Row("RXR-1", "Immunization.route", concept(table("RouteOfAdministration")), "RXR[Immunization] 3"),
        Row("RXR-2", "Immunization.site", concept(table("BodyParts")), "RXR[Immunization] 4"),
    ),
    (),
    {4: _OF_DRUGS, 5: _OF_DRUGS},
)


def write_immunizations(patient: str, draft: Draft) -> None:
    """Write ORC, RXA, RXR and what was observed, for each Immunization of the person."""
    for url, found in draft.all("Immunization"):
        if not draft.points_at(found.get("patient"), patient):
            continue
        orc, rxa = draft.segment("ORC"), draft.segment("RXA")
        orc.set(1, "RE")
        rxa.set(1, "0")
        rxa.set(2, "1")
        with draft.open(url) as resource:
            fill(orc, resource, COMMON, draft)
            status = resource.pop("status", "")
            is_refused = status == "not-done" and "statusReason" in resource
            rxa.set(20, _REFUSED if is_refused else _STATUS.get(status, ""))
            rxa.set(21, "D" if status == "entered-in-error" else "A")
            fill(rxa, resource, VACCINATION, draft)
            rxa.fields[4] = rxa.fields.get(3, [])
            rxa.set(7, unit(resource.get("doseQuantity", {})))
            rxa.fields.setdefault(6, [_UNKNOWN_AMOUNT])
            rxr = draft.segment("RXR")
            fill(rxr, resource, ROUTE, draft)
            if 1 not in rxr.fields and 2 not in rxr.fields:
                draft.segments.pop()
            written = len(draft.segments)
            write_facts(resource, draft)
        observed = (
            one
            for one, each in draft.all("Observation")
            if any(draft.points_at(p, url) for p in each.get("partOf", ()))
        )
        write_results(observed, draft)
        below = [one for one in draft.segments[written:] if one.name == "OBX"]
        for number, obx in enumerate(below, 1):
            obx.set(1, str(number))


TABLES = (COMMON, VACCINATION, ROUTE)
