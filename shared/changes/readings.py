"""Which stored result an OBX means, where its order has several of one name (docs/decisions/0186).

The mapping gives the results of one name (OBX-3, OBX-4) ids by their position in the message. A later message need not
hold all of them, nor in that order: what is stored says which one is meant. The time of the observation (OBX-14) tells
the readings of a curve apart; a final one of another time is a reading of its own; and nobody guesses.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from shared.changes.notes import ListMode, ResourceChange
from shared.changes.tags import Resource, is_older, meta_of
from shared.message.errors.mapping import ResultUnclear
from shared.message.finding import Finding
from shared.message.identifiers import Sequence as Place
from shared.ports import Stored

_APART = uuid.UUID("0f4b7a52-9c1e-5d36-8a77-2b6d0e913c48")
_RESULTS = frozenset({"ORU", "OUL"})
_REPORT, _RESULT = "DiagnosticReport/", "Observation/"
_TIME = b'"effectiveDateTime":"'  # a quote inside a text is escaped, and no such quote
_DATE = len("2026-03-01")  # what is longer has a time of day and an offset
_SUB_ID = "/observation-v2-subid"
_PUT = ResourceChange("")
# HL7 table 0085: said of a result that was sent before. Whatever else comes after a final one is no change of it: F
# "can only be changed with a corrected result".
_OF_EARLIER = frozenset("ABCDNUVWX")
_DONE = frozenset({"final", "amended", "corrected", "cancelled", "entered-in-error"})


class Told(NamedTuple):
    """What one message says of the results of a report, and what is stored.

    Attributes:
        texts: Its resources as JSON, by reference.
        changes: The notes on them.
        sequence: Its place.
        stored: What is stored of these, and of what else the report lists, as far as it was read.
        is_replay: It comes again with all that followed it: that the report has had it is no reason to leave it out.
    """

    texts: Mapping[str, bytes]
    changes: Mapping[str, ResourceChange]
    sequence: Place
    stored: Mapping[str, Stored]
    is_replay: bool = False


class _Result(NamedTuple):
    """One result as far as it is told apart from others of its order.

    Attributes:
        time: The moment it was observed; empty where nobody says.
        status: As it is stored; empty of what is sent.
        control: OBX-11 of what is sent.
        is_overtaken: The store has this message already, or a later one.
    """

    reference: str
    time: str
    status: str = ""
    control: str = ""
    is_overtaken: bool = False


@dataclass(slots=True)
class Meaning:
    """What a message means by its results.

    Attributes:
        names: By the references it uses, those that the store knows them by, where they differ.
        left_out: What was said, and overtaken, of results that cannot be told apart.
    """

    names: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def speaks_of_results(message: str, lists: Sequence[Any]) -> bool:
    """Tell whether a message reports results one by one: a snapshot names all there are, by position."""
    return message in _RESULTS and not any(one.segment == "OBX" and one.mode is ListMode.SNAPSHOT for one in lists)


def others_of(told: Told) -> list[str]:
    """Return what a message may mean besides the results that it names: others of its reports, or of its times."""
    wanted: dict[str, None] = {}
    for report in _reports(told):
        others, news = _others(report, told), _news(report, told)
        if news:
            wanted |= dict.fromkeys(others)
            wanted |= dict.fromkeys(_apart(one, time) for one in news if (time := _new_time(one, told)))
    return list(wanted)


def meaning_of(told: Told) -> Meaning:
    """Return which stored results a message means, where that is not what their position says.

    Raises:
        ResultUnclear: one of several may be meant; nothing may be written.
    """
    meaning = Meaning()
    for report in _reports(told):
        news = _news(report, told)
        if not told.is_replay and _is_overtaken(report, told):  # taken whole before: nothing of it is new
            _leave_out(news, Finding("older_not_written", "Observation"), meaning)
            continue
        # Most of the time a message names what there is, all of it and nothing else, at the times that it has.
        if (_others(report, told) and news) or any(one not in told.stored or _new_time(one, told) for one in news):
            for sent, known in _of_one_name(report, news, told):
                _settle(sent, known, told, meaning)
    meaning.names = {sent: known for sent, known in meaning.names.items() if sent != known}
    return meaning


def _reports(told: Told) -> list[str]:
    """Return the reports that a message has, and the store as well."""
    return [name for name in told.texts if name.startswith(_REPORT) and name in told.stored]


def _listed(report: Resource) -> list[str]:
    return [one["reference"] for one in report.get("result", ())]


def _others(report: str, told: Told) -> list[str]:
    """Return the results that a stored report lists and the message does not name."""
    return [one for one in _listed(told.stored[report].resource) if one not in told.texts]


def _news(report: str, told: Told) -> list[str]:
    """Return the results of a report of which a message says something new."""
    named = _listed(orjson.loads(told.texts[report]))
    return [one for one in named if one in told.texts and not _is_said_again(one, told)]


def _is_said_again(reference: str, told: Told) -> bool:
    stored = told.stored.get(reference)
    return stored is not None and stored.text == told.texts[reference]


def _new_time(reference: str, told: Told) -> str:
    """Return the moment that a message gives a stored result, where it is another one; empty where it is not."""
    stored = told.stored.get(reference)
    if stored is None or not told.changes.get(reference, _PUT).timed:
        return ""
    time = _time_in(told.texts[reference])
    before = _time_in(stored.text) if stored.text else stored.resource.get("effectiveDateTime", "")
    if time == before or _moment(time) == _moment(before):
        return ""
    return _moment(time)


def _moment(time: str) -> str:
    """Return a dateTime of FHIR as it is in UTC: the same moment is written in one zone today, in another tomorrow."""
    try:
        return datetime.fromisoformat(time).astimezone(UTC).isoformat() if len(time) > _DATE else time
    except (ValueError, OverflowError):
        return time


def _time_in(text: bytes) -> str:
    begin = text.find(_TIME) + len(_TIME)
    return text[begin : text.index(b'"', begin)].decode() if begin >= len(_TIME) else ""


def _apart(reference: str, time: str) -> str:
    """Return where a reading is stored that came by itself, at another time than the first of its name."""
    return _RESULT + str(uuid.uuid5(_APART, f"{reference} {time}"))


def _of_one_name(report: str, news: Collection[str], told: Told) -> Iterator[tuple[list[_Result], list[_Result]]]:
    """Yield the new results of each name, and the stored ones that they may mean, in the order of the report."""
    sent: dict[str, list[_Result]] = {}
    names: dict[str, str] = {}
    for reference in news:
        resource = orjson.loads(told.texts[reference])
        names[reference] = _name(resource)
        sent.setdefault(names[reference], []).append(_sent(reference, resource, told))
    known: dict[str, list[_Result]] = {}
    apart = [_apart(one, time) for one in news if (time := _new_time(one, told))]
    for reference in dict.fromkeys((*_listed(told.stored[report].resource), *news, *apart)):
        stored = told.stored.get(reference)
        if stored is not None and (reference in names or reference not in told.texts):
            resource = stored.resource
            one = _Result(reference, _moment(resource.get("effectiveDateTime", "")), resource.get("status", ""))
            known.setdefault(names.get(reference) or _name(resource), []).append(one)
    yield from ((results, known[name]) for name, results in sent.items() if name in known)


def _sent(reference: str, resource: Resource, told: Told) -> _Result:
    change = told.changes.get(reference, _PUT)
    return _Result(
        reference,
        _moment(resource.get("effectiveDateTime", "")) if change.timed else "",
        control=change.control,
        is_overtaken=_is_overtaken(reference, told),
    )


def _name(resource: Resource) -> str:
    """Return what a result is called within its order: its code, else its text, and its sub-id (OBX-3, OBX-4)."""
    code = resource.get("code", {})
    codings = [coding["code"] for coding in code.get("coding", ()) if "code" in coding]
    sub_ids = [one for one in resource.get("extension", ()) if one.get("url", "").endswith(_SUB_ID)]
    return repr((codings[:1] or code.get("text", ""), sub_ids))


def _settle(sent: list[_Result], known: list[_Result], told: Told, meaning: Meaning) -> None:
    """Find for each result sent the stored one that it means, or a place of its own."""
    means = _by_time(sent, known)
    left = [one for one in known if one.reference not in means.values()]
    rest = [one for one in sent if one.reference not in means]
    for one in [one for one in rest if _is_apart(one, left)]:
        rest.remove(one)
        if one.reference in told.stored:
            means[one.reference] = _apart(one.reference, one.time)
            meaning.findings.append(Finding("result_apart", one.reference, one.control))
        else:
            means[one.reference] = one.reference
    if rest and len(rest) < len(left):
        _settle_unclear(rest, left, meaning, is_replay=told.is_replay)
    pairs = _by_position(rest, left)
    for one in rest:
        before = pairs.get(one.reference)
        if before is not None and one.time and one.control not in _OF_EARLIER and not one.is_overtaken:
            meaning.findings.append(Finding("result_time_changed", one.reference, f"{one.control} on {before.status}"))
    means |= {reference: before.reference for reference, before in pairs.items()}
    taken = {*told.stored, *means.values()}
    new = [one for one in rest if one.reference not in means]
    overtaken = [one for one in new if one.is_overtaken]
    _leave_out([one.reference for one in overtaken], Finding("older_not_written", "Observation"), meaning)
    free = iter([one.reference for one in sent if one.reference not in taken])
    means |= {one.reference: next(free) for one in new if one not in overtaken}
    meaning.names |= means


def _by_time(sent: Sequence[_Result], known: Sequence[_Result]) -> dict[str, str]:
    """Return the stored results that have the time of one sent, where no other has it."""
    means: dict[str, str] = {}
    for one in sent:
        alike = [other.reference for other in known if other.time == one.time]
        if one.time and len(alike) == 1 and sum(other.time == one.time for other in sent) == 1:
            means[one.reference] = alike[0]
    return means


def _is_apart(one: _Result, left: Collection[_Result]) -> bool:
    """Tell whether a result is a reading of its own: it has a time that no other has, and changes none of them.

    A message that was overtaken says nothing new: its reading may have got another time since.
    """
    if not one.time or one.control in _OF_EARLIER or not left or one.is_overtaken:
        return False
    return all(other.status in _DONE and other.time not in ("", one.time) for other in left)


def _is_overtaken(reference: str, told: Told) -> bool:
    stored = told.stored.get(reference)
    return stored is not None and is_older(meta_of(stored.resource), told.sequence)


def _settle_unclear(rest: list[_Result], left: Sequence[_Result], meaning: Meaning, *, is_replay: bool) -> None:
    """Leave out what was overtaken, take what overwrites nothing final by its position, and stop at all else.

    A replay stops at nothing: when the message came it was stopped, or it was clear then.

    Raises:
        ResultUnclear: more than one of several may be meant.
    """
    overtaken = [one for one in rest if one.is_overtaken]
    _leave_out([one.reference for one in overtaken], Finding("older_not_written", "Observation"), meaning)
    rest[:] = [one for one in rest if one not in overtaken]
    if any(one.status in _DONE for one in left):
        if rest and not is_replay:
            raise ResultUnclear(f"OBX: {len(rest)} of {len(left)}")
        _leave_out([one.reference for one in rest], Finding("result_unclear", "Observation"), meaning)
        rest.clear()
    meaning.findings.extend(Finding("result_unclear", one.reference, f"one of {len(left)}") for one in rest)


def _leave_out(references: Sequence[str], why: Finding, meaning: Meaning) -> None:
    meaning.left_out.extend(references)
    meaning.findings.extend(why for _ in references)


def _by_position(rest: Sequence[_Result], left: Sequence[_Result]) -> dict[str, _Result]:
    """Return for each result sent the stored one of its position, else the next that nobody else has."""
    by_reference = {one.reference: one for one in left}
    pairs = {one.reference: by_reference[one.reference] for one in rest if one.reference in by_reference}
    free = iter([one for one in left if one.reference not in pairs])
    others = (one for one in rest if one.reference not in pairs)
    return pairs | {one.reference: other for one, other in zip(others, free, strict=False)}
