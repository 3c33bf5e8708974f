"""Who was affected, without saying who; and who looked (promise 5)."""

from __future__ import annotations

import orjson
import pytest

from shared.message.audit import Caller
from shared.message.errors.pipeline import NotFound, RequestInvalid, RoleMissing
from shared.message.finding import Finding
from shared.message.record import Hop, Progress
from shared.recover.affected import REVEAL
from tests.pipeline.conftest import OF_OLD
from tests.pipeline.hub_in_process import REJECTED
from tests.pipeline.messages import adt

OTHER = "70002^^^GENERAL^MR"


@pytest.fixture
async def delivered(start_hub):
    """A hub with two messages of one patient and one of another, whose delivery was rejected."""
    hub = await start_hub("store", "keyed")
    hub.receivers["keyed"].answer = lambda delivery, body: REJECTED if b"Beta" in body else hub_accepts(delivery, body)
    for message in (adt("A1"), adt("A2", "A08"), adt("B1", number=OTHER, visit="V2", name="Beta^Ben")):
        await hub.take(message)
    await hub.work()
    return hub


def hub_accepts(delivery, body):
    from tests.pipeline.hub_in_process import ACCEPTED

    return ACCEPTED


async def test_counts_and_hashes_answer_who_was_affected(delivered):
    """The number decides whether somebody is woken; names are nobody's business yet."""
    told = await delivered.hub.affected.count({"affected_by": "adt@1"})

    assert (told["messages"], told["patients"]["count"]) == (3, 2)
    assert told["destinations"] == [
        {"id": "keyed", "accepted": 2, "quarantined": 1},
        {"id": "store", "accepted": 3},
    ]
    assert "7000" not in str(told)
    assert (await delivered.record("A1")).key.partition("/")[2] not in str(told)


async def test_the_hash_of_a_patient_is_the_same_in_every_answer(delivered):
    """Two lists can be compared without knowing anybody on them."""
    one = await delivered.hub.affected.count({"interface": "adt"})
    other = await delivered.hub.replays.plan(orjson.dumps({"interface": "adt"}))

    assert one["patients"]["hashes"] == other["patients"]["hashes"]


async def test_a_destination_selects_what_went_there(delivered):
    """Whoever got the wrong bytes is asked about those alone."""
    told = await delivered.hub.affected.count({"destination": "keyed"})

    assert told["messages"] == 3
    assert [one["id"] for one in told["destinations"]] == ["keyed"]


BACKWARDS = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}


@pytest.mark.parametrize("said", [{}, {"name": "x"}, {"from": "noon"}, BACKWARDS])
async def test_a_question_that_is_not_clear_is_refused(delivered, said):
    """A misspelt selector would count everybody; a window that ends before it begins, nobody."""
    with pytest.raises(RequestInvalid):
        await delivered.hub.affected.count(said)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("code_unmaped", "no code_unmaped about messages; nearest: code_unmapped"),
        ("transform-001", "nearest: TRANSFORM-001, TRANSFORM-002"),
        ("NOSUCH", "no NOSUCH about messages; docs/findings.md"),
        ("code unmapped", "no such code about messages; nearest: code_unmapped"),
        ("element_not_carried", "element_not_carried is not noted about messages"),
        ("STORE-011", "caduceus quarantine list"),
        ("HL7-107", "caduceus quarantine list"),
        ("HL7-101", "HL7-101 stops no message that the hub took"),
        ("INGEST-002", "INGEST-002 stops no message that the hub took"),
        ("DELIVER-020", "caduceus quarantine list"),
    ],
)
async def test_a_code_that_no_message_can_have_is_refused_by_name(delivered, code, told):
    """`0 messages` would let whoever mistyped it believe that nobody was affected."""
    hub, ann = delivered.hub, Caller("ann", frozenset({REVEAL}))
    said = {"finding": code}
    asked = (
        hub.affected.count(said),
        hub.affected.reveal(orjson.dumps({**said, "reason": "asked"}), ann),
        hub.replays.plan(orjson.dumps(said)),
        hub.replays.start(orjson.dumps(said)),
    )
    for question in asked:
        with pytest.raises(RequestInvalid) as refused:
            await question
        assert told in str(refused.value)


@pytest.mark.parametrize("code", ["currency_invalid", "STORE-010", "HL7-105", "INGEST-004", "FHIR-004"])
async def test_a_code_that_no_message_has_but_one_could_have_is_answered(delivered, code):
    """Nobody was affected: that is an answer, too."""
    assert (await delivered.hub.affected.count({"finding": code}))["messages"] == 0


async def test_what_an_older_release_noted_is_found_under_its_code(delivered):
    """A finding that was renamed since is in the ledger as it was."""
    record = await delivered.record("A1")
    hop = Hop(record.message, record.received, "transform", "transformed")
    noted = (Finding(OF_OLD, "PV1-10"),)
    await delivered.hub.adapters.ledger.progress([Progress(record.message, record.state, hop, findings=noted)])

    assert (await delivered.hub.affected.count({"finding": OF_OLD}))["messages"] == 1
    assert (await delivered.hub.replays.plan(orjson.dumps({"finding": OF_OLD})))["messages"] == 1
    with pytest.raises(RequestInvalid):
        await delivered.hub.affected.count({"finding": OF_OLD, "to": "2020-01-01T00:00:00Z"})


async def test_an_unknown_destination_is_told(delivered):
    """Nobody affected, and no such destination, are two answers."""
    with pytest.raises(NotFound):
        await delivered.hub.affected.count({"destination": "none"})


@pytest.mark.parametrize(
    ("ask", "nearest"),
    [
        (lambda hub: hub.console.messages({"interface": "adtt"}), "interface adtt; nearest: adt"),
        (lambda hub: hub.affected.count({"interface": "adtt"}), "interface adtt; nearest: adt"),
        (lambda hub: hub.affected.count({"destination": "keyd"}), "destination keyd; nearest: keyed"),
        (lambda hub: hub.replays.plan(b'{"destinations": ["keyd"]}'), "destination keyd; nearest: keyed"),
        (lambda hub: hub.pauses.order("atd", "pause"), "interface atd; nearest: adt"),
        (lambda hub: hub.orders.order("keyd", "pause"), "destination keyd; nearest: keyed"),
    ],
)
async def test_a_name_that_nobody_has_is_answered_with_the_nearest(delivered, ask, nearest):
    """That no message fits a mistyped interface is believed, and nobody looks any further."""
    with pytest.raises(NotFound, match=nearest):
        await ask(delivered.hub)


async def test_messages_of_an_interface_that_was_taken_out_of_the_files_are_listed(delivered):
    """They are in the ledger all the same; what is found, counts."""
    delivered.hub.registry.interfaces.clear()
    assert (await delivered.hub.console.messages({"interface": "adt"}))["messages"] != []


async def test_patients_are_shown_to_the_role_alone_with_a_reason_and_an_audit_entry(delivered):
    """What the privacy officer asks for: who saw whom, when, and why."""
    request = orjson.dumps({"interface": "adt", "reason": "the ward has to be told"})
    affected = delivered.hub.affected
    with pytest.raises(RoleMissing):
        await affected.reveal(request, Caller("ann"))
    assert (await affected.audited())["audit"] == []

    ann = Caller("ann", frozenset({REVEAL}))
    with pytest.raises(RequestInvalid):
        await affected.reveal(orjson.dumps({"interface": "adt"}), ann)
    told = await affected.reveal(request, ann)

    assert sorted((one["number"], one["assigner"]) for one in told["patients"]) == [
        ("70001", "GENERAL"),
        ("70002", "GENERAL"),
    ]
    [entry] = (await affected.audited())["audit"]
    assert (entry["who"], entry["act"], entry["affected"]) == ("ann", "reveal", 2)
    assert (entry["reason"], entry["what"]) == ("the ward has to be told", "interface=adt")


async def test_a_hash_leads_to_the_messages_of_its_patient(delivered):
    """It is all that an operator was shown: everything that can be asked, can be asked by it."""
    hub, first = delivered.hub, await delivered.record("A1")
    [hashed] = (await hub.replays.plan(orjson.dumps({"message": first.message})))["patients"]["hashes"]

    assert [one["control_id"] for one in (await hub.console.messages({"patient": hashed}))["messages"]] == ["A2", "A1"]
    assert [one["control_id"] for one in (await hub.console.messages({"patient": hashed.upper()}))["messages"]] != []
    newest = await hub.console.message(hashed)
    assert (newest["message"]["control_id"], newest["message"]["patient"]) == ("A2", hashed)
    assert newest["others"] == [first.message]
    assert (await hub.affected.count({"patient": hashed}))["messages"] == 2
    told = await hub.replays.plan(orjson.dumps({"patient": hashed, "destinations": ["keyed"]}))
    assert (told["messages"], told["patients"]["hashes"]) == (2, [hashed])
    told = await hub.replays.start(orjson.dumps({"patient": hashed}))
    assert (await hub.adapters.replays.get(told["run"])).selection.key == first.key


async def test_a_hash_of_nobody_is_told_from_what_is_no_hash(delivered):
    """A hash of another hub, or one that was copied without its last digit."""
    nobody = "0" * 16
    for ask in (delivered.hub.console.messages, delivered.hub.affected.count):
        with pytest.raises(NotFound):
            await ask({"patient": nobody})
    with pytest.raises(NotFound):
        await delivered.hub.console.message(nobody)
    for short in (nobody[1:], "Patient/70001"):
        with pytest.raises(RequestInvalid):
            await delivered.hub.affected.count({"patient": short})
