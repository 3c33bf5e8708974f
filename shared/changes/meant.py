"""Which of the stored results of one name each result of a message means, and nobody guesses (docs/decisions/0186).

What tells results apart is tried in turn, from a number of their own to the value that is said again; what is left goes
by position, where that overwrites nothing that another one may be. A result that changes none of the stored ones is a
reading of its own.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.changes.moments import is_hour_moved, is_same_moment, is_within, moment
from shared.changes.tags import NOT_SEEN
from shared.message.errors.mapping import ResultUnclear
from shared.message.finding import Finding

_APART = uuid.UUID("0f4b7a52-9c1e-5d36-8a77-2b6d0e913c48")
# HL7 table 0085: said of a result that was sent before. Whatever else comes after a final one is no change of it: F
# "can only be changed with a corrected result".
_OF_EARLIER = frozenset("ABCDNUVWX")
_CHANGED = frozenset({"amended", "corrected", "cancelled", "entered-in-error"})
_DONE = _CHANGED | {"final"}


class Result(NamedTuple):
    """One result as far as it is told apart from others of its order.

    Attributes:
        time: When it was observed, as FHIR has it; empty where nobody says.
        value: Its elements that hold the value.
        numbers: Those of its own (OBX-21).
        specimen: What it was found in.
        was: What it said before it was corrected, each as `code_of` has it.
        control: OBX-11 of what is sent.
        is_overtaken: The store has this message already, or a later one: of what is stored there, or has this place.
        is_repeated: The report that has it is a corrected one: it repeats what was not wrong.
    """

    reference: str
    time: str
    status: str
    value: dict[str, Any]
    is_document: bool
    numbers: list[Any]
    specimen: Any
    was: tuple[str, ...] = ()
    control: str = ""
    is_overtaken: bool = False
    is_repeated: bool = False


@dataclass(slots=True)
class Meaning:
    """What a message means by its results.

    Attributes:
        names: By the references it uses, those that the store knows them by, where they differ.
        left_out: What was said, and overtaken, of results that cannot be told apart.
        was: By reference, what a result said that is corrected now, together with its time.
        within: Stored texts that another one holds now.
    """

    names: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    was: dict[str, str] = field(default_factory=dict)
    within: list[str] = field(default_factory=list)

    def leave_out(self, references: Collection[str], why: Finding) -> None:
        """Leave out results of the message."""
        self.left_out.extend(references)
        self.findings.extend(why for _ in references)


def apart(reference: str, time: str) -> str:
    """Return where a result is stored that came by itself, at another time than the first of its name."""
    return "Observation/" + str(uuid.uuid5(_APART, f"{reference} {moment(time)}"))


def settle(
    sent: Sequence[Result], known: Sequence[Result], stored: Collection[str], meaning: Meaning, *, is_replay: bool
) -> None:
    """Find for each result sent the stored one that it means, or a place of its own.

    Raises:
        ResultUnclear: one of several may be meant; nothing may be written.
    """
    means: dict[str, Result] = {}
    rest, left = [*sent], [*known]
    for tells in _TELLS if len(sent) > 1 or len(known) > 1 or not _may_mean(sent[0], known[0]) else ():
        means |= _only_pairs(rest, left, tells)
        taken = {other.reference for other in means.values()}
        rest = [one for one in rest if one.reference not in means]
        left = [other for other in left if other.reference not in taken]
    if len(rest) == 1 and len(left) > 1 and (whole := _take_in(rest[0], left, meaning)):
        means[rest[0].reference] = whole
        rest, left = [], []
    new = [one for one in rest if not any(_may_mean(one, other) for other in left)]
    rest = [one for one in rest if any(_may_mean(one, other) for other in left)]
    if len(rest) < len(left):
        _check_clear(rest, left, meaning, is_replay=is_replay)
    pairs = _by_position(rest, left)
    new += [one for one in rest if one.reference not in pairs]
    for one in sent:
        before = pairs.get(one.reference) or means.get(one.reference)
        if before is not None:
            _note_time(one, before, meaning)
    names = {reference: other.reference for reference, other in (means | pairs).items()}
    again = {other.reference for other in known if other.is_overtaken}  # a place that this message made
    meaning.names |= names | _places(sent, new, left, {*stored} - again | {*names.values()}, meaning)


def _take_in(one: Result, left: Sequence[Result], meaning: Meaning) -> Result | None:
    """Return which of the stored texts is the one that now holds the lines of all others; None where that is not so.

    A line with a status or a note of its own had made several of them (docs/decisions/0157).
    """
    others = [other for other in left if not _holds(one, other)] or [left[0]]
    if len(others) > 1 or one.is_overtaken or not all(_text_of(other) and _may_mean(one, other) for other in left):
        return None
    meaning.within.extend(other.reference for other in left if other is not others[0])
    return others[0]


def _holds(one: Result, other: Result) -> bool:
    """Tell whether a text of several lines has those of another."""
    text = _text_of(one)
    return "\n" in text and f"\n{_text_of(other)}\n" in f"\n{text}\n"


def _text_of(one: Result) -> str:
    return str(one.value.get("valueString", ""))


def _note_time(one: Result, before: Result, meaning: Meaning) -> None:
    """Note that a result has another time now, and what a corrected one said: it may come again, late."""
    if not one.time or one.is_overtaken or _is_one_time(one.time, before.time):
        return
    if _is_of_earlier(one):
        if before.status in _DONE and before.value:
            meaning.was[before.reference] = _code_of(before)
    elif not _is_corrected_since(one, before):  # which is refused
        meaning.findings.append(Finding("result_time_changed", one.reference, f"{one.control} on {before.status}"))


def _is_one_time(one: str, other: str) -> bool:
    return is_same_moment(one, other) or is_within(one, other)


def _code_of(one: Result) -> str:
    """Return what a result says and when, as a code."""
    return str(uuid.uuid5(_APART, json.dumps([moment(one.time), one.value], sort_keys=True, default=float)))


def _is_of_earlier(one: Result) -> bool:
    """Tell whether something is said of a result that was sent before: by OBX-11, else by the status of its report."""
    return one.control in _OF_EARLIER or one.status in _CHANGED


def _may_mean(one: Result, other: Result) -> bool:
    """Tell whether a result may be what is stored: a final one, at another time or as a document, changes none."""
    if one.is_overtaken or _is_of_earlier(one) or other.status not in _DONE:
        return True
    if one.value and other.value and one.is_document != other.is_document:
        return False
    return not one.time or not other.time or _is_of_time(one, other) or _is_about_time(one, other)


# -- what tells results apart ---------------------------------------------------------------------------------------


def _is_corrected_since(one: Result, other: Result) -> bool:
    """Tell whether a result is what a correction replaced: as it was, or older than the first that came of it."""
    if not other.was or _is_of_earlier(one) or one.is_overtaken:
        return False
    return _code_of(one) in other.was or (NOT_SEEN in other.was and _is_before(one, other))


def _has_its_number(one: Result, other: Result) -> bool:
    return any(number in other.numbers for number in one.numbers)


def _has_its_time(one: Result, other: Result) -> bool:
    return one.time != "" and one.time == other.time


def _is_of_time(one: Result, other: Result) -> bool:
    """Tell whether two results have one time.

    Senders that write the zone in MSH-7 alone move all times by an hour with the clocks.
    """
    return is_same_moment(one.time, other.time) or (is_hour_moved(one.time, other.time) and _is_alike(one, other))


def _is_about_time(one: Result, other: Result) -> bool:
    return is_within(one.time, other.time) and _is_alike(one, other)


def _is_alike(one: Result, other: Result) -> bool:
    """Tell whether a result says the same value as another, or corrects one: no other reading of about that time."""
    return _is_of_earlier(one) or one.value == other.value


def _is_of_kind(one: Result, other: Result) -> bool:
    """Tell whether a result without a time that counts is a document, or of a specimen, as the stored one is."""
    if (one.time and not _is_of_earlier(one)) or one.is_overtaken:
        return False
    is_elsewhere = one.specimen and other.specimen and one.specimen != other.specimen
    return one.is_document == other.is_document and not is_elsewhere


def _says_the_same(one: Result, other: Result) -> bool:
    """Tell whether a result is said again: as it was, in a report that was corrected, or as a text that goes on."""
    if _is_of_earlier(one) or one.is_overtaken or not one.value:
        return False
    if "\n" in _text_of(other) and _holds(one, other):
        return True
    return one.value == other.value and (one.is_repeated or _may_mean(one, other))


_TELLS = (_is_corrected_since, _has_its_number, _has_its_time, _is_of_time, _is_about_time, _is_of_kind, _says_the_same)


def _only_pairs(
    rest: Sequence[Result], left: Sequence[Result], tells: Callable[[Result, Result], bool]
) -> dict[str, Result]:
    """Return the stored one for each result of which it is told to be that one alone, and nobody else."""
    alike = [(one, other) for one in rest for other in left if tells(one, other)]
    sent, known = (Counter(pair[side].reference for pair in alike) for side in (0, 1))
    return {one.reference: other for one, other in alike if sent[one.reference] == known[other.reference] == 1}


# -- what is left ---------------------------------------------------------------------------------------------------


def _check_clear(rest: list[Result], left: Sequence[Result], meaning: Meaning, *, is_replay: bool) -> None:
    """Leave out what was overtaken, take what overwrites nothing final by its position, and stop at all else.

    A replay stops at nothing: when the message came it was stopped, or it was clear then.

    Raises:
        ResultUnclear: more than one of several may be meant.
    """
    meaning.leave_out([one.reference for one in rest if one.is_overtaken], Finding("older_not_written", "Observation"))
    rest[:] = [one for one in rest if not one.is_overtaken]
    for one in [*rest]:
        wanted = [other for other in left if _may_mean(one, other)]
        if len(wanted) == 1:
            continue
        if all(other.status not in _DONE for other in wanted):
            meaning.findings.append(Finding("result_unclear", one.reference, f"one of {len(wanted)}"))
        elif is_replay:
            meaning.leave_out([one.reference], Finding("result_unclear", "Observation"))
            rest.remove(one)
        else:
            raise ResultUnclear(f"OBX: {len(rest)} of {len(left)}")


def _by_position(rest: Sequence[Result], left: Sequence[Result]) -> dict[str, Result]:
    """Return for each result sent the stored one of its position, else the next that it may mean."""
    free = {one.reference: one for one in left}
    pairs: dict[str, Result] = {}
    for one in rest:
        own = free.get(one.reference)
        if own is not None and _may_mean(one, own):
            pairs[one.reference] = free.pop(one.reference)
    for one in rest:
        found = None if one.reference in pairs else next((each for each in free.values() if _may_mean(one, each)), None)
        if found is not None:
            pairs[one.reference] = free.pop(found.reference)
    return pairs


def _places(
    sent: Sequence[Result], new: Sequence[Result], left: Sequence[Result], taken: set[str], meaning: Meaning
) -> dict[str, str]:
    """Return where new results are stored: each at a place of its own."""
    places: dict[str, str] = {}
    free = _unused([one.reference for one in sent], taken)
    for one in new:
        later = next((other for other in left if _is_late(one, other)), None)
        if one.is_overtaken:
            meaning.leave_out([one.reference], Finding("older_not_written", "Observation"))
        elif later is not None:
            meaning.leave_out(
                [one.reference], Finding("state_refused", one.reference, f"{one.control} on {later.status}")
            )
        else:
            place = one.reference
            if place in taken and not one.time and not one.is_document:
                place = next(free, place)
            elif place in taken:
                meaning.findings.append(Finding("result_apart", one.reference, one.control))
            while place in taken:
                place = apart(place, one.time)
            places[one.reference] = place
            taken.add(place)
    return places


def _unused(references: Sequence[str], taken: Collection[str]) -> Iterator[str]:
    """Yield the positions of a message that nobody has, also once some of them are given away."""
    yield from (one for one in references if one not in taken)


def _is_late(one: Result, other: Result) -> bool:
    """Tell whether an unfinished result is older than a finished one, which it was made final as."""
    return one.status not in _DONE and other.status in _DONE and _is_before(one, other)


def _is_before(one: Result, other: Result) -> bool:
    return one.time != "" and moment(one.time) < moment(other.time)
