"""A number that comes again for another person: what the first one has stays theirs, and somebody is asked."""

from __future__ import annotations

import pytest

from shared.changes.references import patients_of
from shared.message.errors.mapping import SubjectConflict
from tests.unit.changes.feed import PID, Feed

OTHER = PID.replace("100001", "100002").replace("Sample", "Else")
MESSAGES = {
    "DocumentReference": (
        "MDM^T02",
        "PV1|1|N",
        "TXA|1|CN|TEXT|||||||||D1^EHR||||AU||AV",
        "OBX|1|TX|18842-5^Summary^LN||line||||||F",
    ),
    "NutritionOrder": ("OMD^O03", "ORC|NW|P1^EHR|F1^DIET", "ODS|D||DIET1^Low salt^L"),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_what_is_one_persons_by_its_number_never_becomes_anothers(kind: str) -> None:
    """A letter would be gone from the first one's record, and stand in the second one's as if it were about them."""
    feed = Feed()
    event, *lines = MESSAGES[kind]
    feed.tell(event, PID, *lines)
    before = feed.only(kind)

    with pytest.raises(SubjectConflict):
        feed.tell(event, OTHER, *lines)

    assert feed.only(kind) == before


@pytest.mark.parametrize("kind", MESSAGES)
def test_after_a_merge_it_is_the_survivors(kind: str) -> None:
    """The sender goes on under the number that is left: that is no other person."""
    feed = Feed()
    event, *lines = MESSAGES[kind]
    feed.tell(event, PID, *lines)
    feed.tell("ADT^A40", OTHER, "MRG|100001^^^GENHOSP^MR")

    feed.tell(event, OTHER, *lines)

    said = feed.only(kind)
    (whose,) = patients_of(said)
    survivor = feed.store.held[whose].resource
    assert [one["value"] for one in survivor["identifier"]] == ["100002"]


@pytest.mark.parametrize("event", ["S12", "S13", "S14", "S15", "S17", "S26"])
def test_an_appointment_is_neither_booked_changed_nor_cancelled_for_another_patient(event: str) -> None:
    """The first one would come in vain, or be told nothing, and the second one read why the first was to come."""
    feed = Feed()
    feed.tell("SIU^S12", "SCH|A1^EHR|A2^SCHED|||||CHEMO^^HL70276", PID)
    before = feed.only("Appointment")

    with pytest.raises(SubjectConflict):
        feed.tell(f"SIU^{event}", "SCH|A1^EHR|A2^SCHED", OTHER)

    assert feed.only("Appointment") == before


def test_after_a_merge_an_appointment_is_the_survivors() -> None:
    """The sender goes on under the number that is left."""
    feed = Feed()
    feed.tell("SIU^S12", "SCH|A1^EHR|A2^SCHED", PID)
    feed.tell("ADT^A40", OTHER, "MRG|100001^^^GENHOSP^MR")
    feed.tell("SIU^S15", "SCH|A1^EHR|A2^SCHED", OTHER)
    assert feed.only("Appointment")["status"] == "cancelled"


def test_a_time_that_was_given_back_is_booked_anew_for_another_patient() -> None:
    """Some systems number the time, not the booking; nothing of why the first patient was to come is left."""
    feed = Feed()
    feed.tell("SIU^S12", "SCH|A1^EHR|A2^SCHED|||||CHEMO^^HL70276", PID)
    feed.tell("SIU^S15", "SCH|A1^EHR|A2^SCHED", PID)

    feed.tell("SIU^S12", "SCH|A1^EHR|A2^SCHED|||||||||^^^202603021000^202603021030", OTHER)

    booked = feed.only("Appointment")
    assert (booked["status"], booked["start"][:10]) == ("booked", "2026-03-02")
    assert "reasonCode" not in booked
    assert "cancelationReason" not in booked


def test_a_group_goes_on_with_whoever_is_still_in_it() -> None:
    """One SIU may name several patients (HL7 10.3): who joins later takes nobody's place."""
    feed = Feed()
    feed.tell("SIU^S12", "SCH|A1^EHR|A2^SCHED", PID)
    feed.tell("SIU^S14", "SCH|A1^EHR|A2^SCHED", PID, OTHER.replace("PID|1", "PID|2"))
    assert len(patients_of(feed.only("Appointment"))) == 2


def test_appointments_without_a_number_are_as_many_as_there_are_messages() -> None:
    """MSH-10 begins anew with each restart of some senders: two people's appointments were one."""
    feed = Feed()
    feed.tell("SIU^S12", "SCH||", PID)
    feed.restart("202603021200+0000")
    feed.tell("SIU^S12", "SCH||", OTHER)
    assert len(feed.all("Appointment")) == 2
