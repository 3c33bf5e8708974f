"""The bundle as a whole."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bench.convert import ADT, ORU
from shared.fhir import exact_json
from shared.fhir.validate import validate_bundle
from shared.hl7 import parse
from shared.mapping import convert
from shared.mapping.codes.tables import table
from shared.mapping.document import mapping_page
from shared.mapping.message_types import types_page
from shared.mapping.registry import HANDLERS, TABLES
from shared.message.errors.base import IntegrationError
from tests.tools.code_tables import TARGET, read_tables, write_tables
from tests.unit.mapping.samples import PID, PV1, codes, context, converted, only, resources


@pytest.mark.parametrize("raw", [ADT, ORU], ids=["adt", "oru"])
def test_equal_messages_give_equal_bytes(raw: bytes):
    """A retry or a second look must not make another bundle; a reused value must not leak into it."""
    one = context()
    assert exact_json.dumps(convert(parse(raw), one).bundle) == exact_json.dumps(convert(parse(raw), one).bundle)
    assert exact_json.dumps(convert(parse(raw), context()).bundle) == exact_json.dumps(convert(parse(raw), one).bundle)


@pytest.mark.parametrize("raw", [ADT, ORU], ids=["adt", "oru"])
def test_bundle_is_valid_closed_and_without_repeats(raw: bytes):
    """R4, required codes included; every reference leads to an entry."""
    assert validate_bundle(convert(parse(raw), context()).bundle, is_closed=True) == []


def test_reuse_between_messages_mixes_nothing():
    """Shared values of one message must not be changed by the next."""
    one = context()
    before = exact_json.dumps(convert(parse(ADT), one).bundle)
    convert(parse(ADT.replace(b"W2^204^1", b"W2^204^2").replace(b"Attend^Ada", b"Attend^Abe")), one)
    convert(parse(ORU), one)
    assert exact_json.dumps(convert(parse(ADT), one).bundle) == before


def test_unknown_type_still_says_what_its_segments_say():
    """A type nobody planned for: its header, its patient, and a finding for what no family maps."""
    conversion = converted("MSH|^~\\&|A|B|C|D|20240101||XYZ^X01|1|P|2.5", PID, PV1, "QQQ|1|x")
    assert only(conversion, "MessageHeader")["eventCoding"]["code"] == "X01"
    assert only(conversion, "Patient")["gender"] == "female"
    assert {"type_unknown", "segment_unknown"} <= set(codes(conversion))


@pytest.mark.parametrize("kind", ["ADT^A01", "ACK", "RSP^K22", "MDM^T02"])
def test_a_known_type_is_no_finding(kind: str):
    """A finding on every message is read by nobody; a query or an answer is known, though nothing of it is kept."""
    assert "type_unknown" not in codes(converted(f"MSH|^~\\&|A|B|C|D|20240101||{kind}|1|P|2.5", PID))


@pytest.mark.parametrize(
    "version", ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.2", "2.9", ""]
)
def test_every_version_is_read_by_its_fields(version: str):
    """A sender's version says how it was written, never whether it is taken; 2.1 names no event structure."""
    header = f"MSH|^~\\&|A|B|C|D|20240101||ORU^R01|1|P|{version}"
    conversion = converted(
        header, PID, "OBR|1||F1|24323-8^Panel^LN" + "|" * 21 + "F", "OBX|1|NM|2345-7^Glucose^LN||5|mmol/L|||||F"
    )
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    assert only(conversion, "Observation")["valueQuantity"]["value"] == 5
    assert only(conversion, "DiagnosticReport")["status"] == "final"


def test_message_of_a_header_alone_is_valid():
    """The least there is."""
    conversion = converted("MSH|^~\\&|A|B|C|D|20240101||ACK|1|P|2.5")
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    assert len(resources(conversion, "MessageHeader")) == 1


def test_interface_code_map_comes_before_the_guide():
    """A local code is translated by its own map; the original stays."""

    class LocalSex:
        def translate(self, system: str, code: str) -> tuple[str, str, str] | None:
            return (
                ("http://hl7.org/fhir/administrative-gender", "other", "") if (system, code) == ("0001", "7") else None
            )

    conversion = converted("MSH|^~\\&|A|B|C|D|20240101||ADT^A01|1|P|2.5", "PID|1||1^^^G^MR||S^J|||7", codes=LocalSex())
    assert only(conversion, "Patient")["gender"] == "other"


def test_cost_is_linear_in_the_message():
    """Ten times the results, about ten times the work: counted in calls, not seconds."""
    import cProfile
    import pstats

    def calls(results: int) -> int:
        head, *_ = ORU.split(b"OBX|1|")
        body = b"".join(b"OBX|%d|NM|%d-1^A^LN||%d|mg/dL^^UCUM|||||F\r" % (n, n, n) for n in range(results))
        sent = head + body
        profile = cProfile.Profile()
        profile.enable()
        convert(parse(sent), context())
        profile.disable()
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    assert calls(2000) < 12 * calls(200)


def test_every_row_names_its_guide_row():
    """A mapping that cannot say where it comes from is an opinion."""
    for one in TABLES:
        assert one.segment in HANDLERS or one.segment == "MSH"
        for row in one.rows:
            assert row.source.startswith(one.segment + "-")
            assert row.guide[-1].isdigit()


def test_no_field_is_both_mapped_and_ignored_by_one_table():
    """The report would contradict itself."""
    for one in TABLES:
        assert not {row.number for row in one.rows} & set(one.ignored)


def test_page_of_types_is_the_one_the_code_writes():
    """docs/mapping-types.md is generated: `python -m shared.mapping.message_types > docs/mapping-types.md`."""
    page = Path(__file__).parents[3] / "docs" / "mapping-types.md"
    assert page.read_text(encoding="utf-8") == types_page()


def test_page_of_rows_is_the_one_the_code_writes():
    """docs/mapping-rows.md is generated: `python -m shared.mapping.document > docs/mapping-rows.md`."""
    page = Path(__file__).parents[3] / "docs" / "mapping-rows.md"
    assert page.read_text(encoding="utf-8") == mapping_page()


def test_code_of_the_guide_is_found_by_name():
    """AdministrativeSex row 3: F is female."""
    assert table("AdministrativeSex").targets["F"].code == "female"
    assert table("NameType").targets.get("B") is None
    assert "B" in table("NameType").listed


@pytest.mark.corpus
def test_code_tables_are_those_of_the_guide(shared_dir: Path, tmp_path: Path):
    """tables.json is generated from HL7's maps and nothing else."""
    written = tmp_path / "tables.json"
    write_tables(read_tables(shared_dir / "v2-to-fhir" / "mappings"), written)
    assert written.read_bytes() == TARGET.read_bytes()


@pytest.mark.slow
@pytest.mark.corpus
def test_every_public_message_converts_to_a_valid_bundle_or_ends_in_a_typed_error(shared_dir: Path):
    """Real senders: whatever they write, valid, closed, and the same as JSON."""
    corpus = shared_dir / "corpus"
    with (corpus / "index.csv").open(encoding="utf-8", newline="") as lines:
        files = [row["file"] for row in csv.DictReader(lines) if row["n_messages"] == "1"]
    invalid: list[str] = []
    converted_count = 0
    for file in files:
        try:
            conversion = convert(parse((corpus / file).read_bytes()), context())
        except IntegrationError:
            continue
        converted_count += 1
        bundle = exact_json.loads(exact_json.dumps(conversion.bundle))
        if validate_bundle(bundle, is_closed=True):
            invalid.append(file)
    assert invalid == []
    assert converted_count > 780
