"""Orders as hospitals send them: what a control code and ORC-5 together make of a stored one."""

from __future__ import annotations

import pytest

from shared.message.errors.mapping import OrderUnclear
from tests.unit.changes.feed import PID, Feed

GLUCOSE = "OBR|1|||GLU^Glucose^L"
ASPIRIN = "RXO|0001^Aspirin^L|1||TAB^^L"


def orc(control: str, status: str = "", placer: str = "P1^EHR", filler: str = "") -> str:
    return f"ORC|{control}|{placer}|{filler}||{status}"


def statuses(feed: Feed, kind: str) -> list[str]:
    return sorted(one["status"] for one in feed.all(kind))


@pytest.mark.parametrize(
    ("control", "status", "after"),
    [
        ("CA", "", "active"),
        ("CA", "CA", "revoked"),
        ("HD", "", "active"),
        ("HD", "HD", "on-hold"),
        ("SR", "ER", "active"),
        ("UC", "IP", "active"),
        ("SC", "CM", "completed"),
        ("RU", "", "revoked"),
        ("RQ", "", "revoked"),
        ("PR", "CM", "completed"),
        ("NA", "", "active"),
    ],
)
def test_orc_5_says_the_status_and_the_code_what_happened(control: str, status: str, after: str) -> None:
    """Most placers wait for no answer to CA: ORC-5 says that they took the order back (guide ORC[ServiceRequest] 3)."""
    feed = Feed()
    feed.tell("OML^O21", PID, orc("NW"), GLUCOSE)
    feed.tell("OML^O21", PID, orc(control, status), GLUCOSE)
    assert statuses(feed, "ServiceRequest") == [after]


@pytest.mark.parametrize(
    ("status", "after"), [("", "active"), ("HD", "on-hold"), ("CM", "completed"), ("XYZ", "active")]
)
def test_a_new_order_begins_as_orc_5_says(status: str, after: str) -> None:
    """One that is placed on hold is not carried out; one that was done already is not done again."""
    feed = Feed()
    feed.tell("OML^O21", PID, orc("NW", status), GLUCOSE)
    assert statuses(feed, "ServiceRequest") == [after]


def test_a_replaced_order_gives_way_to_its_replacement_under_the_same_placer_number() -> None:
    """Table 0119, RO: the placer's number of an unsolicited replacement is that of the order it replaces."""
    feed = Feed()
    feed.tell("OML^O21", PID, orc("NW", filler="F1^LAB"), GLUCOSE)
    feed.tell("OML^O21", PID, orc("RU", filler="F1^LAB"), GLUCOSE, orc("RO", filler="F2^LAB"), "OBR|2|||NA^Sodium^L")
    found = {one["code"]["coding"][0]["code"]: one["status"] for one in feed.all("ServiceRequest")}
    assert found == {"GLU": "revoked", "NA": "active"}


def test_an_order_of_earlier_results_brings_nothing_back() -> None:
    """PR comes along with a new order, for whoever reads its results (table 0119); it is not to be done again."""
    feed = Feed()
    feed.tell("OML^O21", PID, orc("NW"), GLUCOSE)
    feed.tell("OML^O21", PID, orc("OC"), GLUCOSE)
    applied = feed.tell("OML^O21", PID, orc("PR", "CM"), GLUCOSE)
    assert statuses(feed, "ServiceRequest") == ["revoked"]
    assert applied.findings == ()


@pytest.mark.parametrize(
    ("control", "status", "after"),
    [("CA", "CA", "cancelled"), ("CA", "", "active"), ("UD", "ER", "active"), ("HD", "HD", "on-hold")],
)
def test_a_prescription_follows_orc_5_too(control: str, status: str, after: str) -> None:
    """A drug whose order was taken back is given to nobody."""
    feed = Feed()
    feed.tell("OMP^O09", PID, orc("NW"), ASPIRIN)
    feed.tell("OMP^O09", PID, orc(control, status), ASPIRIN)
    assert statuses(feed, "MedicationRequest") == [after]


@pytest.mark.parametrize(
    ("control", "after"),
    [
        ("RE", "completed"),
        ("CA", "unknown"),
        ("UA", "declined"),
        ("UX", "unknown"),
        ("OC", "cancelled"),
        ("OE", "in-progress"),
    ],
)
def test_a_dispense_that_is_asked_for_or_refused_was_not_handed_over(control: str, after: str) -> None:
    """RDS tells of a dispense; what its ORC only asks for, or refuses, gave nobody a drug."""
    feed = Feed()
    feed.tell("RDS^O13", PID, orc(control), "RXD|1|0001^Aspirin^L|202603011100|10|TAB^^L||RX7")
    assert statuses(feed, "MedicationDispense") == [after]


@pytest.mark.parametrize(
    ("control", "completion", "after"),
    [("OC", "", "not-done"), ("CA", "", "not-done"), ("OC", "CP", "completed"), ("RE", "", "completed")],
)
def test_no_dose_of_a_cancelled_order_was_given_unless_rxa_20_says_so(
    control: str, completion: str, after: str
) -> None:
    """A dose that nobody got, recorded as given, is not given later."""
    feed = Feed()
    rxa = f"RXA|0|1|202603011100|202603011100|0001^Aspirin^L|1|TAB^^L{'|' * 13}{completion}"
    feed.tell("RAS^O17", PID, orc(control), rxa)
    assert statuses(feed, "MedicationAdministration") == [after]


def test_an_order_that_is_released_is_not_handed_over_yet() -> None:
    """OR and OE end a hold, no more."""
    feed = Feed()
    rxd = "RXD|1|0001^Aspirin^L|202603011100|10|TAB^^L||RX7"
    feed.tell("RDS^O13", PID, orc("OH"), rxd)
    feed.tell("RDS^O13", PID, orc("OR"), rxd)
    assert statuses(feed, "MedicationDispense") == ["in-progress"]


def test_a_drug_that_replaces_another_under_its_number_inherits_no_dose() -> None:
    """Table 0119, RO: RU and RO may have one placer number; what the old drug had is not the new one's."""
    feed = Feed()
    old = "RXO|0001^Aspirin^L|500||MG^^L||||||||||||||||PAIN^Pain^L"
    feed.tell("OMP^O09", PID, orc("NW", filler="F1^RX"), old)
    feed.tell(
        "OMP^O09", PID, orc("RU", filler="F1^RX"), old, orc("RO", filler="F2^RX"), "RXO|0002^Ibuprofen^L|200||MG^^L"
    )
    order = feed.only("MedicationRequest")
    assert order["status"] == "active"
    assert order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 200
    assert "reasonCode" not in order


@pytest.mark.parametrize("control", ["OC", "CR", "DC", "OD", "RU", "OH"])
def test_an_order_that_is_ended_without_its_service_is_not_lost(control: str) -> None:
    """Its number may hold several services: an order of its own would be cancelled, and the real one carried out."""
    feed = Feed()
    feed.tell("ORM^O01", PID, orc("NW"), GLUCOSE)
    with pytest.raises(OrderUnclear):
        feed.tell("ORM^O01", PID, orc(control, filler="F1^LAB"))
    assert statuses(feed, "ServiceRequest") == ["active"]


def test_an_order_that_came_without_a_service_is_ended_without_one() -> None:
    """Who never sends an OBR is understood all the same."""
    feed = Feed()
    feed.tell("ORM^O01", PID, orc("NW"))
    feed.tell("ORM^O01", PID, orc("OC"))
    assert statuses(feed, "ServiceRequest") == ["revoked"]


def test_the_original_of_a_code_goes_with_its_message() -> None:
    """UA has no word in R4 and is kept beside the status; after OK it would say that nobody has accepted the order."""
    feed = Feed()
    feed.tell("OML^O21", PID, orc("NW"), GLUCOSE)
    feed.tell("OML^O21", PID, orc("UA"), GLUCOSE)
    refused = feed.only("ServiceRequest")
    assert refused["status"] == "active"
    assert refused["_status"]["extension"]
    feed.tell("OML^O21", PID, orc("OK"), GLUCOSE)
    assert "_status" not in feed.only("ServiceRequest")


@pytest.mark.parametrize(
    ("control", "status", "is_told"),
    [
        *[("OC", "", True), ("CR", "", True), ("OH", "", True), ("RU", "", True), ("CA", "CA", True)],
        *[("CA", "", False), ("NW", "HD", False), ("SC", "CM", False)],
    ],
)
def test_whoever_ends_an_order_that_is_not_known_is_told(control: str, status: str, is_told: bool) -> None:
    """A filler may name the service by a code of its own (OBR-4): the order that the placer gave stays active, and
    nothing else would say so."""
    feed = Feed()
    feed.tell("ORM^O01", PID, orc("NW"), GLUCOSE)
    applied = feed.tell("ORM^O01", PID, orc(control, status, filler="F1^LAB"), "OBR|1|||2345-7^Glucose^LN")
    assert [one.code for one in applied.findings] == ["order_not_known"] * is_told


def test_an_order_that_is_known_is_ended_without_a_word() -> None:
    """A finding on every cancellation is one that nobody reads."""
    feed = Feed()
    feed.tell("ORM^O01", PID, orc("NW"), GLUCOSE)
    assert feed.tell("ORM^O01", PID, orc("OC"), GLUCOSE).findings == ()
    assert feed.tell("ORM^O01", PID, orc("OC"), GLUCOSE).findings == ()


@pytest.mark.parametrize(("status", "after"), [("", "unknown"), ("IP", "active"), ("CA", "revoked"), ("HD", "on-hold")])
@pytest.mark.parametrize("kind", ["ServiceRequest", "MedicationRequest"])
def test_an_order_under_a_control_code_that_nobody_knows_is_stored(kind: str, status: str, after: str) -> None:
    """It was acknowledged, and left out nobody would carry it out: the code counts as none, and ORC-5 as ever."""
    feed = Feed()
    event, detail = ("OML^O21", GLUCOSE) if kind == "ServiceRequest" else ("RDE^O11", "RXE||1^Aspirin^L|1||mg|TAB")
    applied = feed.tell(event, PID, orc("ZZ", status), detail)
    expected = "cancelled" if (kind, after) == ("MedicationRequest", "revoked") else after
    assert (statuses(feed, kind), applied.left_out) == ([expected], ())


def test_a_control_code_that_nobody_knows_leaves_a_stored_order_as_it_is() -> None:
    """Nobody can tell what it asks for; what ORC-5 says counts."""
    feed = Feed()
    feed.tell("OML^O21", PID, orc("NW"), GLUCOSE)
    feed.tell("OML^O21", PID, orc("ZZ"), GLUCOSE)
    assert statuses(feed, "ServiceRequest") == ["active"]
    feed.tell("OML^O21", PID, orc("ZZ", "CM"), GLUCOSE)
    assert statuses(feed, "ServiceRequest") == ["completed"]
