"""Properties of a store that takes the same messages again, in part or out of order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.changes.notes import ResourceChange
from shared.changes.record import CanonicalRecord
from shared.message.errors.mapping import SubjectConflict
from tests.unit.changes.samples import Store, change, patient, record, visit

VALUES = st.sampled_from(["a", "b", "c"])
PERSONS = st.fixed_dictionaries(
    {},
    optional={
        "gender": VALUES,
        "birthDate": VALUES,
        "name": st.lists(VALUES.map(lambda value: {"family": value}), min_size=1, max_size=2),
        "identifier": st.lists(VALUES.map(lambda value: {"system": "s", "value": value}), min_size=1, max_size=2),
        "telecom": st.lists(
            st.builds(lambda use, value: {"use": use, "value": value}, st.sampled_from(["home", "work"]), VALUES),
            min_size=1,
            max_size=2,
        ),
    },
)
PLACES = st.lists(
    st.builds(
        lambda name, status: {"location": {"reference": f"Location/{name}"}, "status": status},
        VALUES,
        st.sampled_from(["active", "completed", "reserved"]),
    ),
    max_size=2,
)
VISITS = st.fixed_dictionaries({}, optional={"location": PLACES, "period": st.just({"start": "2026"})})
EVENTS = st.sampled_from(["A01", "A02", "A03", "A04", "A05", "A08", "A11", "A12", "A13", "A21", "A22", "A23", "A38"])
DELETED = st.lists(st.sampled_from(["gender", "birthDate", "name", "telecom[home]"]), max_size=2, unique=True)


@st.composite
def feeds(draw: st.DrawFn) -> list[CanonicalRecord]:
    """Draw the messages of one source, in order."""
    contents = draw(st.lists(st.tuples(EVENTS, PERSONS, VISITS, DELETED, st.booleans()), min_size=1, max_size=8))
    return [
        record(
            patient(**person),
            visit(**stay),
            n=n,
            event=event,
            resources=_notes(deleted, is_provisional),
        )
        for n, (event, person, stay, deleted, is_provisional) in enumerate(contents, 1)
    ]


def _notes(deleted: list[str], is_provisional: bool) -> tuple[ResourceChange, ...]:
    return (change("p", deleted=tuple(deleted), provisional=is_provisional),)


def after(*feed: CanonicalRecord) -> Store:
    store = Store()
    for one in feed:
        try:
            store.take(one)
        except SubjectConflict as conflict:
            raise AssertionError("one person, one visit") from conflict
    return store


def facts(store: Store) -> dict[str, dict[str, Any]]:
    return {name: store.said(name) for name in store.held}


@given(feeds(), st.data())
def test_taking_any_of_the_messages_again_changes_nothing(feed: list[CanonicalRecord], data: st.DataObject) -> None:
    """Redelivery and replay come in any order and any number; what is stored is the last word of the source."""
    again = data.draw(st.lists(st.sampled_from(feed), max_size=8))

    assert facts(after(*feed, *again)) == facts(after(*feed))


@given(feeds(), st.data())
def test_a_feed_that_begins_again_ends_as_if_it_had_not(feed: list[CanonicalRecord], data: st.DataObject) -> None:
    """A crash after any message, then everything from the start: at least once is once."""
    done = data.draw(st.integers(0, len(feed)))

    assert facts(after(*feed[:done], *feed)) == facts(after(*feed))


@given(feeds(), st.data())
def test_a_message_that_was_overtaken_takes_nothing_back(feed: list[CanonicalRecord], data: st.DataObject) -> None:
    """Out of order, the newest message still has the last word on everything it says."""
    newest = feed[-1]
    order = data.draw(st.permutations(feed))
    at = order.index(newest)
    said = newest.bundle["entry"][0]["resource"]
    is_owner = not any(one.provisional for one in newest.notes.resources)
    before, end = after(*order[: at + 1]), after(*order)

    if is_owner:
        assert end.said("Patient/p") == before.said("Patient/p")
        assert {name: end.said("Patient/p").get(name) for name in ("gender", "birthDate")} == {
            name: said.get(name, before.said("Patient/p").get(name)) for name in ("gender", "birthDate")
        }


@given(st.lists(PERSONS, min_size=1, max_size=6), st.permutations(range(6)))
def test_full_snapshots_end_the_same_in_any_order(persons: list[dict[str, Any]], order: list[int]) -> None:
    """A message that says everything needs none of those before it."""
    whole = {"gender": "a", "birthDate": "a", "name": [{"family": "a"}]}
    feed = [
        record(patient(**{name: person.get(name, value) for name, value in whole.items()}), n=n)
        for n, person in enumerate(persons, 1)
    ]
    shuffled = [feed[index] for index in order if index < len(feed)]

    last = feed[-1].bundle["entry"][0]["resource"]
    assert after(*shuffled).said("Patient/p") == last


@given(feeds())
def test_the_same_messages_give_the_same_bytes(feed: list[CanonicalRecord]) -> None:
    """Two stores fed alike must be comparable."""
    assert after(*feed).content() == after(*feed).content()


@given(PERSONS, PERSONS)
def test_absent_is_not_deleted(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Whatever the second message does not say, the first one's word stands."""
    end = after(record(patient(**first), n=1), record(patient(**second), n=2)).said("Patient/p")

    assert {name: end.get(name) for name in first.keys() - second.keys()} == {
        name: first[name] for name in first.keys() - second.keys()
    }


@given(feeds(), st.data())
def test_a_replay_to_the_newest_ends_in_the_same_state(feed: list[CanonicalRecord], data: st.DataObject) -> None:
    """A state feed replays as its final state, wherever the replay began and however often it is run (promise 7)."""
    begin = data.draw(st.integers(0, len(feed) - 1))
    store = after(*feed)
    before = unordered(facts(store))
    for one in feed[begin:]:
        store.take(one, is_replay=True)

    assert unordered(facts(store)) == before


def unordered(value: Any) -> Any:
    """Return a value with the members of its lists sorted: what is deleted and sent in one message moves to the end."""
    if isinstance(value, dict):
        return {name: unordered(one) for name, one in value.items()}
    return sorted(map(unordered, value), key=repr) if isinstance(value, list) else value
