"""What a message makes of one stored resource."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shared.changes.merge import Unchanged, merge
from shared.changes.notes import ListMode, ResourceChange
from shared.changes.tags import is_older
from shared.message.identifiers import Sequence

PUT = ResourceChange("")
SYSTEM = "urn:caduceus:sequence:ehr"


def at(n: int, source: str = "ehr", epoch: int = 1) -> Sequence:
    return Sequence(source, epoch, n)


def created(resource: dict[str, Any], sequence: Sequence | None = None, **notes: Any) -> dict[str, Any]:
    after = merge(None, resource, ResourceChange("", **notes), sequence or at(1))
    assert isinstance(after, dict)
    return after


def merged(stored: dict[str, Any], sent: dict[str, Any], n: int = 2, **notes: Any) -> dict[str, Any]:
    repeats = notes.pop("repeats", ListMode.SNAPSHOT)
    after = merge(stored, sent, ResourceChange("", **notes), at(n), repeats=repeats)
    assert isinstance(after, dict)
    return after


def person(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", **elements}


def test_what_a_message_does_not_say_stays() -> None:
    """Absent is not deleted: an A08 with a new address keeps the birth date."""
    stored = created(person(birthDate="1980-01-01", gender="female"))

    after = merged(stored, person(gender="other"))

    assert (after["birthDate"], after["gender"]) == ("1980-01-01", "other")


def test_what_the_sender_deleted_is_gone() -> None:
    """HL7 ``""`` is the one way to say that there is none."""
    stored = created(person(birthDate="1980-01-01", maritalStatus={"text": "S"}))

    after = merged(stored, person(), deleted=("maritalStatus",))

    assert "maritalStatus" not in after
    assert after["birthDate"] == "1980-01-01"


def test_an_element_deleted_by_one_field_and_said_by_another_is_said() -> None:
    """PID-13 emptied, PID-14 sent: both feed one list."""
    stored = created(person(telecom=[{"use": "home", "value": "1"}, {"use": "work", "value": "2"}]))

    after = merged(stored, person(telecom=[{"use": "work", "value": "3"}]), deleted=("telecom[home]",))

    assert after["telecom"] == [{"use": "work", "value": "3"}]


@pytest.mark.parametrize("sequence", [at(5), at(4), at(1), at(9, epoch=0)])
def test_an_older_or_equal_message_of_the_source_never_overwrites(sequence: Sequence) -> None:
    """Redelivery and replay bring yesterday's truth."""
    stored = created(person(gender="female"), at(5))

    assert merge(stored, person(gender="male"), PUT, sequence) is Unchanged.OLDER


@pytest.mark.parametrize("sequence", [at(6), at(1, epoch=2), at(1, source="lab")])
def test_a_newer_message_or_another_source_overwrites(sequence: Sequence) -> None:
    """Numbers of different sources say nothing about one another; a restored spool begins a new epoch."""
    stored = created(person(gender="female"), at(5))

    after = merge(stored, person(gender="male"), PUT, sequence)

    assert isinstance(after, dict)
    assert after["gender"] == "male"
    assert is_older(after["meta"], sequence)


def test_sequences_of_several_sources_are_kept_side_by_side() -> None:
    """Otherwise a second feed would make the first one's replay look new."""
    stored = created(person(gender="female"), at(5))

    after = merge(stored, person(gender="male"), PUT, at(1, source="lab"))

    assert isinstance(after, dict)
    assert merge(after, person(gender="female"), PUT, at(5)) is Unchanged.OLDER


def ward(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Location", "id": "w", **elements}


def test_what_many_share_is_not_written_again_when_it_is_the_same() -> None:
    """Every message of a hospital names the ward: writing it would make all sessions collide there."""
    stored = created(ward(name="ICU", mode="instance"))

    assert merge(stored, ward(name="ICU"), PUT, at(2)) is Unchanged.SAME
    assert merge(stored, ward(mode="instance"), PUT, at(2)) is Unchanged.SAME
    assert merge(stored, ward(), ResourceChange("", deleted=("description",)), at(2)) is Unchanged.SAME
    assert merged(stored, ward(name="IMC"))["name"] == "IMC"


def test_what_is_one_patients_moves_on_even_when_it_is_the_same() -> None:
    """Otherwise a message that was overtaken by it would pass for new."""
    stored = created(person(gender="female"), at(1))

    third = merged(stored, person(gender="female"), n=3)

    assert {**third, "meta": None} == {**stored, "meta": None}
    assert merge(third, person(gender="male"), PUT, at(2)) is Unchanged.OLDER


def test_what_the_server_adds_to_meta_is_no_change() -> None:
    """Every FHIR server stamps version and time."""
    stored = created(ward(name="ICU"))
    stored["meta"] |= {"versionId": "7", "lastUpdated": "2026-01-01T00:00:00Z"}

    assert merge(stored, ward(name="ICU"), PUT, at(2)) is Unchanged.SAME
    assert "versionId" not in merged(stored, ward(name="IMC"))["meta"]


def test_what_others_tagged_stays() -> None:
    """A privacy officer's label must survive the next A08."""
    label = {"system": "urn:hospital", "code": "vip"}
    stored = created(person(gender="female"))
    stored["meta"]["tag"].insert(0, label)
    stored["meta"]["security"] = [{"code": "R"}]

    after = merged(stored, person(gender="male"))

    assert label in after["meta"]["tag"]
    assert after["meta"]["security"] == [{"code": "R"}]


def test_a_message_that_does_not_own_a_resource_creates_it_and_never_updates_it() -> None:
    """A laboratory's copy of the name must not replace the registration's."""
    stored = created(person(gender="female"), provisional=True)

    assert [tag["code"] for tag in stored["meta"]["tag"]] == ["provisional"]
    assert merge(stored, person(gender="male"), ResourceChange("", provisional=True), at(2)) is Unchanged.NOT_OWNED


def test_the_owner_replaces_what_is_provisional_whatever_its_number() -> None:
    """The result may come through the same source before the admission it belongs to is sent again."""
    stored = created(person(gender="female"), at(9), provisional=True)

    after = merged(stored, person(gender="female"), n=3)

    assert after["meta"]["tag"] == [{"system": SYSTEM, "code": "1-3"}]


def test_a_default_counts_for_a_new_resource_only() -> None:
    """R4 requires a status; a message that does not say one must not set it back."""
    visit = {"resourceType": "Encounter", "id": "v", "status": "unknown"}
    stored = created({**visit, "status": "finished"})

    assert merged(stored, visit, initial=("status",))["status"] == "finished"
    assert created(visit, initial=("status",))["status"] == "unknown"


def test_identifiers_are_never_lost() -> None:
    """A message that carries one of three numbers does not take the other two away."""
    first, second = {"system": "a", "value": "1"}, {"system": "b", "value": "2"}
    stored = created(person(identifier=[first, second]))

    after = merged(stored, person(identifier=[{**second, "use": "old"}, {"system": "c", "value": "3"}]))

    assert after["identifier"] == [first, {**second, "use": "old"}, {"system": "c", "value": "3"}]


def test_a_list_is_a_snapshot() -> None:
    """Repeats of PID-5 are all the names there are."""
    stored = created(person(name=[{"family": "Muster"}, {"family": "Beispiel"}]))

    assert merged(stored, person(name=[{"family": "Beispiel"}]))["name"] == [{"family": "Beispiel"}]


def test_a_list_grows_where_the_interface_follows_action_codes() -> None:
    """Such a sender names only what changed."""
    stored = created(person(name=[{"family": "Muster"}]))

    after = merged(stored, person(name=[{"family": "Muster"}, {"family": "Beispiel"}]), repeats=ListMode.ACTION)

    assert after["name"] == [{"family": "Muster"}, {"family": "Beispiel"}]


def test_each_field_replaces_its_own_part_of_a_shared_list() -> None:
    """PV1-7 alone changes the attending doctor, not the referring one of PV1-8."""

    def doctor(role: str, name: str) -> dict[str, Any]:
        return {"type": [{"coding": [{"code": role}]}], "individual": {"reference": f"Practitioner/{name}"}}

    visit = {"resourceType": "Encounter", "id": "v"}
    stored = created({**visit, "participant": [doctor("ATND", "1"), doctor("ATND", "2"), doctor("REF", "3")]})

    after = merged(stored, {**visit, "participant": [doctor("ATND", "4")]})

    assert after["participant"] == [doctor("ATND", "4"), doctor("REF", "3")]


def test_extensions_are_replaced_by_their_url() -> None:
    """Race, religion and birth place come from different fields."""
    stored = created(person(extension=[{"url": "a", "valueString": "1"}, {"url": "b", "valueString": "2"}]))

    after = merged(stored, person(extension=[{"url": "b", "valueString": "3"}]))

    assert after["extension"] == [{"url": "a", "valueString": "1"}, {"url": "b", "valueString": "3"}]


def test_parts_of_a_visit_come_with_different_events() -> None:
    """The A03 brings the disposition and the end; source and start are the A01's."""
    visit = {"resourceType": "Encounter", "id": "v"}
    stored = created({**visit, "period": {"start": "2026-01-01"}, "hospitalization": {"admitSource": {"text": "a"}}})

    after = merged(
        stored, {**visit, "period": {"end": "2026-01-02"}, "hospitalization": {"dischargeDisposition": {"text": "d"}}}
    )

    assert after["period"] == {"start": "2026-01-01", "end": "2026-01-02"}
    assert after["hospitalization"] == {"admitSource": {"text": "a"}, "dischargeDisposition": {"text": "d"}}


def test_a_code_is_replaced_as_a_whole() -> None:
    """The old text beside a new code would contradict it."""
    stored = created(person(maritalStatus={"coding": [{"code": "S"}], "text": "single"}))

    assert merged(stored, person(maritalStatus={"coding": [{"code": "M"}]}))["maritalStatus"] == {
        "coding": [{"code": "M"}]
    }


def test_a_value_of_another_type_replaces_the_stored_one() -> None:
    """A corrected result turns from a number into "hemolyzed"."""
    result = {"resourceType": "Observation", "id": "o"}
    stored = created({**result, "valueQuantity": {"value": 5}})

    after = merged(stored, {**result, "valueString": "hemolyzed"})

    assert "valueQuantity" not in after
    assert after["valueString"] == "hemolyzed"


def test_nothing_given_is_changed() -> None:
    """The stored version is compared again when somebody else wrote in between."""
    stored = created(person(telecom=[{"use": "home", "value": "1"}], name=[{"family": "Muster"}]))
    sent = person(name=[{"family": "Beispiel"}])
    before = copy.deepcopy((stored, sent))

    merged(stored, sent, deleted=("telecom",))

    assert (stored, sent) == before


def test_what_a_whole_resource_does_not_say_is_gone() -> None:
    """Its source alone writes it and sends all of it: what is left out was taken back (decision 0140)."""
    device = {"resourceType": "Device", "id": "d", "status": "active"}
    stored = created({**device, "note": [{"text": "lent"}]}, whole=True)

    after = merged(stored, device, whole=True)

    assert "note" not in after
    assert is_older(after["meta"], at(2))


def test_a_whole_resource_that_says_what_is_stored_is_not_written_again_when_many_share_it() -> None:
    """An app names its device with every reading: written each time, it would be where all sessions collide."""
    device = {"resourceType": "Device", "id": "d", "status": "active"}
    stored = created(device, whole=True)

    assert merge(stored, device, ResourceChange("", whole=True), at(2)) is Unchanged.SAME
