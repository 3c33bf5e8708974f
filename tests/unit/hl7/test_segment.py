"""Reading a segment field by field, as mappings do."""

from __future__ import annotations

import pytest

from shared.hl7 import Segment, parse
from tests.unit.hl7.samples import ADT, with_header


@pytest.fixture
def patient() -> Segment:
    segment = parse(ADT).first("PID")
    assert segment is not None
    return segment


def test_text_reads_one_subcomponent(patient: Segment) -> None:
    """What is left out is the first."""
    assert patient.text(5) == "EXAMPLE"
    assert patient.text(5, 2) == "ANNA"
    assert patient.text(3, 4, 2, 3) == "ISO"
    assert patient.text(99) == patient.text(5, 9) == patient.text(3, 1, 3) == ""


def test_repeats_are_none_where_the_field_is_empty(patient: Segment) -> None:
    """A mapping that loops over repeats must not see one empty identifier."""
    assert patient.repeats(3) == ["70001^^^GENERAL^MR", "999^^^SSA&1.2.3&ISO^SS"]
    assert patient.repeats(2) == []
    assert patient.repeats(99) == []
    assert parse(ADT).header.repeats(2) == ["^~\\&"]


def test_parts_are_taken_apart_still_escaped(patient: Segment) -> None:
    """Unescaping first would split at characters that are text."""
    assert patient.components("70001^^^GENERAL^MR")[3] == "GENERAL"
    assert patient.subcomponents("SSA&1.2.3&ISO") == ["SSA", "1.2.3", "ISO"]
    assert patient.unescape("a\\T\\b") == "a&b"


def test_null_is_told_from_empty(patient: Segment) -> None:
    """Null deletes."""
    visit = parse(ADT).first("PV1")

    assert visit is not None
    assert visit.is_null(5)
    assert visit.text(5) == '""'
    assert not visit.is_null(4)
    assert not visit.is_null(99)


def test_a_segment_knows_its_place() -> None:
    """Groups are told by position: which OBX belongs to which OBR."""
    results = parse(ADT).all("OBX")

    assert [(segment.index, segment.number) for segment in results] == [(3, 1), (4, 2)]
    assert [segment.offset for segment in results] == [ADT.index(b"OBX|1"), ADT.index(b"OBX|2")]


def test_a_segment_of_other_bytes_unescapes_in_their_charset() -> None:
    """Hexadecimal data of a Latin-1 note in a UTF-8 message is Latin-1 too."""
    raw = with_header("A|B|C|D|1||ADT^A01|1|P|2.5", "NTE|1||M\\XFC\\ller Müller", encoding="latin-1")
    message = parse(raw)
    note = message.first("NTE")

    assert note is not None
    assert note.codec == "latin-1"
    assert note.text(3) == message.get("NTE-3") == "Müller Müller"
