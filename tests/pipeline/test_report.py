"""Every byte explained: the report accounts for each value of the source once (promise 6)."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.hl7 import parse
from shared.hl7.batch import split_batch
from shared.mapping.identity import Minter
from shared.mapping.report import mapping_report
from shared.registry import load_registry
from shared.transform.contexts import MappingContexts, mapping_context
from tests.conftest import REPOSITORY

INTERFACES = REPOSITORY / "interfaces"
SAMPLES = sorted(INTERFACES.glob("*/samples/*.hl7"))
PLACE = re.compile(r"(\w{3})(?:\((\d+)\))?-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?")
FATES = {"mapped", "ignored", "lost"}


@cache
def registry():
    return load_registry(INTERFACES, "laptop")


def values_of(raw):
    """Return the place of every value by splitting at the separators and nothing else: what the report is held to."""
    found = []
    occurrences = Counter()
    for line in raw.decode().replace("\n", "\r").split("\r"):
        fields = line.split("|")
        occurrences[fields[0]] += 1
        where = (fields[0], occurrences[fields[0]])
        if fields[0] == "MSH":
            found += [(*where, 1, 1, 1, 1), (*where, 2, 1, 1, 1)]
            fields = [fields[0], "", "", *fields[2:]]
        found += [
            (*where, number, repetition, component, part)
            for number, field in enumerate(fields[1:], 1)
            for repetition, repeat in enumerate(field.split("~"), 1)
            for component, whole in enumerate(repeat.split("^"), 1)
            for part, value in enumerate(whole.split("&"), 1)
            if value
        ]
    return Counter(found)


def places_of(report):
    """Return the same of a report; a number that is not written is 1."""
    found = []
    for value in report["values"]:
        matched = PLACE.fullmatch(value["place"])
        assert matched, "a place is written as HL7 paths are"
        name, *numbers = matched.groups()
        occurrence, field, repetition, component, part = (int(number or 1) for number in numbers)
        found.append((name, occurrence, field, repetition, component, part))
    return Counter(found)


def check(raw, report):
    assert places_of(report) == values_of(raw)
    outcomes = Counter(value["outcome"] for value in report["values"])
    assert outcomes.keys() <= FATES
    assert {name: number for name, number in report["counts"].items() if number} == dict(outcomes)
    for value in report["values"]:
        # Mapped says where to and by which row of the guide; anything else says why not.
        assert value.get("target") if value["outcome"] == "mapped" else value.get("reason"), value["place"]


def test_there_are_samples_to_hold_the_report_to():
    """An empty folder would make the next test pass by looking at nothing."""
    assert len(SAMPLES) >= 15


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_report_of_a_sample_accounts_for_every_value_once(sample):
    """What an analyst reads before an interface goes live: nothing may be missing from it, and nothing twice."""
    interface = registry().interfaces[sample.parts[-3]]
    context = MappingContexts(registry(), b"k" * 32).of(interface)
    for raw in split_batch(sample.read_bytes()).messages:
        check(raw.rstrip(), mapping_report(parse(raw, interface.charset), context).to_dict())


SEGMENTS = ("EVN", "PID", "PD1", "NK1", "PV1", "PV2", "AL1", "DG1", "IN1", "ORC", "OBR", "OBX", "NTE", "SPM", "ZXX")
TYPES = ("ADT^A01^ADT_A01", "ADT^A08", "ADT^A40", "ORU^R01", "SIU^S12", "MDM^T02", "VXU^V04", "ORM^O01")
VALUES = st.sampled_from(
    ["A", "1", "20260301", "2026-03-01T", "M", "F", "MR", '""', "x y", "0", "Ä", "LN", "NM", "3.50"]
)


def joined(separator, parts, most):
    return st.lists(parts, min_size=1, max_size=most).map(separator.join)


EMPTY_OR = st.one_of(st.just(""), VALUES)
FIELDS = joined("~", joined("^", joined("&", EMPTY_OR, 2), 5), 2)
LINES = st.tuples(st.sampled_from(SEGMENTS), st.lists(FIELDS, max_size=30)).map(
    lambda line: "|".join((line[0], *line[1]))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TYPES), st.lists(LINES, max_size=8))
def test_report_of_any_message_accounts_for_every_value_once(kind, lines):
    """Senders fill fields that no table foresees; a report that skips one says that nothing was lost."""
    header = f"MSH|^~\\&|EHR|GENERAL|||20260301120000+0000||{kind}|1|P|2.5.1||||||UNICODE UTF-8"
    raw = "\r".join([header, *lines]).encode()
    interface = registry().interfaces["hl7_default"]
    context = mapping_context(interface, registry().concept_maps["hl7_default"], Minter(b"k" * 32))

    check(raw, mapping_report(parse(raw), context).to_dict())
