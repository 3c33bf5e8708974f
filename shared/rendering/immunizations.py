"""Immunization as ORC, RXA and RXR (guide: RXA[Immunization], RXR[Immunization])."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.immunization import REFUSED
from shared.rendering.coded import coding, concept, text
from shared.rendering.draft import composed
from shared.rendering.identifiers import ei, has_type
from shared.rendering.people import xcn
from shared.rendering.places import taken_levels
from shared.rendering.results import producer, write_results
from shared.rendering.rows import Implied, Resource, Row, Table, Write, fill, taken_original
from shared.rendering.times import time
from shared.rendering.vaccine_facts import write_facts
from shared.rendering.values import unit

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_VACCINE = "RXA[Immunization]"
_OF_DRUGS = "of the administration of a drug, which is not written back"
_UNKNOWN_AMOUNT = "999"  # HL7 chapter 4, RXA-6, as immunization registries write it
_REFUSED, _PARTIAL = "RE", "PA"  # RXA-18 is why it was refused
_STATUS = {"completed": "CP", "not-done": "NA", "entered-in-error": "CP"}  # HL7 table 0322; RXA-21 D says the error
# CDC's NIP001: where the record comes from; 00 is who gave it.
_SOURCES = {True: ("00", "New immunization record"), False: ("01", "Historical information - source unspecified")}


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


def la2(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to a Location as an LA2: its levels, then its address."""
    del kind
    url, place = draft.look(value)
    parts = taken_levels(value, draft)[:8]
    if "address" in place:
        with draft.open(url) as located:
            address = located["address"]
            lines = address.pop("line", [])
            address["line"] = lines[2:]
            parts += [*lines, "", ""][:2]
            parts += [address.pop(element, "") for element in ("city", "state", "postalCode", "country")]
    return composed(parts)


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
        Row("RXA-11", "Immunization.location", la2, "decision 0021"),
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
        Implied("reaction.detail", "the OBX of the reaction, below the RXA"),
    ),
    {
        2: "one for each vaccination",
        4: "comes back with RXA-3",
        7: "comes back with the amount",
        20: "comes back from the status",
        21: "comes back from the status: D for an error",
        27: "not in 2.5.1: RXA-11 says where",
        28: "not in 2.5.1: RXA-11 says where",
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
)


def write_immunizations(patient: str, draft: Draft) -> None:
    """Write ORC, RXA, RXR and what was observed, for each Immunization of the person."""
    for url, found in draft.all("Immunization"):
        if not draft.points_at(found.get("patient"), patient):
            continue
        with draft.open(url) as resource:
            orc = draft.segment("ORC")
            orc.set(1, "RE")
            fill(orc, resource, COMMON, draft)
            _write_dose(draft.segment("RXA"), resource, draft)
            rxr = draft.segment("RXR")
            fill(rxr, resource, ROUTE, draft)
            if not rxr.fields:
                draft.segments.pop()
            written = len(draft.segments)
            write_facts(resource, draft)
        write_results(_observed(url, found, draft), draft)
        below = [one for one in draft.segments[written:] if one.name == "OBX"]
        for number, obx in enumerate(below, 1):
            obx.set(1, str(number))


def _write_dose(rxa: SegmentDraft, resource: Resource, draft: Draft) -> None:
    rxa.set(1, "0")
    rxa.set(2, "1")
    status = resource.pop("status", "")
    is_refused = status == "not-done" and "statusReason" in resource
    rxa.set(20, _REFUSED if is_refused else _STATUS.get(status, "") or taken_original(resource, "status"))
    if is_refused and resource["statusReason"] == REFUSED:
        resource.pop("statusReason")  # what RXA-20 says without a reason of its own
    rxa.set(21, "D" if status == "entered-in-error" else "A")
    if _is_partial(resource) and status == "completed":
        rxa.set(20, _PARTIAL)
        resource.pop("isSubpotent", None)
        resource.pop("subpotentReason")
    _say_source(resource)
    fill(rxa, resource, VACCINATION, draft)
    rxa.fields[4] = rxa.fields.get(3, [])
    rxa.set(7, unit(resource.get("doseQuantity", {})))
    rxa.fields.setdefault(6, [_UNKNOWN_AMOUNT])


def _is_partial(resource: Resource) -> bool:
    reasons = resource.get("subpotentReason", ())
    return [one.get("code") for each in reasons for one in each.get("coding", ())] == ["partialdose"]


def _say_source(resource: Resource) -> None:
    """Let RXA-9 say where the record comes from: its own code, else the one that primarySource stands for."""
    source = resource.get("primarySource")
    codes = [one.get("code") for one in resource.get("reportOrigin", {}).get("coding", ())]
    if source is None or (codes and (codes[0] == _SOURCES[True][0]) is not source):
        return  # a code that says otherwise: primarySource stays, and is told
    resource.pop("primarySource")
    if not codes:
        code, shown = _SOURCES[source]
        resource["reportOrigin"] = {"coding": [{"system": "urn:id:NIP001", "code": code, "display": shown}]}


def _observed(url: str, found: Resource, draft: Draft) -> Iterator[str]:
    """Yield the Observations of a vaccination: those that are part of it, and its reactions."""
    reactions = {draft.look(one.get("detail"))[0] for one in found.get("reaction", ())}
    for one, each in draft.all("Observation"):
        if one in reactions or any(draft.points_at(part, url) for part in each.get("partOf", ())):
            yield one


TABLES = (COMMON, VACCINATION, ROUTE)
