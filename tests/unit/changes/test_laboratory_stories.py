"""What laboratories send every day: nothing is lost, counted twice or stopped, and no old value is left as valid."""

from __future__ import annotations

import pytest

from shared.message.errors.mapping import ResultUnclear
from tests.unit.changes.feed import PID, Feed, findings_of_results, results_told

EIGHT, NINE, TEN = "20240310080000", "20240310090000", "20240310100000"
SODIUM, POTASSIUM, GLUCOSE = "2951-2^Sodium^LN", "2823-3^Potassium^LN", "2345-7^Glucose^LN"


def panel(status: str = "F") -> str:
    return f"OBR|1||F1^LAB|24323-8^Panel^LN|||20240310075500||||||||||||||||||{status}"


def result(name: str, value: object, status: str = "F", at: str = "", *, kind: str = "NM", **fields: str) -> str:
    """Return an OBX; ``at`` is OBX-14, other fields by number (``f8="HH"``)."""
    unit = "mmol/L" if kind == "NM" else ""
    said = {1: "1", 2: kind, 3: name, 5: str(value), 6: unit, 11: status, 14: at}
    said |= {int(number[1:]): text for number, text in fields.items()}
    return "OBX|" + "|".join(said.get(number, "") for number in range(1, max(said) + 1))


def held(feed: Feed) -> list[tuple[object, str]]:
    """Return value and status of each stored result, in the order of the report that lists it."""
    by_reference = {f"Observation/{one['id']}": one for one in feed.all("Observation")}
    listed = [one["reference"] for one in feed.only("DiagnosticReport")["result"]]
    assert sorted(listed) == sorted(by_reference)
    return [(_value(by_reference[reference]), by_reference[reference]["status"]) for reference in listed]


def _value(one: dict[str, dict[str, object]]) -> object:
    said = one.get("valueQuantity", {}).get("value") or one.get("valueString")
    return said or ("document" if any("valueAttachment" in each for each in one.get("extension", ())) else None)


# -- an interface that was down: everything comes again, or in another order ----------------------------------------


def test_a_preliminary_result_that_comes_late_is_no_reading_of_its_own():
    """Its final one is stored, at the time of the analysis: a potassium of 6.8 had stood beside it."""
    feed = results_told([panel(), result(POTASSIUM, 4.1, at=TEN)])
    assert "state_refused" in findings_of_results(feed, panel("P"), result(POTASSIUM, 6.8, "P", EIGHT))
    assert held(feed) == [(4.1, "final")]


def test_an_unfinished_reading_that_is_later_is_one():
    """A meter sends the second one before anybody has looked at it."""
    feed = results_told([panel(), result(GLUCOSE, 5, at=EIGHT)], [panel("P"), result(GLUCOSE, 9, "P", NINE)])
    assert held(feed) == [(5, "final"), (9, "preliminary")]


def test_what_was_corrected_at_another_time_does_not_come_back():
    """All three messages come again after an outage: the wrong potassium had stood beside the right one, as final."""
    story = [
        [panel("P"), result(POTASSIUM, 6.8, "P", EIGHT)],
        [panel(), result(POTASSIUM, 6.9, at=NINE)],
        [panel("C"), result(POTASSIUM, 4.1, "C", TEN)],
    ]
    assert held(results_told(*story, *story)) == [(4.1, "corrected")]


def test_the_original_that_comes_after_its_correction_does_not_count():
    """The queue was sent in the wrong order."""
    feed = results_told([panel("C"), result(POTASSIUM, 4.1, "C", TEN)], [panel(), result(POTASSIUM, 6.9, at=NINE)])
    assert held(feed) == [(4.1, "corrected")]


def test_another_reading_of_the_time_that_was_wrong_is_one():
    """The first one was corrected to nine; at eight there was another one."""
    feed = results_told([panel(), result(GLUCOSE, 5, at=EIGHT)], [panel("C"), result(GLUCOSE, 5, "C", NINE)])
    assert findings_of_results(feed, panel(), result(GLUCOSE, 7, at=EIGHT)) == ["result_apart", "state_refused"]
    assert held(feed) == [(5, "corrected"), (7, "final")]


# -- a correction ---------------------------------------------------------------------------------------------------


def test_a_correction_that_only_its_report_says_reaches_the_result():
    """OBX-11 is empty, OBR-25 is C, and OBX-14 is the time of the correction: the wrong value had stayed, as final."""
    feed = results_told([panel(), result(SODIUM, 138, "", EIGHT)], [panel("C"), result(SODIUM, 139, "", NINE)])
    assert held(feed) == [(139, "corrected")]


def test_what_a_corrected_report_repeats_is_no_reading_of_its_own():
    """A panel is sent anew with one result corrected, and all have the time of that."""
    feed = results_told([panel(), result(SODIUM, 138, at=EIGHT), result(POTASSIUM, 6.9, at=EIGHT)])
    found = findings_of_results(feed, panel("C"), result(SODIUM, 138, at=NINE), result(POTASSIUM, 4.1, "C", NINE))
    assert found == ["result_time_changed"]
    assert held(feed) == [(138, "final"), (4.1, "corrected")]


def test_a_corrected_flag_that_is_normal_is_none():
    """Many laboratories leave OBX-8 empty for what is normal, and the value itself was right."""
    feed = results_told(
        [panel(), result(SODIUM, 138, f8="H", f7="120-130")], [panel("C"), result(SODIUM, 138, "C", f7="133-146")]
    )
    assert "interpretation" not in feed.only("Observation")


@pytest.mark.parametrize(
    ("first", "second", "corrected"),
    [
        ({"f21": "I1^LAB"}, {"f21": "I2^LAB"}, {"f21": "I2^LAB"}),
        ({"f33": "S1&LAB^S1&LAB"}, {"f33": "S2&LAB^S2&LAB"}, {"f33": "S2&LAB^S2&LAB"}),
    ],
)
def test_a_number_of_its_own_or_of_its_specimen_tells_which_is_corrected(first, second, corrected):
    """OBX-21 and OBX-33 say it: nobody need be asked."""
    feed = results_told([panel(), result(GLUCOSE, 5, **first), result(GLUCOSE, 9, **second)])
    findings_of_results(feed, panel("C"), result(GLUCOSE, 8, "C", **corrected))
    assert held(feed) == [(5, "final"), (8, "corrected")]


def test_a_code_that_changes_places_with_the_alternate_one_is_the_same():
    """The laboratory's code came first, since an update LOINC does: both values had been there, one of them wrong."""
    feed = results_told([panel(), result("NAL^Natrium^L^2951-2^Sodium^LN", 138, at=EIGHT)])
    findings_of_results(feed, panel("C"), result("2951-2^Sodium^LN^NAL^Natrium^L", 139, "C", EIGHT))
    assert held(feed) == [(139, "corrected")]


def test_two_tests_of_one_alternate_code_are_two():
    """Two meters, one LOINC."""
    first, second = ("G1^Glucose^L^2345-7^Glucose^LN", "G2^Glucose^L^2345-7^Glucose^LN")
    feed = results_told([panel(), result(first, 5, at=EIGHT)], [panel(), result(second, 7, at=EIGHT)])
    findings_of_results(feed, panel("C"), result(second, 8, "C", EIGHT))
    assert held(feed) == [(5, "final"), (8, "corrected")]


# -- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("20240310", EIGHT),
        (EIGHT, "20240310"),
        ("2024031008", "202403100800"),
        ("202403100800", EIGHT),
        (EIGHT, EIGHT + ".4"),
    ],
)
def test_a_time_said_more_or_less_precisely_is_the_same(first, then):
    """One way through the laboratory says the day, the next the minute: one sodium, not two."""
    feed = results_told([panel(), result(SODIUM, 138, at=first)])
    assert findings_of_results(feed, panel(), result(SODIUM, 138, at=then)) == []
    assert held(feed) == [(138, "final")]


def test_another_value_of_the_same_day_is_another_reading():
    """Nobody corrected the first one."""
    feed = results_told([panel(), result(SODIUM, 138, at="20240310")], [panel(), result(SODIUM, 141, at=NINE)])
    assert held(feed) == [(138, "final"), (141, "final")]


def told_in_summer(*lines: str) -> Feed:
    """Return a feed whose sender writes the zone in MSH-7 alone, and then the clocks change."""
    feed = Feed()
    feed.restart("202410261200+0200")
    feed.tell("ORU^R01", PID, *lines)
    feed.restart("202410281200+0100")
    return feed


def test_times_move_with_the_clocks_where_only_msh_7_has_the_zone():
    """What comes again after that night had stood there twice."""
    feed = told_in_summer(panel(), result(SODIUM, 138, at=EIGHT), result(POTASSIUM, 4, at=EIGHT))
    findings_of_results(feed, panel(), result(SODIUM, 138, at=EIGHT), result(POTASSIUM, 4, at=EIGHT))
    assert held(feed) == [(138, "final"), (4, "final")]


def test_after_the_clocks_have_changed_a_correction_does_not_reach_the_next_reading():
    """Eight o'clock of winter is nine o'clock of summer, and there is a reading of nine: nobody can tell."""
    feed = told_in_summer(panel(), result(GLUCOSE, 5, at=EIGHT), result(GLUCOSE, 9, at=NINE))
    with pytest.raises(ResultUnclear):
        feed.tell("ORU^R01", PID, panel("C"), result(GLUCOSE, 6, "C", EIGHT))


# -- several of one name, and fewer of them -------------------------------------------------------------------------


def organism(code: str, status: str = "F", at: str = "") -> str:
    return result("600-7^Bacteria^LN", code, status, at, kind="ST")


def test_an_unfinished_reading_is_finished_beside_a_finished_one():
    """F changes no final result: there is one that it may mean. It had stopped."""
    feed = results_told([panel(), result(GLUCOSE, 5, at=EIGHT)], [panel("P"), result(GLUCOSE, 7, "P", NINE)])
    assert findings_of_results(feed, panel(), result(GLUCOSE, 7.1, at="20240310092000")) == ["result_time_changed"]
    assert held(feed) == [(5, "final"), (7.1, "final")]


@pytest.mark.parametrize(("at", "then"), [("", ""), (EIGHT, TEN)])
def test_the_organism_that_is_final_is_the_one_that_was_there(at, then):
    """Of two preliminary ones the second is confirmed: it had replaced the first, and stood there twice."""
    feed = results_told([panel("P"), organism("ECO", "P", at), organism("KLE", "P", at)])
    findings_of_results(feed, panel(), organism("KLE", at=then))
    assert held(feed) == [("ECO", "preliminary"), ("KLE", "final")]


def test_one_of_several_comments_that_comes_again_is_that_one():
    """A cumulative report leaves one of them out: it had stopped, once anything else about the comment was new."""
    feed = results_told([panel(), result("COM^Comment^L", "one", kind="ST"), result("COM^Comment^L", "two", kind="ST")])
    assert findings_of_results(feed, panel(), result("COM^Comment^L", "two", kind="ST", f16="7^Tech")) == []
    assert held(feed) == [("one", "final"), ("two", "final")]


# -- texts and documents --------------------------------------------------------------------------------------------

REPORT = "22637-3^Report^LN"


def text(*lines: str, status: str = "F", at: str = "") -> list[str]:
    return [result(REPORT, line, status, at, kind="TX", f1=str(number)) for number, line in enumerate(lines, 1)]


def test_a_report_that_comes_again_with_an_addendum_is_one_report():
    """OBX-14 is the time of signing: the text without the addendum had stayed beside it, as final."""
    feed = results_told([panel(), *text("a", "b", at=EIGHT)])
    assert findings_of_results(feed, panel(), *text("a", "b", "addendum", at=NINE)) == ["result_time_changed"]
    assert held(feed) == [("a\nb\naddendum", "final")]


def test_an_addendum_that_comes_alone_stands_beside_its_report():
    """It is not the report."""
    feed = results_told([panel(), *text("a", "b", at=EIGHT)], [panel(), *text("addendum", at=NINE)])
    assert held(feed) == [("a\nb", "final"), ("addendum", "final")]


def test_a_report_whose_lines_were_several_results_is_one_again():
    """The addendum had a status of its own (OBX-11 A), then the whole report is signed anew: it had stopped."""
    feed = results_told([panel(), *text("a", "b"), result(REPORT, "addendum", "A", kind="TX", f1="3")])
    assert held(feed) == [("a\nb", "final"), ("addendum", "amended")]
    findings_of_results(feed, panel("C"), *text("a2", "b", "addendum", status="C"))
    assert held(feed) == [("a2\nb\naddendum", "corrected"), ("addendum", "entered-in-error")]
    findings_of_results(feed, panel("C"), *text("a2", "b", status="C"), result(REPORT, "addendum 2", kind="TX", f1="3"))
    valid = [one for one in held(feed) if one[1] != "entered-in-error"]
    assert valid == [("a2\nb", "corrected"), ("addendum 2", "final")]


def test_a_text_that_does_not_hold_the_others_stops():
    """Which of them it corrects nobody can tell."""
    feed = results_told([panel(), *(result(REPORT, line, kind="TX") for line in ("a", "b", "c"))])
    with pytest.raises(ResultUnclear):
        feed.tell("ORU^R01", PID, panel("C"), *text("a", "x", status="C"))


def document(status: str = "F", content: str = "QUJD") -> str:
    return result(REPORT, f"^application^pdf^Base64^{content}", status, kind="ED")


def test_a_document_that_comes_after_the_text_stands_beside_it():
    """The text was final, and nobody corrected it: it had made way."""
    feed = results_told([panel(), *text("a", "b")], [panel(), document()])
    assert held(feed) == [("a\nb", "final"), ("document", "final")]
    feed.tell("ORU^R01", PID, panel(), *text("a", "b"), document())
    assert held(feed) == [("a\nb", "final"), ("document", "final")]


@pytest.mark.parametrize(("first", "then"), [(document(), "empty"), ("empty", document())])
def test_what_has_no_value_is_no_result_of_another_kind(first, then):
    """The status comes without the document, or before it."""
    empty = result(REPORT, "", f2="ED")
    feed = results_told(*([panel(), empty if one == "empty" else one] for one in (first, then)))
    assert held(feed) == [("document", "final")]


def test_a_text_or_a_document_is_corrected_alone():
    """They are told apart by what they are."""
    feed = results_told([panel(), *text("a"), document()], [panel("C"), *text("b", status="C")])
    assert held(feed) == [("b", "corrected"), ("document", "final")]
    findings_of_results(feed, panel("C"), document("C", "QUJE"))
    assert held(feed) == [("b", "corrected"), ("document", "corrected")]


STORIES = [
    [[panel(), result(GLUCOSE, 2, at=NINE)], [panel(), result(GLUCOSE, 1, at=EIGHT)], [panel(), result(GLUCOSE, 1)]],
    [[panel(), result(GLUCOSE, 2)], [panel(), result(GLUCOSE, 2, "X")], [panel(), result(GLUCOSE, 1, at=EIGHT)]],
    [[panel(), result(GLUCOSE, 1)], [panel(), result(GLUCOSE, 2, "C", NINE)], [panel(), result(GLUCOSE, 1, at=EIGHT)]],
    [[panel(), document()], [panel("P"), result(REPORT, 1, "P", EIGHT)], [panel("C"), *text("a", "b", status="C")]],
    [[panel(), *text("a", "b")], [panel(), document("X")], [panel(), result(REPORT, 2, at=EIGHT)]],
    [
        [panel("P"), result(POTASSIUM, 6.8, "P", EIGHT)],
        [panel(), result(POTASSIUM, 6.9, at=NINE)],
        [panel("C"), result(POTASSIUM, 4.1, "C", TEN)],
    ],
    [[panel("C"), result(POTASSIUM, 4.1, "C", TEN)], [panel(), result(POTASSIUM, 6.9, at=NINE)]],
    [[panel(), *text("a", "b"), result(REPORT, "c", "A", kind="TX")], [panel("C"), *text("a2", "b", "c", status="C")]],
    [[panel(), *text("a", "b")], [panel(), document()], [panel("C"), *text("c", status="C")]],
    [[panel(), result("A^a^L^B^b^LN", 1, at=EIGHT)], [panel("C"), result("B^b^LN^A^a^L", 2, "C", EIGHT)]],
    [[panel("P"), organism("ECO", "P"), organism("KLE", "P")], [panel(), organism("KLE")]],
    [
        [panel(), result(SODIUM, 138, at=EIGHT), result(POTASSIUM, 6.9, at=EIGHT)],
        [panel("C"), result(SODIUM, 138, at=NINE), result(POTASSIUM, 4.1, "C", NINE)],
    ],
    [
        [panel(), result(GLUCOSE, 5, at=EIGHT)],
        [panel("P"), result(GLUCOSE, 7, "P", NINE)],
        [panel(), result(GLUCOSE, 8, at=TEN)],
    ],
]


@pytest.mark.parametrize("story", STORIES)
def test_what_comes_again_changes_nothing(story):
    """Redelivery of any message, and a replay of the whole day."""
    feed = results_told(*story)
    before = {name: feed.store.said(name) for name in feed.store.held}
    for is_replay in (False, True):
        for one in feed.records:
            feed.store.take(one, is_replay=is_replay)
            if not is_replay:
                assert {name: feed.store.said(name) for name in feed.store.held} == before
    assert {name: feed.store.said(name) for name in feed.store.held} == before
