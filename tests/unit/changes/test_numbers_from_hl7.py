"""Numbers of one resource that several fields say: an HL7 null in one ends what that one says, and no other."""

from __future__ import annotations

import pytest

from shared.mapping.registry import TABLES
from tests.unit.changes.feed import PID, Feed

PERSON = f"{PID}\rPV1|1|N"
# Each the only field that numbers its resource: other segments number other resources of the type.
ALONE = {"DG1-20", "PRB-4", "OBX-21", "ACC-13", "PRA-6", "ORG-5"}


def order(**orc: str) -> list[str]:
    """Return the lines of an order; ``orc`` are fields of its ORC by number."""
    said = {1: "NW", 2: "P1^EHR", 3: "F1^LAB"} | {int(name[1:]): value for name, value in orc.items()}
    fields = "|".join(said.get(number, "") for number in range(1, max(said) + 1))
    return [PID, f"ORC|{fields}", "OBR|1|||GLU^Glucose^L"]


def numbers(feed: Feed, kind: str) -> list[str]:
    return sorted(one["value"] for one in feed.only(kind).get("identifier", ()))


def test_orc_33_ends_the_alternate_numbers_of_an_order_alone() -> None:
    """Without its placer's and filler's number nobody finds the order again: its results would stand alone."""
    feed = Feed()
    feed.tell("OML^O21", *order(f33="ALT1^^^EHR~ALT2^^^EHR"))
    assert numbers(feed, "ServiceRequest") == ["ALT1", "ALT2", "F1", "P1"]

    feed.tell("OML^O21", *order(f3="", f33='""'))

    assert numbers(feed, "ServiceRequest") == ["F1", "P1"]


def test_orc_33_ends_the_alternate_numbers_of_a_drug_order_alone() -> None:
    """ORC-38 is another field, whatever FHIR makes of both."""
    drug = "RXO|0001^Aspirin^L|1||TAB^^L"
    feed = Feed()
    feed.tell("OMP^O09", *order(f33="ALT1^^^EHR", f38="G1^LAB")[:2], drug)
    feed.tell("OMP^O09", *order(f33='""')[:2], drug)
    assert numbers(feed, "MedicationRequest") == ["F1", "G1", "P1"]
    feed.tell("OMP^O09", *order(f38='""')[:2], drug)
    assert numbers(feed, "MedicationRequest") == ["F1", "P1"]


@pytest.mark.parametrize(("fields", "kept"), [('""|F1^LAB', ["F1"]), ('P1^EHR|""', ["P1"])])
def test_each_number_of_an_appointment_ends_for_itself(fields: str, kept: list[str]) -> None:
    """SCH-1 is the placer's, SCH-2 the filler's: who gives up one still goes by the other."""
    feed = Feed()
    feed.tell("SIU^S12", f"SCH|{fields.replace(chr(34) * 2, '')}", PID)
    feed.tell("SIU^S14", f"SCH|{fields}", PID)
    assert numbers(feed, "Appointment") == kept


def test_a_relatives_social_security_number_ends_alone() -> None:
    """NK1-37 says nothing of the employee's number in NK1-12."""
    feed = Feed()
    nk1 = "NK1|1|Sample^Ida|MTH" + "|" * 9 + "E7^^^ACME^EI" + "|" * 25
    feed.tell("ADT^A08", PERSON, nk1 + "123456789")
    feed.tell("ADT^A08", PERSON, nk1.replace("E7^^^ACME^EI", "") + '""')
    assert numbers(feed, "RelatedPerson") == ["E7"]


def test_no_null_ends_the_numbers_of_another_field() -> None:
    """A row without a part owns the whole list: where several fields number a resource, none does."""
    sources: dict[str, set[str]] = {}
    for row in (one for table in TABLES for one in table.rows if one.target.count(".") == 1):
        if row.target.endswith(".identifier"):
            sources.setdefault(row.target, set()).add(row.source)
    owners = {
        row.source
        for table in TABLES
        for row in table.rows
        if len(sources.get(row.target, ())) > 1 and not row.placed and row.part is None
    }
    assert owners == ALONE


@pytest.mark.parametrize(
    ("event", "line", "kind"),
    [
        ("SIU^S12", 'SCH|{number}|""', "Appointment"),
        ("SRM^S01", 'ARQ|""|{number}', "Appointment"),
        ("REF^I12", 'RF1||||||""|||||{number}', "ServiceRequest"),
    ],
)
def test_a_null_is_no_number_to_be_known_by(event: str, line: str, kind: str) -> None:
    """Two people's appointments would be one: the second would be refused, or told to the first."""
    feed = Feed()
    feed.tell(event, line.format(number="A1^EHR"), PID)
    feed.tell(event, line.format(number="A2^EHR"), PID.replace("100001", "100002"))
    assert sorted(one["identifier"][0]["value"] for one in feed.all(kind)) == ["A1", "A2"]
