"""One message to its canonical record, in whichever process."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from shared.changes.notes import IdentityEdit
from shared.changes.record import decode_record
from shared.mapping.convert import Conversion
from shared.message.errors.mapping import BundleInvalid
from shared.message.identifiers import InterfaceId, Sequence
from shared.registry import load_registry
from shared.transform import canonical
from shared.transform.canonical import Converter, Job
from tests.pipeline.hub_in_process import write_interfaces
from tests.pipeline.messages import adt, merge

KEY = b"a key for tests that never leaves them"
ANNA, PRIOR, VISIT = (f"00000000-0000-8000-8000-00000000000{number}" for number in range(3))
SEQUENCE = Sequence("EHR", 1, 7)


@pytest.fixture
def converter(tmp_path: Path) -> Converter:
    return Converter(load_registry(write_interfaces(tmp_path, ["store"]), "laptop"), KEY)


def job(body: bytes, **ids: str) -> Job:
    return Job(body, InterfaceId("adt"), SEQUENCE, {f"{segment}(1)": resource for segment, resource in ids.items()})


def test_record_speaks_of_the_persons_that_the_hub_resolved(converter):
    """The ids of the identity table, not ids of the converter's own: after a merge they differ."""
    made = converter(job(adt("A1"), PID=ANNA, PV1=VISIT))

    record = decode_record(made.record)
    found = {one["resource"]["resourceType"]: one["resource"]["id"] for one in record.bundle["entry"]}
    assert (found["Patient"], found["Encounter"]) == (ANNA, VISIT)
    assert record.sequence == SEQUENCE


def test_merge_asks_for_its_edit_beside_the_record(converter):
    """The stage makes the edit without reading the record it has just been given."""
    made = converter(job(merge("M1", survivor="1", prior="2"), PID=ANNA, MRG=PRIOR))

    assert made.edits == (IdentityEdit("Patient", "A40", PRIOR, ANNA),)
    assert decode_record(made.record).notes.identity == made.edits


def test_converter_makes_the_same_in_another_process(converter):
    """With the hub's key and the hub's interfaces, as they were when the hub started."""
    there = pickle.loads(pickle.dumps(converter))
    asked = job(adt("A1"), PID=ANNA, PV1=VISIT)

    assert there(pickle.loads(pickle.dumps(asked))) == converter(asked)


def test_bundle_that_is_not_valid_never_leaves(converter, monkeypatch):
    """An error of our mapping stops the message, and says where, not what."""
    convert = canonical.convert

    def convert_wrongly(message, context, **answers):
        conversion = convert(message, context, **answers)
        bundle = {**conversion.bundle, "type": "MUSTER"}
        return Conversion(bundle, conversion.changes, conversion.findings)

    monkeypatch.setattr(canonical, "convert", convert_wrongly)

    with pytest.raises(BundleInvalid) as caught:
        converter(job(adt("A1"), PID=ANNA, PV1=VISIT))

    assert "Bundle.type" in str(caught.value)
    assert "MUSTER" not in str(caught.value)


def test_what_a_profile_requires_is_a_finding_only_where_the_interface_asks(tmp_path):
    """A sender's gap is told to who promised US Core, and is noise to everybody else; it stops nothing."""
    missing = {}
    for name, more in (("asks", 'profiles = ["us-core"]'), ("does not", "")):
        registry = load_registry(write_interfaces(tmp_path / name, ["store"], more=more), "laptop")
        made = Converter(registry, KEY)(job(adt("A1"), PID=ANNA, PV1=VISIT))
        missing[name] = {one.place for one in made.findings if one.code == "profile_element_missing"}
    assert "Encounter.type" in missing["asks"]
    assert missing["does not"] == set()
