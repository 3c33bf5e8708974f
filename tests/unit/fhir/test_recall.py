"""The quick yes: given to what is sound, and never to what is not."""

from __future__ import annotations

import json

import pytest

from shared.fhir.recall import is_plainly_sound
from tests.unit.fhir.defects import DEFECTS, Defect, plant, put
from tests.unit.fhir.samples import Json, urn, wide_bundle


def plain(bundle: Json) -> Json:
    """Return a bundle without what is never plain: a contained resource, a value that its extensions stand for."""
    for entry in bundle["entry"]:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("id") == "m2":
            resource.pop("contained", None)
            resource.pop("medicationReference", None)
            resource["medicationCodeableConcept"] = {"text": "Sample"}
        if isinstance(resource, dict) and resource.get("id") == "p2":
            resource["name"] = [{"given": ["Marie"]}]
    return bundle


def test_a_sound_bundle_is_seen_to_be_so() -> None:
    """Or every message would be judged the long way."""
    assert is_plainly_sound(plain(wide_bundle()), None)


OF_CONTAINED = {one.name for one in DEFECTS if is_plainly_sound(plain(plant(one)), None)}


def test_only_what_is_contained_lost_its_defect_on_the_way_here() -> None:
    """The list of defects to plant must not shrink unseen."""
    assert all("contain" in name for name in OF_CONTAINED)


@pytest.mark.parametrize(
    "defect", [one for one in DEFECTS if one.name not in OF_CONTAINED], ids=lambda defect: defect.name
)
def test_no_defect_gets_the_quick_yes(defect: Defect) -> None:
    """A quick yes is the last word: nobody looks again."""
    sound = plain(wide_bundle())
    assert is_plainly_sound(sound, None)  # so that its resources are remembered

    assert not is_plainly_sound(plain(plant(defect)), None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("entry.4.resource.managingOrganization.reference", "urn:uuid:6f1f0c5e-0000-4000-8000-000000000099"),
        ("entry.4.resource.managingOrganization.reference", "urn:uuid:6f1f0c5e-0000-4000-8000-000000000001"),
        ("entry.3.fullUrl", "urn:uuid:6f1f0c5e-0000-4000-8000-000000000099"),
        ("entry.3.fullUrl", "urn:uuid:6f1f0c5e"),
        ("entry.3.request.url", "Organization/other"),
        ("entry.3.request.method", "POST"),
        ("entry.3.search", {}),
    ],
)
def test_what_is_remembered_is_looked_up_in_its_own_bundle(path: str, value: object) -> None:
    """A ward judged sound in one message may refer to nothing, or to a patient, in the next."""
    assert is_plainly_sound(plain(wide_bundle()), None)
    bundle = plain(wide_bundle())
    put(path, value)(bundle)

    assert not is_plainly_sound(bundle, None)


def named_by_its_address(resource_id: str) -> Json:
    """Return a bundle whose Practitioner has this id, in its fullUrl and wherever it is referred to."""
    bundle = plain(wide_bundle())
    entry = bundle["entry"][2]
    said = {name: value for name, value in entry["resource"].items() if name not in {"resourceType", "id"}}
    entry["resource"] = {"resourceType": "Practitioner", "id": resource_id, **said}
    entry["request"]["url"] = f"Practitioner/{resource_id}"
    renamed: Json = json.loads(json.dumps(bundle).replace(urn(3), json.dumps(f"urn:uuid:{resource_id}")[1:-1]))
    return renamed


def test_what_says_the_same_is_recalled_under_another_id_that_is_sound() -> None:
    """Ids are no part of what is remembered; so they are looked at in every bundle."""
    for sound in ("6f1f0c5e-0000-4000-8000-000000000003", "6f1f0c5e-0000-4000-8000-0000000000aa"):
        assert is_plainly_sound(named_by_its_address(sound), None)
    for broken in ("6f1f0c5e", "6f1f0c5e-0000-4000-8000-00000000000\n", "6F1F0C5E-0000-4000-8000-000000000003"):
        assert not is_plainly_sound(named_by_its_address(broken), None)
