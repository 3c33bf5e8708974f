"""What cancels an ADT event undoes exactly that: from HL7 through the mapping to the stored visit, and back."""

from __future__ import annotations

import pytest

from shared.changes.encounter_state import ROWS
from tests.unit.changes.feed import PID, Feed, visit

WARD, THEATRE, OTHER = "W1^101^A^GENHOSP", "OP^1^A^GENHOSP", "W2^201^B^GENHOSP"
ADA, BEN = "1^Attend^Ada^^^Dr", "2^Attend^Ben^^^Dr"
ADMITTED = visit(place=WARD, f7=ADA, f14="7", f44="202603010800+0000")


def adt(event: str, *lines: str) -> tuple[str, ...]:
    return f"ADT^{event}", f"EVN|{event}|202603011200+0000", PID, *lines


@pytest.fixture
def feed() -> Feed:
    """A hospital whose one patient was admitted."""
    hospital = Feed()
    hospital.tell(*adt("A01", ADMITTED))
    return hospital


LEFT = visit(place=WARD, f7=ADA, f36="01", f37="NURSING", f44="202603010800+0000", f45="202603051000+0000")

# HL7 v2.5.1: section of the cancelling event; what is said before it, and what cancels it. Where senders differ, both
# ways: with the fields as they are after the cancellation, and with those of the event that is cancelled.
ROUND_TRIPS = {
    "3.3.12 A02-A12": (adt("A02", visit(place=OTHER, f6=WARD)), adt("A12", visit(place=WARD, f6=OTHER))),
    "3.3.12 A02-A12, no place": (adt("A02", visit(place=OTHER)), adt("A12", visit())),
    "3.3.13 A03-A13": (adt("A03", LEFT), adt("A13", ADMITTED)),
    "3.3.13 A03-A13, with the discharge": (adt("A03", LEFT), adt("A13", LEFT)),
    "3.3.25 A16-A25": (adt("A16", ADMITTED, "PV2" + "|" * 9 + "20260305"), adt("A25", ADMITTED)),
    "3.3.26 A15-A26": (adt("A15", visit(place=WARD, f42=OTHER)), adt("A26", visit(place=WARD, f42=OTHER))),
    "3.3.32 A10-A32": (adt("A10", visit(place=THEATRE, f6=WARD)), adt("A32", visit(place=WARD))),
    "3.3.33 A09-A33": (adt("A09", visit(place=THEATRE, f6=WARD)), adt("A33", visit(place=WARD))),
    "3.3.52 A21-A52": (adt("A21", visit(place=WARD)), adt("A52", visit(place=WARD))),
    "3.3.55 A54-A55": (adt("A54", visit(place=WARD, f7=BEN)), adt("A55", visit(place=WARD, f7=ADA))),
}


@pytest.mark.parametrize(("done", "undone"), ROUND_TRIPS.values(), ids=ROUND_TRIPS)
def test_a_cancellation_leaves_the_visit_as_it_was_before(
    feed: Feed, done: tuple[str, ...], undone: tuple[str, ...]
) -> None:
    """Status, period, places and participants: what the mistake changed, and nothing else."""
    before = feed.only("Encounter")

    feed.tell(*done)
    assert feed.only("Encounter") != before
    feed.tell(*undone)

    assert feed.only("Encounter") == before


def test_a_cancelled_return_from_leave_leaves_the_patient_on_leave(feed: Feed) -> None:
    """3.3.53: A53 cancels A22, and the leave that A21 began goes on."""
    feed.tell(*adt("A21", ADMITTED))
    away = feed.only("Encounter")
    feed.tell(*adt("A22", ADMITTED))
    assert feed.only("Encounter")["status"] == "in-progress"
    feed.tell(*adt("A53", ADMITTED))

    assert (feed.only("Encounter"), away["status"]) == (away, "onleave")


def test_a_cancelled_change_of_consultant_leaves_the_consultant_of_before(feed: Feed) -> None:
    """3.3.62: A62 cancels A61; the attending doctor has no part in it."""
    feed.tell(*adt("A08", visit(place=WARD, f7=ADA, f9="3^Consult^Cora")))
    before = feed.only("Encounter")
    feed.tell(*adt("A61", visit(place=WARD, f9="4^Consult^Carl")))
    feed.tell(*adt("A62", visit(place=WARD, f9="3^Consult^Cora")))

    assert feed.only("Encounter") == before


@pytest.mark.parametrize(("event", "field", "role"), [("A55", "f7", "ATND"), ("A62", "f9", "CON")])
def test_a_cancelled_change_that_names_nobody_leaves_nobody(event: str, field: str, role: str) -> None:
    """The doctor of the cancelled change was a mistake; who it was before, only the sender knows (3.3.55, 3.3.62)."""
    feed = Feed()
    feed.tell(*adt("A01", visit(place=WARD, f17="5^Admit^Ann", **{field: BEN})))
    feed.tell(*adt(event, visit(place=WARD)))

    roles = [one["type"][0]["coding"][0]["code"] for one in feed.only("Encounter")["participant"]]
    assert roles == ["ADM"]
    assert role not in roles


# Section; what began, and what cancels it. R4 `cancelled`: "the Encounter has ended before it has begun".
NEVER_BEGAN = {
    "3.3.11 A01-A11": ("A01", ADMITTED, "A11"),
    "3.3.11 A04-A11": ("A04", visit(f2="O", place=WARD, f7=ADA, f44="202603010800+0000"), "A11"),
    "3.3.27 A14-A27": ("A14", visit(place=WARD, f7=ADA, f44="202603020800+0000"), "A27"),
    "3.3.38 A05-A38": ("A05", visit(f2="P", place=WARD, f7=ADA), "A38"),
}


@pytest.mark.parametrize(("begins", "said", "cancels"), NEVER_BEGAN.values(), ids=NEVER_BEGAN)
def test_a_visit_that_is_cancelled_holds_no_bed_and_no_time(begins: str, said: str, cancels: str) -> None:
    """Its bed is free for somebody else; who it was for stays to be read."""
    feed = Feed()
    expected = "PV2" + "|" * 8 + "20260302|20260305"
    feed.tell(*adt(begins, said, expected))
    before = feed.only("Encounter")
    feed.tell(*adt(cancels, said, expected))

    after = feed.only("Encounter")
    gone = {"period", "location", "extension"}
    assert after == {name: value for name, value in before.items() if name not in gone} | {"status": "cancelled"}
    assert "location" in before


@pytest.mark.parametrize("cancels", ["A12", "A33", "A32"])
def test_what_was_never_moved_is_not_moved_back(feed: Feed, cancels: str) -> None:
    """A cancelled transfer of which nothing is stored, and which says no place, loses no bed."""
    before = feed.only("Encounter")
    feed.tell(*adt(cancels, visit()))

    assert feed.only("Encounter") == before


def test_a_deleted_visit_takes_nothing_more(feed: Feed) -> None:
    """3.3.23: A23 says that it never was; even a new admission under its number waits for a person."""
    feed.tell(*adt("A23", ADMITTED))
    deleted = feed.only("Encounter")
    for event in ROWS:
        feed.tell(*adt(event, visit(place=OTHER)))

    assert feed.only("Encounter") == deleted
    assert deleted["status"] == "entered-in-error"


@pytest.mark.parametrize("event", ["A08", "A31"])
@pytest.mark.parametrize("before", ["A01", "A03", "A05", "A11", "A21"])
def test_an_update_changes_no_status_and_brings_nothing_back(before: str, event: str) -> None:
    """3.3.8, 3.3.31: whatever PV1 says of class, place and times."""
    feed = Feed()
    feed.tell(*adt(before, LEFT if before == "A03" else ADMITTED))
    status = feed.only("Encounter")["status"]
    feed.tell(*adt(event, visit(f2="E", place=WARD, f44="202603010800+0000")))

    assert feed.only("Encounter")["status"] == status


def test_one_visit_is_one_encounter_through_its_events(feed: Feed) -> None:
    """Admitted, moved, updated, discharged, that cancelled, and at last the admission too."""
    for event, said, status in (
        ("A02", visit(place=OTHER), "in-progress"),
        ("A08", visit(place=OTHER), "in-progress"),
        ("A03", LEFT, "finished"),
        ("A13", ADMITTED, "in-progress"),
        ("A11", ADMITTED, "cancelled"),
    ):
        feed.tell(*adt(event, said))
        assert feed.only("Encounter")["status"] == status


def test_a_deleted_person_counts_again_when_added_again() -> None:
    """3.3.29, 3.3.28: A29 and A28 undo one another."""
    feed = Feed()
    feed.tell(*adt("A28"))
    before = feed.only("Patient")
    feed.tell(*adt("A29"))
    assert feed.only("Patient")["active"] is False
    feed.tell(*adt("A28"))

    assert feed.only("Patient") == before
