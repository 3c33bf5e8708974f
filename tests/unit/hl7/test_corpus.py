"""Messages of other people's converters: all of them are read, and none changes."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.hl7 import parse
from shared.hl7.batch import split_batch
from shared.hl7.structure import check_structure
from shared.message.errors.hl7 import Hl7Error

pytestmark = pytest.mark.corpus

# What the index counts as one message and is none: an MSH without encoding characters, and a batch of one.
REFUSED = {"HL7-103": 1, "HL7-104": 1}


@pytest.fixture(scope="module")
def single_messages(shared_dir: Path) -> list[bytes]:
    return list(_read(shared_dir / "corpus", lambda count: count == 1))


def _read(corpus: Path, is_wanted: Callable[[int], bool]) -> Iterator[bytes]:
    with (corpus / "index.csv").open(newline="") as index:
        for row in csv.DictReader(index):
            if is_wanted(int(row["n_messages"])):
                yield (corpus / row["file"]).read_bytes()


def test_every_message_is_read_or_refused_with_its_place(single_messages: list[bytes]) -> None:
    """A public message that cannot be read is a sender that cannot be connected."""
    refused: Counter[str] = Counter()
    without_place = []

    for raw in single_messages:
        try:
            parse(raw)
        except Hl7Error as error:
            refused[error.code] += 1
            without_place += [error.code] if error.offset is None else []

    assert refused == REFUSED
    assert without_place == []


def test_every_message_comes_out_as_it_went_in(single_messages: list[bytes]) -> None:
    """Also where a segment is split and written anew."""
    for raw in single_messages:
        try:
            message = parse(raw)
        except Hl7Error:
            continue
        for segment in message.segments:
            path = f"{segment.name}({segment.number})-1"
            assert raw[segment.offset :].startswith(segment.name.encode())
            if len(segment.name) == 3 and segment.index and segment.fields[1:] and segment.fields[1].isalnum():
                message.set(path, segment.fields[1])
        assert message.to_bytes() == raw


def test_every_field_of_every_segment_is_read(single_messages: list[bytes]) -> None:
    """And the structure is checked, whatever the sender made of it."""
    for raw in single_messages:
        try:
            message = parse(raw)
        except Hl7Error:
            continue
        for segment in message.segments:
            for number in range(len(segment.fields)):
                segment.text(number)
        check_structure(message)


def test_several_messages_are_split_into_readable_ones(shared_dir: Path) -> None:
    """A file of two is two messages, not one patient with the other's results."""
    files = list(_read(shared_dir / "corpus", lambda count: count > 1))

    assert [len([parse(message) for message in split_batch(raw).messages]) for raw in files] == [2, 2]
