"""The registry of a stage of life, and when it refuses to start."""

from __future__ import annotations

import pytest

from shared.hl7 import parse
from shared.message.errors.configuration import RegistryInvalid
from shared.registry import load_registry

from .conftest import INTERFACE

MESSAGE = b"MSH|^~\\&|%s|%s|||20250101||%s|1|P|2.5\r"


def matched(registry, application=b"WARD", facility=b"HERE", message_type=b"ADT^A01"):
    found = registry.match(parse(MESSAGE % (application, facility, message_type)))
    return found and found.id


def test_defaults_are_the_choice_that_cannot_lose_or_reorder(files):
    """An analyst who writes three lines gets a destination that is safe."""
    registry = load_registry(files.root, "laptop")
    lab, books = registry.destinations["lab"], registry.destinations["books"]
    assert (lab.order, lab.concurrency, lab.connections, lab.idempotent) == ("feed", 1, 1, False)
    assert (lab.on_reject, lab.on_ambiguous, lab.on_quarantine, lab.replay) == (
        "hold_feed",
        "resend",
        "hold_key",
        "ask",
    )
    assert (books.order, books.concurrency, books.connections, books.idempotent) == ("key", 4, 8, False)
    assert (books.on_reject, books.on_ambiguous) == ("hold_key", "review")
    assert (lab.retry.base_seconds, lab.retry.cap_seconds, lab.retry.budget_hours) == (1, 300, 72)
    ward = registry.interfaces["ward"]
    assert (ward.accepts, ward.duplicate.key, ward.duplicate.window_hours) == (("P",), ("MSH-10",), 168)
    assert (ward.ordering_key, ward.on_invalid, ward.mapping.version, ward.zone) == (
        "patient",
        "quarantine",
        "1",
        "UTC",
    )


def test_a_stage_without_an_address_does_not_start(files):
    """A route that leads nowhere would fill its lane until somebody looks."""
    with pytest.raises(RegistryInvalid) as refused:
        load_registry(files.root, "prod")
    assert [problem.line for problem in refused.value.problems] == [10, 14]
    assert "`books` has no address in stage prod; give one in books.toml" in str(refused.value)


def test_addresses_given_from_outside_beat_those_of_the_files(files):
    """A laptop's receivers have ports of their own, and tests have others."""
    addresses = {"books": "https://books.example/", "lab": "secret:lab", "unknown": "mllp://x:1"}
    assert load_registry(files.root, "prod", addresses).addresses == {
        "books": "https://books.example/",
        "lab": "secret:lab",
    }
    assert load_registry(files.root, "laptop", {"lab": "mllp://b:2"}).addresses["lab"] == "mllp://b:2"


def test_a_password_in_an_address_from_outside_is_refused_and_not_repeated(files):
    """What is refused is printed, and what is printed is kept in a log."""
    with pytest.raises(RegistryInvalid) as refused:
        load_registry(files.root, "laptop", {"books": "https://me:swordfish@books.example/"})
    assert "holds a password" in str(refused.value)
    assert "swordfish" not in str(refused.value)


def test_any_fault_stops_the_start_and_the_rest_is_counted(files):
    """A hub that starts with half its interfaces refuses the other half's messages."""
    files.destination("lab", 'title = "Lab"\nkind = "fax"\n')
    files.destination("books", "")
    with pytest.raises(RegistryInvalid, match=r"books\.toml:1: .*, and 2 more\)"):
        load_registry(files.root, "laptop")


@pytest.mark.parametrize(("stages", "stage", "exists"), [('["prod"]', "prod", True), ('["prod"]', "laptop", False)])
def test_an_interface_exists_only_in_its_stages(files, stages, stage, exists):
    """The catch-all must not exist in production, whatever header it is sent."""
    (files.root / "ward" / "interface.toml").write_text(f"stages = {stages}\n{INTERFACE}", "utf-8")
    addresses = {"books": "https://books.example/", "lab": "mllp://lab:1"}
    assert ("ward" in load_registry(files.root, stage, addresses).interfaces) is exists


@pytest.mark.parametrize(
    ("lifecycle", "stage", "known", "takes"),
    [
        ("draft", "laptop", True, "ward"),
        ("draft", "prod", False, None),
        ("active", "prod", True, "ward"),
        ("retired", "prod", True, None),
    ],
)
def test_lifecycle_decides_who_takes_messages(files, lifecycle, stage, known, takes):
    """A draft never meets a real patient; a retired interface is remembered, for the trace of what it took."""
    (files.root / "ward" / "interface.toml").write_text(f'lifecycle = "{lifecycle}"\n{INTERFACE}', "utf-8")
    registry = load_registry(files.root, stage, {"books": "https://books.example/", "lab": "mllp://lab:1"})
    assert ("ward" in registry.interfaces) is known
    assert matched(registry) == takes


def test_the_most_specific_interface_takes_the_message(files):
    """Who sends says more than what is sent; an exact type says more than any event; a catch-all comes last."""
    match = '[[match]]\ntypes = ["ADT^*"]\nsending_application = "WARD"\n'

    def add(name: str, instead: str, stages: str = '["laptop"]') -> None:
        files.interface(name, f"stages = {stages}\n" + INTERFACE.replace(match, instead))

    add("one_event", match.replace("ADT^*", "ADT^A03"))
    add("one_site", match + 'sending_facility = ["THERE", "YONDER"]\n')
    add("any_a08", '[[match]]\ntypes = ["ADT^A08"]\n')
    add("catch_all", "[[match]]\n")
    for name in ("any_a08", "catch_all"):
        (files.root / name / "samples" / "01-first.hl7").write_bytes(MESSAGE % (b"X", b"Y", b"ADT^A08"))
    (files.root / "one_event" / "samples" / "01-first.hl7").write_bytes(MESSAGE % (b"WARD", b"", b"ADT^A03"))
    (files.root / "one_site" / "samples" / "01-first.hl7").write_bytes(MESSAGE % (b"WARD", b"THERE", b"ADT^A03"))
    registry = load_registry(files.root, "laptop")
    assert matched(registry) == "ward"
    assert matched(registry, message_type=b"ADT^A03") == "one_event"
    assert matched(registry, facility=b"THERE", message_type=b"ADT^A03") == "one_site"
    assert matched(registry, facility=b"YONDER^1.2.3^ISO") == "one_site"
    assert matched(registry, message_type=b"ADT^A08") == "ward"
    assert matched(registry, application=b"OTHER", message_type=b"ADT^A08") == "any_a08"
    assert matched(registry, application=b"OTHER") == "catch_all"
    assert matched(registry, application=b"", message_type=b"ORU^R01") == "catch_all"


def test_an_unknown_sender_belongs_to_no_interface(files):
    """It is answered AR: the hub never guesses whose data it has."""
    registry = load_registry(files.root, "laptop")
    assert matched(registry, application=b"OTHER") is None
    assert matched(registry, message_type=b"ORU^R01") is None


def test_what_is_remembered_of_headers_is_bounded_and_does_not_change_the_answer(files):
    """A sender that invents names must not fill the memory, and must not get another's interface."""
    registry = load_registry(files.root, "laptop")
    assert all(matched(registry, application=b"X%d" % number) is None for number in range(5000))
    assert len(registry._matcher._known) <= 4096
    assert matched(registry) == "ward"


def test_local_codes_come_with_their_interface(files):
    """Two laboratories may use one code for two tests."""
    folder = files.root / "ward" / "concept_maps"
    folder.mkdir()
    (folder / "codes.csv").write_text(
        "source_system,source_code,target_system,target_code,display\nL,K,http://loinc.org,2823-3,Potassium\n", "utf-8"
    )
    codes = load_registry(files.root, "laptop").concept_maps["ward"]
    assert codes.translate("L", "K") == ("http://loinc.org", "2823-3", "Potassium")
    assert codes.translate("L", "NA") is None
