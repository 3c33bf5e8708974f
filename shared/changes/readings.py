"""What a message says of the results of a report that is stored, and what they are called (docs/decisions/0186).

The mapping gives the results of one name (OBX-3, OBX-4) ids by their position in the message. A later message need not
hold all of them, nor in that order: `meant` finds in what is stored which one is meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from shared.changes.change_set import PUT
from shared.changes.elements import ATTACHED, is_attached, value_of
from shared.changes.meant import Meaning, Result, apart, settle
from shared.changes.moments import moment
from shared.changes.notes import ListMode, ResourceChange
from shared.changes.tags import Mark, Resource, is_older, marks, meta_of, said_before
from shared.message.finding import Finding
from shared.message.identifiers import Sequence as Place
from shared.ports import Stored

_RESULTS = frozenset({"ORU", "OUL"})
_REPORT = "DiagnosticReport/"
_TIME = b'"effectiveDateTime":"'  # a quote inside a text is escaped, and no such quote
_ATTACHED = ATTACHED.encode()
_SUB_ID = "/observation-v2-subid"


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
            wanted |= dict.fromkeys(apart(one, time) for one in news if (time := _new_time(one, told)))
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
            meaning.leave_out(news, Finding("older_not_written", "Observation"))
            continue
        # Most of the time a message names what there is, all of it and nothing else, at the times that it has.
        if (_others(report, told) and news) or any(_is_other(one, told) for one in news):
            for sent, known in _of_one_name(report, news, told):
                settle(sent, known, told.stored, meaning, is_replay=told.is_replay)
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
    """Return the time that a message gives a stored result, where it is another one; empty where it is not."""
    stored = told.stored.get(reference)
    if stored is None or not told.changes.get(reference, PUT).timed:
        return ""
    time = _time_in(told.texts[reference])
    before = _time_in(stored.text) if stored.text else stored.resource.get("effectiveDateTime", "")
    return "" if time == before or moment(time) == moment(before) else time


def _time_in(text: bytes) -> str:
    begin = text.find(_TIME) + len(_TIME)
    return text[begin : text.index(b'"', begin)].decode() if begin >= len(_TIME) else ""


def _is_other(reference: str, told: Told) -> bool:
    """Tell whether a result may not be the stored one of its position: by its time, or as a document."""
    stored = told.stored.get(reference)
    if stored is None or _is_retired(stored) or _new_time(reference, told):
        return True
    was_document = _ATTACHED in stored.text if stored.text else is_attached(stored.resource)
    return was_document != (_ATTACHED in told.texts[reference])


def _is_retired(stored: Stored) -> bool:
    """Tell whether a result is part of another now, or was none any more: nothing is said of it."""
    return Mark.RETIRED in marks(stored.meta)


def _of_one_name(report: str, news: Collection[str], told: Told) -> Iterator[tuple[list[Result], list[Result]]]:
    """Yield the new results of each name, and the stored ones that they may mean, in the order of the report."""
    is_repeated = told.changes.get(report, PUT).control == "C"
    sent: dict[str, list[Result]] = {}
    names: dict[str, _Name] = {}
    for reference in news:
        resource = orjson.loads(told.texts[reference])
        names[reference] = _name(resource)
        change = told.changes.get(reference, PUT)
        one = _result(reference, resource)._replace(
            time=resource.get("effectiveDateTime", "") if change.timed else "",
            control=change.control,
            is_overtaken=_is_overtaken(reference, told),
            is_repeated=is_repeated,
        )
        sent.setdefault(names[reference].key, []).append(one)
    pairs = {name.codes: name.key for name in names.values()}
    known: dict[str, list[Result]] = {}
    places = [apart(one, time) for one in news if (time := _new_time(one, told))]
    for reference in dict.fromkeys((*_listed(told.stored[report].resource), *news, *places)):
        stored = told.stored.get(reference)
        if stored is None or _is_retired(stored):
            continue
        if reference in names or reference not in told.texts:
            name = names.get(reference) or _name(stored.resource)
            key = name.key if name.key in sent else pairs.get(name.codes[::-1], name.key)
            known.setdefault(key, []).append(
                _result(reference, stored.resource)._replace(is_overtaken=_is_overtaken(reference, told))
            )
    yield from ((results, known[key]) for key, results in sent.items() if key in known)


def _result(reference: str, resource: Resource) -> Result:
    return Result(
        reference,
        resource.get("effectiveDateTime", ""),
        resource.get("status", ""),
        value_of(resource),
        is_attached(resource),
        resource.get("identifier", []),
        resource.get("specimen"),
        said_before(meta_of(resource)),
    )


class _Name(NamedTuple):
    """What a result is called within its order (OBX-3, OBX-4).

    Attributes:
        key: Its code, else its text, and its sub-id.
        codes: Its code and the alternate one, each with the sub-id: a sender may let them change places.
    """

    key: str
    codes: tuple[str, ...]


def _name(resource: Resource) -> _Name:
    code = resource.get("code", {})
    codes = [coding["code"] for coding in code.get("coding", ()) if "code" in coding] or [code.get("text", "")]
    sub_ids = [one for one in resource.get("extension", ()) if one.get("url", "").endswith(_SUB_ID)]
    keys = tuple([repr((one, sub_ids)) for one in codes[:2]])
    return _Name(keys[0], keys)


def _is_overtaken(reference: str, told: Told) -> bool:
    stored = told.stored.get(reference)
    return stored is not None and is_older(meta_of(stored.resource), told.sequence)
