"""Lists that several fields feed: an HL7 null in one ends what that one says, and nothing else."""

from __future__ import annotations

import pytest

from shared.mapping.registry import TABLES
from tests.unit.changes.feed import PID, Feed

STAFF = ["MFI|STF^Staff^HL70175||UPD|||NE", "MFE|MUP|||ST1^Care^A|CWE"]


def reached(feed: Feed, kind: str) -> list[str]:
    return [one["value"] for one in feed.only(kind).get("telecom", ())]


def staff(**said: str) -> list[str]:
    fields = {1: "ST1^Care^A", 3: "Care^Ada"} | {int(name[1:]): value for name, value in said.items()}
    return [*STAFF, "STF|" + "|".join(fields.get(number, "") for number in range(1, max(fields) + 1))]


@pytest.mark.parametrize("field", ["f10", "f15"])
def test_a_null_in_a_practitioners_telephone_or_e_mail_ends_not_the_other(field: str) -> None:
    """STF-10 and STF-15 are one list in FHIR: who has moved to another ward's telephone still reads mail."""
    feed = Feed()
    feed.tell("MFN^M02", *staff(f10="^PRN^PH^^^555^1234", f15="ada@example.org"))
    before = reached(feed, "Practitioner")
    assert len(before) == 2
    feed.tell("MFN^M02", *staff(**{field: '""'}))
    assert set(reached(feed, "Practitioner")) >= {before[0] if field == "f15" else before[1]}


@pytest.mark.parametrize(("fields", "kept"), [('""|', ["5552"]), ('|""', ["5551"])])
def test_a_relatives_telephone_at_home_and_at_work_end_each_for_itself(fields: str, kept: list[str]) -> None:
    """NK1-5 is the one, NK1-6 the other: who is to be called at night must stay."""
    feed = Feed()
    nk1 = "NK1|1|Sample^Ida|MTH||{}"
    person = f"{PID}\rPV1|1|N"
    feed.tell("ADT^A08", person, nk1.format("5551|5552"))
    feed.tell("ADT^A08", person, nk1.format(fields))
    assert reached(feed, "RelatedPerson") == kept


def test_a_null_of_a_sub_id_ends_no_other_extension() -> None:
    """OBX-4 is one extension of an observation among several: OBX-19 says when it was analysed."""
    feed = Feed()
    obx = "OBX|1|NM|GLU^Glucose^L|{}|5|mmol/L|||||F|||{}"
    result = [PID, "OBR|1|P1^EHR|F1^LAB|GLU^Glucose^L|||202603011100|||||||||||||||||F"]
    feed.tell("ORU^R01", *result, obx.format('""', "202603011100|||||20260301"))
    assert feed.only("Observation")["extension"]
    feed.tell("ORU^R01", *result, obx.format('""', "202603011100"))
    assert feed.only("Observation")["extension"]


def test_no_null_ends_the_telecoms_or_extensions_of_another_field() -> None:
    """A row without a part owns the whole list."""
    sources: dict[tuple[str, str], set[str]] = {}
    rows = [(table.segment, row) for table in TABLES for row in table.rows if row.target.count(".") == 1]
    for segment, row in rows:
        if row.target.endswith((".telecom", ".extension")):
            sources.setdefault((segment, row.target), set()).add(row.source)
    several = {place for place, found in sources.items() if len(found) > 1}
    assert {row.source for segment, row in rows if (segment, row.target) in several and row.part is None} == set()
