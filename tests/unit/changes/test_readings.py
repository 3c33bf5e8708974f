"""Several results under one name in one order: which of them a later message means (decision 0186)."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.changes.notes import ListMode
from shared.message.errors.mapping import ResultUnclear
from tests.unit.changes.feed import PID, Feed, findings_of_results, results_told

EIGHT, NINE, TEN = "20240310080000", "20240310090000", "20240310100000"


def report(status: str = "F", filler: str = "F1") -> str:
    """Return the OBR of a glucose tolerance test."""
    return f"OBR|1||{filler}^LAB|24353-1^Glucose tolerance^LN|||20240310075500||||||||||||||||||{status}"


def glucose(value: object, at: str = "", status: str = "F", *, sub: str = "", name: str = "2345-7^Glucose^LN") -> str:
    """Return one reading; ``at`` is OBX-14."""
    return f"OBX|1|NM|{name}|{sub}|{value}|mmol/L|||||{status}|||{at}"


def held(feed: Feed) -> list[tuple[str, object, str]]:
    """Return hour, value and status of each stored reading, in the order of the report."""
    by_reference = {f"Observation/{one['id']}": one for one in feed.all("Observation")}
    listed = [one["reference"] for one in feed.only("DiagnosticReport")["result"]]
    assert sorted(listed) == sorted(by_reference)
    found = (by_reference[reference] for reference in listed)
    return [(_hour(one), one.get("valueQuantity", {}).get("value"), one["status"]) for one in found]


def _hour(observation: dict[str, str]) -> str:
    return observation.get("effectiveDateTime", "")[11:16]


CURVE = [report(), glucose(5, EIGHT), glucose(9, NINE), glucose(7, TEN)]
STORED_CURVE = [("08:00", 5, "final"), ("09:00", 9, "final"), ("10:00", 7, "final")]


def test_a_final_reading_of_another_time_stands_beside_the_first():
    """A meter sends each reading by itself, under the number of the order: the second one had replaced the first."""
    feed = results_told([report(), glucose(5, EIGHT)])
    assert findings_of_results(feed, report(), glucose(9, NINE)) == ["result_apart"]
    assert findings_of_results(feed, report(), glucose(7, TEN)) == ["result_apart"]
    assert held(feed) == STORED_CURVE


@pytest.mark.parametrize("again", list(itertools.permutations(range(3), 2)))
def test_readings_that_come_again_are_those_that_are_stored(again):
    """Whatever the messages hold, alone, in another order or together: the time says which reading is meant."""
    feed = results_told([report(), glucose(5, EIGHT)], [report(), glucose(9, NINE)], [report(), glucose(7, TEN)])
    lines = CURVE[1:]
    assert findings_of_results(feed, report(), *(lines[place] for place in again)) == []
    assert findings_of_results(feed, *CURVE) == []
    assert held(feed) == STORED_CURVE


@pytest.mark.parametrize("sent", [[CURVE], [CURVE[:2], [report(), CURVE[2]], [report(), CURVE[3]]]])
@pytest.mark.parametrize("hour", [EIGHT, NINE, TEN])
def test_a_correction_of_one_reading_reaches_that_one(sent, hour):
    """Alone it is the first of its message: it had overwritten the first reading."""
    feed = results_told(*sent, [report("C"), glucose(1, hour, "C")])
    expected = {at: (at, value, "final") for at, value, _ in STORED_CURVE}
    at = f"{hour[8:10]}:00"
    assert held(feed) == list({**expected, at: (at, 1, "corrected")}.values())


@pytest.mark.parametrize(
    ("status", "after"), [("X", "cancelled"), ("D", "entered-in-error"), ("W", "entered-in-error")]
)
def test_what_is_taken_back_is_the_reading_of_that_time(status, after):
    """The others are valid."""
    feed = results_told(CURVE, [report("C"), glucose("", NINE, status)])
    assert [one[2] for one in held(feed)] == ["final", after, "final"]


def test_the_same_moment_in_another_zone_is_the_same_time():
    """One interface engine writes UTC, the next the zone of the hospital."""
    feed = results_told([report(), glucose(5, EIGHT + "+0000")], [report(), glucose(9, NINE + "+0000")])
    assert findings_of_results(feed, report("C"), glucose(8, "20240310030000-0600", "C")) == []
    assert findings_of_results(feed, report("C"), glucose(5, "20240310020000-0600")) == []
    assert len(held(feed)) == 2


@pytest.mark.parametrize("status", ["C", "A", "X", "D", "W"])
def test_what_is_said_of_the_only_reading_reaches_it_whatever_its_time(status):
    """The time itself may be what was wrong."""
    feed = results_told([report(), glucose(5, EIGHT)], [report("C"), glucose(6, NINE, status)])
    (found,) = held(feed)
    assert found[2] != "final"


def test_a_corrected_time_reaches_the_reading_that_is_left():
    """All are named: two by their times, so the third is the one whose time was wrong."""
    feed = results_told(
        CURVE, [report("C"), glucose(5, EIGHT, "C"), glucose(9, "20240310093000", "C"), glucose(7, TEN, "C")]
    )
    assert held(feed) == [("08:00", 5, "corrected"), ("09:30", 9, "corrected"), ("10:00", 7, "corrected")]


@pytest.mark.parametrize("before", ["P", "R", "I"])
def test_an_unfinished_result_is_finished_at_another_time(before):
    """Many laboratories put the time of the analysis into OBX-14: it is one result, and it says that it changed."""
    feed = results_told([report("P"), glucose(5, EIGHT, before)])
    assert findings_of_results(feed, report(), glucose(6, NINE)) == ["result_time_changed"]
    assert held(feed) == [("09:00", 6, "final")]


def test_a_result_that_says_no_time_is_the_one_that_is_there():
    """OBR-7 may be put right: it is no time of the reading's own."""
    feed = results_told([report(), glucose(5)])
    assert findings_of_results(feed, report().replace("0755", "0815"), glucose(6)) == []
    assert held(feed) == [("08:15", 6, "final")]


@pytest.mark.parametrize(
    ("status", "at"),
    [*itertools.product("CXWA", ["", "20240310120000"]), ("F", "")],  # F of that time is a third one
)
@pytest.mark.parametrize("first", [[glucose(5, EIGHT), glucose(9, NINE)], [glucose(5), glucose(9)]])
def test_what_may_mean_either_of_two_results_stops(first, at, status):
    """Which one the laboratory means nobody can tell: to guess would correct the wrong reading."""
    feed = results_told([report(), *first])
    before = held(feed)
    with pytest.raises(ResultUnclear):
        feed.tell("ORU^R01", PID, report("C"), glucose(1, at, status), glucose(3, name="2951-2^Sodium^LN"))
    assert held(feed) == before


def test_fewer_than_there_are_stop_and_all_of_them_do_not():
    """HL7 7.4.2.11: those of one OBX-3 and OBX-4 are "replaced or deleted as a unit"; not all senders do so."""
    feed = results_told([report(), glucose(5), glucose(9), glucose(7)])
    with pytest.raises(ResultUnclear):
        feed.tell("ORU^R01", PID, report("C"), glucose(6, "", "C"), glucose(8, "", "C"))
    assert findings_of_results(feed, report("C"), *(glucose(value, "", "C") for value in (6, 8, 7))) == []
    assert [one[1:] for one in held(feed)] == [(6, "corrected"), (8, "corrected"), (7, "corrected")]


def test_fewer_than_were_preliminary_are_stored_and_told():
    """Nothing final is overwritten, and what is left stays preliminary."""
    feed = results_told([report("P"), glucose(5, "", "P"), glucose(9, "", "P")])
    assert findings_of_results(feed, report(), glucose(6)) == ["result_unclear"]
    assert [one[1:] for one in held(feed)] == [(6, "final"), (9, "preliminary")]


def test_a_result_more_than_before_is_a_new_one():
    """A second organism grows."""
    feed = results_told([report("P"), glucose(5, "", "P")], [report(), glucose(5), glucose(9)])
    assert [one[1:] for one in held(feed)] == [(5, "final"), (9, "final")]


def test_the_sub_id_tells_results_apart_as_ever():
    """OBX-4 is what HL7 has for it (7.4.2.4)."""
    feed = results_told(
        [report(), glucose(5, sub="1"), glucose(9, sub="2")], [report("C"), glucose(8, "", "C", sub="2")]
    )
    assert [one[1:] for one in held(feed)] == [(5, "final"), (8, "corrected")]


def test_other_results_of_the_order_are_no_candidates():
    """A panel is corrected one result at a time."""
    feed = results_told(
        [report(), glucose(5, EIGHT), glucose(140, EIGHT, name="2951-2^Sodium^LN")],
        [report("C"), glucose(6, EIGHT, "C")],
        [report("C"), glucose(141, NINE, "C", name="2951-2^Sodium^LN")],
    )
    assert held(feed) == [("08:00", 6, "corrected"), ("09:00", 141, "corrected")]


def test_where_the_list_is_a_snapshot_a_reading_that_is_missing_is_gone():
    """The interface says that a report is whole: nothing is unclear."""
    feed = Feed(lists={"OBX": ListMode.SNAPSHOT})
    feed.tell("ORU^R01", PID, report(), glucose(5), glucose(9))
    feed.tell("ORU^R01", PID, report(), glucose(6))
    assert sorted(one["status"] for one in feed.all("Observation")) == ["entered-in-error", "final"]


def test_the_number_of_another_order_is_another_order():
    """As ever."""
    feed = results_told([report(), glucose(5)], [report(filler="F2"), glucose(9)])
    assert len(feed.all("Observation")) == 2


def test_readings_change_places_and_one_comes_between():
    """The second position of one message is the third of the next: each keeps its own."""
    feed = results_told([report("P"), glucose(5, "", "P"), glucose(7, TEN, "P")])
    findings_of_results(feed, report("P"), glucose(5, "", "P"), glucose(9, NINE, "P"), glucose(7, TEN))
    assert sorted(held(feed)) == [("07:55", 5, "preliminary"), ("09:00", 9, "preliminary"), ("10:00", 7, "final")]


@pytest.mark.parametrize(("before", "then"), [("C", "F"), ("F", "P"), ("F", "R")])
def test_a_report_whose_status_stays_lists_the_results_that_come(before, then):
    """A result that no report names is not found; each has its own status, whatever that of the report."""
    feed = results_told([report(before), glucose(5, EIGHT)])
    assert findings_of_results(feed, report(then), glucose(140, "", "P", name="2951-2^Sodium^LN")) == ["state_refused"]
    assert [one[1] for one in held(feed)] == [5, 140]


STORIES = [
    [[report(), glucose(5, EIGHT)], [report(), glucose(9, NINE)], [report(), glucose(7, TEN)]],
    [CURVE, [report("C"), glucose(8, NINE, "C")], [report(), glucose(4, "20240310110000")]],
    [[report(), glucose(5, EIGHT)], [report("C"), glucose(5, NINE, "C")]],
    [[report(), glucose(5, EIGHT)], [report("C"), glucose(5, NINE, "C")], [report(), glucose(7, EIGHT)]],
    [[report("P"), glucose(5, EIGHT, "P")], [report(), glucose(6, NINE)], [report(), glucose(7, TEN)]],
    [
        [report("P"), glucose(5, "", "P")],
        [report("P"), glucose(5, "", "P"), glucose(9, "", "P")],
        [report(), glucose(4)],
    ],
    [[report(), glucose(5)], [report(), glucose(5), glucose(9)], [report("C"), glucose(6, "", "C"), glucose(9)]],
    [[report(), glucose(5, EIGHT)], [report("P"), glucose(9, NINE)], [report("C"), glucose(8, NINE, "C")]],
]


@pytest.mark.parametrize("story", STORIES)
def test_what_comes_again_changes_nothing(story):
    """Redelivery of any message, and a replay from any of them to the newest."""
    feed = results_told(*story)
    before, records = held(feed), feed.records
    for one in records:
        feed.store.take(one)
        assert held(feed) == before
    for begin in range(len(records)):
        for one in records[begin:]:
            feed.store.take(one, is_replay=True)
        assert sorted(held(feed)) == sorted(before)


LINES = st.builds(glucose, st.integers(1, 9), st.sampled_from(["", EIGHT, NINE, TEN]), st.sampled_from("PFFFFCAXDW"))
MESSAGES = st.tuples(st.sampled_from("PFFC"), st.lists(LINES, min_size=1, max_size=3))


@given(st.lists(MESSAGES, min_size=1, max_size=5), st.data())
def test_no_message_of_any_story_changes_anything_when_it_comes_again(story, data):
    """At least once is once, whatever a laboratory sends."""
    feed = Feed()
    for status, lines in story:
        with contextlib.suppress(ResultUnclear):
            feed.tell("ORU^R01", PID, report(status), *lines)
    before = {name: feed.store.said(name) for name in feed.store.held}
    for place in data.draw(st.lists(st.integers(0, len(feed.records) - 1), max_size=4)) if feed.records else ():
        feed.store.take(feed.records[place])
    assert {name: feed.store.said(name) for name in feed.store.held} == before
