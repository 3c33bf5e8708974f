"""A number that comes again for another person: what the first one has stays theirs, and somebody is asked."""

from __future__ import annotations

import pytest

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
    survivor = feed.store.held[said.get("subject", said.get("patient"))["reference"]].resource
    assert [one["value"] for one in survivor["identifier"]] == ["100002"]
