"""VXU^V04 there and back: what CDC's OBX say of a vaccine survives."""

from __future__ import annotations

from shared.hl7 import parse
from shared.mapping import Conversion, convert
from shared.rendering import render
from tests.unit.mapping.medication_samples import SAMPLES
from tests.unit.mapping.samples import context, only, resources
from tests.unit.rendering.samples import PATIENT, bundle
from tests.unit.rendering.test_documents import VACCINE


def test_a_vaccination_survives_the_way_there_and_back():
    """Every element of the Immunization but ORC-33, which 2.5.1 does not have; RXA-27 comes back as RXA-11."""
    there = convert_sample()
    back = convert(render(there.bundle, "VXU^V04").message, context())
    before, after = only(there, "Immunization"), only(back, "Immunization")
    lost = {name for name in before if before[name] != after.get(name)}
    assert lost == {"identifier"}
    assert before["identifier"][:3] == after["identifier"]
    assert len(resources(back, "Observation")) == len(resources(there, "Observation"))


def convert_sample() -> Conversion:
    """Return the conversion of the sample VXU."""
    return convert(parse(SAMPLES["vxu"]), context())


def test_a_placer_number_never_becomes_the_fillers():
    """CDC: ORC-3 is the registry's key; another number there would be another vaccination."""
    placer = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PLAC"}]}
    vaccine = {**VACCINE, "identifier": [{"type": placer, "system": "urn:id:EHR", "value": "P1"}]}
    orc = render(bundle(PATIENT, vaccine), "VXU^V04").message.first("ORC")
    assert orc is not None
    assert (orc.text(2), orc.text(3)) == ("P1", "")


def test_the_obx_of_one_element_have_one_sub_id_and_are_counted():
    """OBX-4 groups a leaflet with its dates, so that a reader puts them together again; OBX-1 counts on."""
    leaflets = [{"documentType": f"DOC{n}", "presentationDate": f"2024-03-1{n}"} for n in (1, 2)]
    message = render(bundle(PATIENT, {**VACCINE, "education": leaflets}), "VXU^V04").message
    found = [(one.text(1), one.text(3), one.text(4), one.text(5)) for one in message.segments if one.name == "OBX"]
    assert found == [
        ("1", "69764-9", "1", "DOC1"), ("2", "29769-7", "1", "20240311"),
        ("3", "69764-9", "2", "DOC2"), ("4", "29769-7", "2", "20240312"),
    ]  # fmt: skip
