"""CR, LF and CRLF: senders differ in how they end a segment, and mean the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.fhir import exact_json
from shared.hl7 import parse
from shared.hl7.batch import split_batch
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter, convert
from shared.mapping.report import mapping_report
from shared.message.errors.hl7 import Hl7Error
from tests.conftest import REPOSITORY

_END = re.compile(rb"\r\n|\r|\n")
ENDS = (b"\r", b"\n", b"\r\n")
SAMPLES = sorted((REPOSITORY / "interfaces").glob("*/samples/*.hl7"))


def bundles(raw: bytes) -> bytes | str:
    """Return what a message becomes, as bytes; the code of its error where it is refused."""
    mint = Minter(b"test" * 8)
    context = MappingContext(mint, MemoryResolver(mint), ClaimDefaults())
    try:
        conversion = convert(parse(raw), context)
    except Hl7Error as error:
        return error.code
    return exact_json.dumps([conversion.bundle, conversion.changes.to_json()])


def reported(raw: bytes) -> tuple[dict[str, Any], list[str]]:
    """Return the report of a message without what it says of line ends, and that."""
    mint = Minter(b"test" * 8)
    report = mapping_report(parse(raw), MappingContext(mint, MemoryResolver(mint), ClaimDefaults())).to_dict()
    codes = [one["code"] for one in report["findings"] if "line_end" in one["code"]]
    report["findings"] = [one for one in report["findings"] if "line_end" not in one["code"]]
    return report, codes


def ended(raw: bytes, end: bytes) -> bytes:
    return _END.sub(end, raw)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_our_samples_become_the_same_however_their_lines_end(sample: Path) -> None:
    """A file that went through an editor or a mail is the same message."""
    raw = sample.read_bytes()

    assert len({bundles(ended(raw, end)) for end in ENDS}) == 1


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_reports_of_our_samples_differ_by_what_they_say_of_the_line_ends(sample: Path) -> None:
    """The sender hears that CR is what the standard asks for; of what became of its values nothing changes."""
    raw = sample.read_bytes()

    (usual, told), *others = (reported(ended(raw, end)) for end in ENDS)

    assert told == []
    assert others == [(usual, ["line_end_not_cr"])] * 2


@given(st.sampled_from(SAMPLES), st.lists(st.sampled_from(ENDS), min_size=1, max_size=40), st.booleans())
@settings(max_examples=60, deadline=None)
def test_line_ends_may_be_mixed(sample: Path, ends: list[bytes], has_last: bool) -> None:
    """Engines that add a segment end it in their own way; the last end may be missing."""
    lines = _END.sub(b"\r", sample.read_bytes()).rstrip(b"\r").split(b"\r")
    mixed = b"".join(line + ends[index % len(ends)] for index, line in enumerate(lines))

    assert bundles(mixed if has_last else mixed.rstrip(b"\r\n")) == bundles(b"\r".join(lines) + b"\r")


@pytest.mark.corpus
@pytest.mark.slow
def test_public_messages_become_the_same_however_their_lines_end(shared_dir: Path) -> None:
    """Issue 3: over the corpus, CR, LF and CRLF alike."""
    differ = []
    for path in sorted((shared_dir / "corpus" / "messages").rglob("*.hl7")):
        for number, raw in enumerate(_messages(path.read_bytes())):
            if len({bundles(ended(raw, end)) for end in ENDS}) != 1:
                differ.append(f"{path.name}[{number}]")

    assert differ == []


def _messages(body: bytes) -> list[bytes]:
    try:
        return [bytes(one) for one in split_batch(body).messages]
    except Hl7Error:
        return [body]
