"""What makes a bundle invalid, found and said without a word of its content."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.fhir.schema import resource_types
from shared.fhir.validate import validate_bundle, validate_resource
from tests.unit.fhir.defects import DEFECTS, Defect, plant, put
from tests.unit.fhir.samples import Json, extended_patient, observation, patient, sample_bundle, wide_bundle


def test_valid_bundle_has_no_findings() -> None:
    """A validator that cries wolf quarantines good messages."""
    assert validate_bundle(wide_bundle(), is_closed=True) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_planted_defect_is_found_and_named(defect: Defect) -> None:
    """Each is what a mapping has produced somewhere; the finding must say which rule it breaks."""
    findings = validate_bundle(plant(defect))

    assert (defect.code, defect.rule) in {(finding.code, finding.detail) for finding in findings}


def test_finding_names_the_place() -> None:
    """An analyst goes from the finding to the row of the mapping by the path alone."""
    bundle = wide_bundle()
    put("entry.0.resource.telecom", [{"system": "phone", "value": "5"}, {"value": "6"}])(bundle)

    (finding,) = validate_bundle(bundle)

    assert finding.place == "Bundle.entry[0].resource.telecom[1]"


def test_finding_outside_a_bundle_starts_at_the_resource() -> None:
    """The API judges single resources; their path starts with their type."""
    (finding,) = validate_resource(patient() | {"gender": "F"})

    assert finding.place == "Patient.gender"


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_findings_hold_no_content(defect: Defect) -> None:
    """Findings are logged: promise 5. The canary stands wherever a bundle says something of a person."""
    bundle = plant(defect)
    person = bundle["entry"][0].get("resource", {})
    if isinstance(person.get("name"), list):
        person["name"].append({"family": "Canary", "Canary": "Canary", "given": "Canary", "use": "Canary"})
    person |= {"birthDate": "Canary", "gender": "Canary", "managingOrganization": {"reference": "urn:uuid:Canary"}}

    assert "Canary" not in str(validate_bundle(bundle))


def test_extensions_stand_for_primitives() -> None:
    """HL7 null and masked values are written as extensions: given [null, "Marie"] with _given is valid R4."""
    assert validate_resource(extended_patient()) == []


def test_required_code_may_be_given_by_extension_alone() -> None:
    """FHIR counts an element with extensions only as present: data-absent-reason instead of a guessed status."""
    resource = observation(1)
    del resource["status"]
    resource["_status"] = {"extension": [{"url": "http://example.org/absent", "valueCode": "unknown"}]}

    assert validate_resource(resource) == []


def test_null_without_its_extension_is_no_value() -> None:
    """Only the extensions at the same index stand for a null."""
    resource = extended_patient()
    resource["name"][0]["_given"].reverse()

    assert [finding.code for finding in validate_resource(resource)] == ["fhir_type"]


def test_closed_bundle_wants_relative_references_inside() -> None:
    """What transform makes carries all it refers to; what a client posts may refer to what is stored."""
    bundle = wide_bundle()
    put("entry.1.resource.subject.reference", "Patient/stored")(bundle)

    assert validate_bundle(bundle) == []
    assert [finding.detail for finding in validate_bundle(bundle, is_closed=True)] == ["leads nowhere in the bundle"]


def test_relative_reference_to_an_entry_is_found_by_type_and_id() -> None:
    """A transaction resolves Patient/p1 to the entry that writes it."""
    bundle = wide_bundle()
    put("entry.1.resource.subject.reference", "Patient/p1")(bundle)

    assert validate_bundle(bundle, is_closed=True) == []


def test_decimal_keeps_its_precision() -> None:
    """7.20 is another result than 7.2 to a laboratory; a mapping may carry it as Decimal."""
    resource = observation(1)
    resource["valueQuantity"]["value"] = Decimal("7.20")

    assert validate_resource(resource) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_json_cannot_write_is_refused(value: float) -> None:
    """orjson would write it as null, and the store would refuse the message hours later."""
    resource = observation(1)
    resource["valueQuantity"]["value"] = value

    assert validate_resource(resource)


@pytest.mark.parametrize(
    "value", [b"bytes", ("tuple",), {1: 2}, pytest.param(object(), id="object"), "\ud800"], ids=repr
)
def test_what_is_no_json_is_a_finding(value: object) -> None:
    """A bug of a mapping is quarantined like any other fault; it does not break the stage."""
    bundle = sample_bundle()
    put("entry.0.resource.name.0.given", [value])(bundle)

    assert validate_bundle(bundle)


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": "Doctor"}, {"resourceType": ["Patient"]}, {"resourceType": None}]
)
def test_unknown_resource_type_is_a_finding(resource: Json) -> None:
    """The API takes what clients send."""
    assert [finding.code for finding in validate_resource(resource)] == ["fhir_type"]
    assert [finding.code for finding in validate_bundle(resource)] == ["fhir_type"]


def test_every_resource_type_has_a_schema_that_compiles() -> None:
    """A schema is compiled on first use: a broken one would show only when the first such message comes."""
    for name in sorted(resource_types()):
        assert {finding.code for finding in validate_resource({"resourceType": name, "nonsense": 1})} >= {
            "fhir_unknown"
        }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["reference", "id", "extension", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
PLACES = [
    "entry",
    "type",
    "entry.0",
    "entry.0.fullUrl",
    "entry.0.resource",
    "entry.0.resource.resourceType",
    "entry.0.resource.id",
    "entry.0.resource.meta",
    "entry.0.resource.name",
    "entry.0.resource.name.0",
    "entry.0.resource.contained",
    "entry.1.resource.period",
    "entry.1.resource.period.start",
    "entry.1.resource.subject",
    "entry.1.resource.subject.reference",
    "entry.1.resource.subject.type",
    "entry.17.resource.contained.0",
    "entry.17.resource.contained.0.id",
    "entry.17.resource.whenPrepared",
    "entry.18.resource._birthDate",
    "entry.18.resource.name.0._given",
    "entry.6.resource.code",
    "entry.6.resource.component",
]


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_json_in_any_place_gives_findings_not_errors(place: str, value: object) -> None:
    """Whatever is posted to the API is judged; nothing in it can break the judge."""
    bundle = wide_bundle()
    put(place, value)(bundle)
    before = copy.deepcopy(bundle)

    findings = validate_bundle(bundle)

    assert isinstance(findings, list)
    assert bundle == before
