"""Patient as PID (guide: PID[Patient], PID[Account], PID[Provenance-Patient])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.accounts import ACCOUNT, accounts_of, is_given_up
from shared.rendering.coded import boolean, code, concept, text
from shared.rendering.demographics import write_demographics
from shared.rendering.draft import composed
from shared.rendering.identifiers import cx, drivers_license, hd, is_social_security, number, type_of
from shared.rendering.people import is_private, is_work, name_text, xad, xpn, xtn
from shared.rendering.roles import take_primary, write_care
from shared.rendering.rows import Implied, Resource, Row, Table, Write, extension, fill, is_extension
from shared.rendering.times import hl7_time, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_LANGUAGE = bare_table("0296", "PrimaryLanguage")
_CDC = "urn:oid:2.16.840.1.113883.6.238"
_ELSEWHERE = "comes back as a repetition of PID-3, with its type"
_LATER = "not in 2.5.1"
_GROUP_CODES = ("ombCategory", "detailed")


def _is_license(value: Resource) -> bool:
    return type_of(value) == "DL"


def _nested(part: str, codes: str) -> Write:
    """Return the write function of an extension whose value sits in an inner extension."""
    write = concept(bare_table(codes, ""))

    def nested(value: Resource, draft: Draft, kind: str) -> str:
        for inner in value.get("extension", ()):
            if inner.get("url") == part and "valueCodeableConcept" in inner:
                found = write(inner["valueCodeableConcept"], draft, kind)
                inner.pop("url")
                if len(value["extension"]) == 1:
                    value.pop("url")
                return found
        return ""

    return nested


def category(value: Resource, draft: Draft, kind: str) -> str:
    """Write a US Core race or ethnic group as a CE: the first of its codes, and its text."""
    del draft, kind
    parts = value.get("extension", [])
    coded = next((one for one in parts if one.get("url") in _GROUP_CODES and "valueCoding" in one), None)
    said: Resource = next((one for one in parts if one.get("url") == "text"), {})
    shown = said.pop("valueString", "")
    said.pop("url", None)
    found: Resource = {}
    if coded is not None:
        found = coded.pop("valueCoding")
        coded.pop("url")
    if not any("url" in one for one in parts):
        value.pop("url")
    name = found.get("display") or shown
    return composed([found.get("code", ""), name, "CDCREC" if found.get("system") == _CDC else ""])


def birth(value: Resource, draft: Draft, kind: str) -> str:
    """Write a birth date as a TS, with the time of day that stands beside it."""
    del draft, kind
    inner = value.get("_birthDate", {})
    for one in inner.get("extension", ()):
        if one.get("url") == EXTENSION + "patient-birthTime" and "valueDateTime" in one:
            value.pop("birthDate", None)
            one.pop("url")
            return hl7_time(one.pop("valueDateTime"))
    return hl7_time(value.pop("birthDate", ""))


def spoken(value: Resource, draft: Draft, kind: str) -> str:
    """Write one Patient.communication."""
    value.pop("preferred", None)
    return concept(_LANGUAGE)(value.get("language", {}), draft, kind)


def place_text(value: Resource, draft: Draft, kind: str) -> str:
    """Write the Address of a birth place as one text."""
    del draft, kind
    if value.get("text"):
        return composed([value.pop("text")])
    parts = [value.pop(element, "") for element in ("city", "state", "country")]
    return composed([", ".join(part for part in parts if part)])


def _in_extension(number: int, url: str, element: str, write: Write, guide: str) -> Row:
    name = f"PID-{number}"
    return Row(name, "Patient.extension", extension(element, write), f"PID[Patient] {guide}", is_extension(url))


PATIENT = Table(
    "PID",
    "Patient",
    (
        Row("PID-19", "Patient.identifier", number, "PID[Patient] 30 to 34", is_social_security),
        Row("PID-20", "Patient.identifier", drivers_license, "PID[Patient] 35", _is_license),
        Row("PID-3", "Patient.identifier", cx, "PID[Patient] 5"),
        Row("PID-5", "Patient.name", xpn, "PID[Patient] 7"),
        _in_extension(6, EXTENSION + "patient-mothersMaidenName", "valueString", name_text, "8, 9"),
        Row("PID-8", "Patient.gender", code(table("AdministrativeSex")), "PID[Patient] 13"),
        Row("PID-10", "Patient.extension", category, "PID[Patient] 15", is_extension(_US_CORE + "race")),
        Row("PID-11", "Patient.address", xad, "PID[Patient] 16"),
        Row("PID-13", "Patient.telecom", xtn, "PID[Patient] 21, 22", is_private),
        Row("PID-14", "Patient.telecom", xtn, "PID[Patient] 23, 24", is_work),
        Row("PID-15", "Patient.communication", spoken, "PID[Patient] 25"),
        Row("PID-16", "Patient.maritalStatus", concept(table("MaritalStatus")), "PID[Patient] 26"),
        _in_extension(17, EXTENSION + "patient-religion", "valueCodeableConcept", concept(table("Religion")), "27, 28"),
        Row("PID-22", "Patient.extension", category, "PID[Patient] 37", is_extension(_US_CORE + "ethnicity")),
        _in_extension(23, EXTENSION + "patient-birthPlace", "valueAddress", place_text, "38, 39"),
        Row("PID-24", "Patient.multipleBirthBoolean", boolean, "PID[Patient] 40"),
        Row("PID-25", "Patient.multipleBirthInteger", text, "PID[Patient] 41"),
        Row(
            "PID-26",
            "Patient.extension",
            _nested("code", "0171"),
            "PID[Patient] 42 to 44",
            is_extension(EXTENSION + "patient-citizenship"),
        ),
        Row(
            "PID-28",
            "Patient.extension",
            _nested("code", "0212"),
            "PID[Patient] 46 to 48",
            is_extension(EXTENSION + "patient-nationality"),
        ),
        Row("PID-29", "Patient.deceasedDateTime", time, "PID[Patient] 49"),
        Row("PID-30", "Patient.deceasedBoolean", boolean, "PID[Patient] 50"),
        Row(
            "PID-35",
            "Patient.extension",
            _nested("species", ""),
            "PID[Patient] 55 to 57",
            is_extension(EXTENSION + "patient-animal"),
        ),
        Row(
            "PID-36",
            "Patient.extension",
            _nested("breed", ""),
            "PID[Patient] 58 to 60",
            is_extension(EXTENSION + "patient-animal"),
        ),
    ),
    (Implied("active", "a person a message speaks of is in use", (True,)),),
    {
        2: _ELSEWHERE,
        4: _ELSEWHERE,
        9: "comes back as a repetition of PID-5, with its type",
        12: "comes back in PID-11.9",
        39: "comes back in PID-26: FHIR has one extension for both",
        40: _LATER,
    },
)


def _who(value: Resource, draft: Draft, kind: str) -> str:
    found = hd(value.get("who", {}), draft, kind)
    if found:
        value.pop("type", None)
    return found


_MOTHER = Row("PID-21", "RelatedPerson.identifier", cx, "PID[Patient] 36")
MOTHER = Table(
    "PID",
    "RelatedPerson",
    (_MOTHER,),
    (
        Implied("relationship", "the field says it"),
        Implied("patient", "the person of the message"),
    ),
)
BIRTH = Table(
    "PID",
    "Patient",
    (
        Row("PID-7", "Patient.birthDate", birth, "PID[Patient] 10"),
        Row("PID-7", "Patient._birthDate.extension", birth, "PID[Patient] 11, 12"),
    ),
)
UPDATED = Table(
    "PID",
    "Provenance",
    (
        Row("PID-33", "Provenance.occurredDateTime", time, "PID[Provenance-Patient] 47"),
        Row("PID-34", "Provenance.agent", _who, "PID[Provenance-Patient] 48"),
    ),
    (
        Implied("target", "the person of the message"),
        Implied("activity", "the field says it"),
    ),
)


def write_patient(url: str, draft: Draft, *, is_merge: bool = False, has_roles: bool = False) -> None:
    """Write PID and, where something is left for it, PD1 and ROL; in a merge MRG says what the links do.

    Args:
        has_roles: The message structure has a ROL below it.
    """
    pid = draft.segment("PID")
    pid.set(1, "1")
    with draft.open(url) as resource:
        _part_groups(resource)
        fill(pid, resource, PATIENT, draft)
        pid.set(7, birth(resource, draft, "TS"))
        if is_merge:
            resource.pop("link", None)
        _write_beside(pid, url, draft, is_merge=is_merge)
        primary = take_primary(resource, draft) if has_roles else []
        write_demographics(resource, url, draft)
    if has_roles:
        write_care(url, primary, draft)


def _part_groups(resource: Resource) -> None:
    """Part a US Core race or ethnic group of several codes into several, each a repetition of its field."""
    parted = []
    for one in resource.get("extension", ()):
        inner = one.get("extension", [])
        codes = [each for each in inner if each.get("url") in _GROUP_CODES]
        if one.get("url") in (_US_CORE + "race", _US_CORE + "ethnicity") and len(codes) > 1:
            parted += [{"url": one["url"], "extension": [each]} for each in codes]
        else:
            parted.append(one)
    if parted:
        resource["extension"] = parted


def _write_beside(pid: SegmentDraft, patient: str, draft: Draft, *, is_merge: bool) -> None:
    """Write what the mapping makes of PID beside the Patient: the account and the mother's number."""
    for url in accounts_of(patient, draft):
        if pid.has_room(18) and not (is_merge and is_given_up(url, draft)):
            with draft.open(url) as resource:
                fill(pid, resource, ACCOUNT, draft)
    _write_update(pid, patient, draft)
    for url, related in draft.all("RelatedPerson"):
        if is_mother(related) and draft.points_at(related.get("patient"), patient):
            with draft.open(url) as resource:
                fill(pid, resource, MOTHER, draft)


def _write_update(pid: SegmentDraft, patient: str, draft: Draft) -> None:
    """Write when the record was changed last, and who keeps it."""
    for url, event in draft.all("Provenance"):
        codes = {one.get("code") for one in event.get("activity", {}).get("coding", ())}
        is_its = any(draft.points_at(one, patient) for one in event.get("target", ()))
        if codes == {"UPDATE"} and is_its and pid.has_room(33):
            with draft.open(url) as resource:
                fill(pid, resource, UPDATED, draft)
                if hl7_time(resource.get("recorded")) in pid.fields.get(33, ()):
                    resource.pop("recorded")


def is_mother(related: Resource) -> bool:
    """Tell whether a RelatedPerson is the mother of whom PID-21 gives the number, and nothing else."""
    codes = [one.get("code") for each in related.get("relationship", ()) for one in each.get("coding", ())]
    return codes == ["MTH"] and not related.keys() & {"name", "telecom", "address", "period"}


TABLES = (PATIENT, BIRTH, MOTHER, UPDATED)
