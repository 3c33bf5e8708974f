"""What lies below a visit or an account follows it to the person it was moved to (decision 0144)."""

from __future__ import annotations

import pytest

from shared.message.errors.mapping import SubjectConflict
from tests.unit.changes.feed import Feed

JANE = "100001^^^GENHOSP^MR||Sample^Jane||19800101|F||||||||||K1"
JOHN = "100002^^^GENHOSP^MR||Sample^John||19700202|M||||||||||K1"
PV1 = "PV1|1|I|" + "|" * 16 + "V1^^^GENHOSP^VN"

# A45 moves the visit (HL7 v2.5.1 3.3.45), A44 the account with all of its visits (3.3.44).
MOVES = {"A45": (PV1,), "A44": ()}


def told(event: str, who: str, *lines: str) -> tuple[str, ...]:
    return (event, f"PID|1||{who}", *lines)


def moved(event: str, from_: str, to: str) -> tuple[str, ...]:
    """Return a move from one person to another."""
    number = from_.partition("|")[0]
    return told(f"ADT^{event}", to, f"MRG|{number}||K1||V1^^^GENHOSP^VN", *MOVES[event])


def result(who: str, value: str, status: str = "F", *, visit: str = PV1) -> tuple[str, ...]:
    obx = f"OBX|1|NM|2951-2^Sodium^LN||{value}|mmol/L^^UCUM||||{status}"
    return told(
        "ORU^R01", who, *filter(None, [visit]), f"OBR|1|P1|F1^LAB|80048^Panel^L|||||||||||||||||||||{status}", obx
    )


@pytest.fixture
def feed() -> Feed:
    """Jane's visit V1 on account K1, with a result."""
    feed = Feed()
    feed.tell(*told("ADT^A01", JANE, PV1))
    feed.tell(*result(JANE, "138"))
    return feed


def owner(feed: Feed, kind: str) -> str:
    """Return the number of the person a stored resource is about."""
    one = feed.only(kind)["subject"]
    subject = one if isinstance(one, dict) else one[0]
    [patient] = [each for each in feed.all("Patient") if f"Patient/{each['id']}" == subject["reference"]]
    number: str = patient["identifier"][0]["value"]
    return number


@pytest.mark.parametrize("event", MOVES)
def test_a_correction_for_the_new_person_finds_the_result(feed: Feed, event: str) -> None:
    """Before, it stopped: the result was stored for the person it was registered for by mistake."""
    feed.tell(*moved(event, JANE, JOHN))

    feed.tell(*result(JOHN, "139", "C"))

    assert owner(feed, "Observation") == owner(feed, "DiagnosticReport") == "100002"
    assert feed.only("Observation")["valueQuantity"]["value"] == 139


def test_the_visits_of_an_account_follow_with_their_next_event(feed: Feed) -> None:
    """The message of the move names none of them."""
    feed.tell(*moved("A44", JANE, JOHN))
    assert (owner(feed, "Account"), owner(feed, "Encounter")) == ("100002", "100001")

    feed.tell(*told("ADT^A08", JOHN, PV1))

    assert owner(feed, "Encounter") == "100002"


@pytest.mark.parametrize("event", MOVES)
def test_a_move_back_takes_back_what_has_followed(feed: Feed, event: str) -> None:
    """Nothing of HL7 cancels a move but the move the other way."""
    feed.tell(*moved(event, JANE, JOHN))
    feed.tell(*result(JOHN, "139", "C"))

    feed.tell(*moved(event, JOHN, JANE))
    feed.tell(*result(JANE, "140", "C"))

    assert owner(feed, "Observation") == "100001"


@pytest.mark.parametrize("event", MOVES)
def test_for_the_person_it_was_moved_from_it_stops(feed: Feed, event: str) -> None:
    """A correction that still names the wrong person is for a person to decide on."""
    feed.tell(*moved(event, JANE, JOHN))
    feed.tell(*result(JOHN, "139", "C"))

    with pytest.raises(SubjectConflict):
        feed.tell(*result(JANE, "140", "C"))


def test_without_a_move_it_stops(feed: Feed) -> None:
    """The same filler number for another patient, and the same account: nobody moved anything."""
    with pytest.raises(SubjectConflict):
        feed.tell(*result(JOHN, "139", "C"))


def test_what_names_neither_visit_nor_account_stops(feed: Feed) -> None:
    """Nothing says that the result belongs to what was moved."""
    feed.tell(*moved("A45", JANE, JOHN))
    alone = JOHN.removesuffix("K1")

    with pytest.raises(SubjectConflict):
        feed.tell(*result(alone, "139", "C", visit=""))
