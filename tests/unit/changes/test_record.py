"""The canonical record on the wire."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.changes.notes import Action, ChildList, IdentityEdit, ListMode
from shared.changes.record import decode_record, encode_record
from shared.message.errors.mapping import RecordUnreadable
from tests.unit.changes.samples import change, patient, record, visit


def test_a_record_comes_back_as_it_was() -> None:
    """The archive keeps these bytes; every destination reads them again."""
    before = record(
        patient(gender="female"),
        n=7,
        resources=(change("p", deleted=("name",), initial=("status",), control="F", action=Action.DELETE),),
        repeats=ListMode.ACTION,
        children=(ChildList("AL1", "AllergyIntolerance", "urn:uuid:p", ListMode.SNAPSHOT, ("urn:uuid:a",)),),
        identity=(IdentityEdit("Patient", "A40", "p", "q"),),
    )

    assert decode_record(encode_record(before)) == before


def test_a_decimal_comes_back_as_it_was_written() -> None:
    """7.10 mmol/l says more than 7.1; the entries beside it are read the fast way or not, but all the same."""
    before = record(patient(), {"resourceType": "Observation", "id": "o", "value": Decimal("7.10")}, n=7)

    [_, entry] = decode_record(encode_record(before)).bundle["entry"]

    assert repr(entry["resource"]["value"]) == "Decimal('7.10')"


def test_a_line_that_is_no_entry_is_refused() -> None:
    """Entries are read at once: one line must not pass for two."""
    one, two = record(patient(), n=1), record(patient(), visit(), n=1)
    first = encode_record(two).split(b"\n")[0]
    [_, line] = encode_record(one).split(b"\n")

    with pytest.raises(RecordUnreadable):
        decode_record(b"\n".join([first, line + b"," + line, b"{"]))
    with pytest.raises(RecordUnreadable):
        decode_record(b"\n".join([first, line + b"," + line + b"," + line, line]))


def test_notes_that_say_nothing_are_left_out() -> None:
    """They would be half of a small record."""
    silent = encode_record(record(patient(), n=1, resources=(change("p"),)))

    assert silent == encode_record(record(patient(), n=1))


@pytest.mark.parametrize(
    "body",
    [b"", b"MSH|^~\\&|", b"[]", b"{}", b'{"v":2}', b'{"v":2,"sequence":["a",1],"notes":{},"bundle":{}}'],
)
def test_anything_else_is_refused(body: bytes) -> None:
    """A body of another kind, or cut short, ends in one named error."""
    with pytest.raises(RecordUnreadable):
        decode_record(body)


def test_a_version_from_the_future_is_refused() -> None:
    """An older worker must not guess what a newer one meant."""
    newer = encode_record(record(patient(), n=1)).replace(b'{"v":2,', b'{"v":3,', 1)

    with pytest.raises(RecordUnreadable, match="unknown version"):
        decode_record(newer)
