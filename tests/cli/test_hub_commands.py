"""Commands that ask a hub, or tell it what to do."""

from __future__ import annotations

import base64
import json
import re

import pytest

MESSAGE = {
    "id": "1-0195",
    "interface": "hospital_adt",
    "type": "ADT^A01",
    "control_id": "WV1",
    "patient": "00112233aabbccdd",
    "received": "2025-03-10T08:15:02+00:00",
    "state": "routed",
    "code": "",
    "source": "hospital_adt",
    "epoch": 1,
    "n": 7,
}
DELIVERY = {
    "id": "1-d",
    "destination": "billing",
    "state": "parked",
    "attempts": 2,
    "code": "HTTP 503",
    "due": "2025-03-10T08:16:00+00:00",
    "offered": "2025-03-10T08:15:03+00:00",
    "settled": None,
}
ID = "1-01a22cc7ac1798aa3e45e4b18903f37d"  # as a hub makes them: nobody takes it for an MSH-10
ATTEMPT = {"delivery": "1-d", "began": "2025-03-10T08:15:02.010+00:00", "verdict": "transient"}
TRACE = {
    "message": MESSAGE,
    "hops": [
        {"at": "2025-03-10T08:15:02.004+00:00", "stage": "ingest", "code": "queued", "detail": ""},
        {"at": "2025-03-10T08:15:02.031+00:00", "stage": "route", "code": "routed", "detail": "billing yes: type"},
    ],
    "findings": [{"code": "code_unmapped", "place": "PV1-10", "detail": "table 0069"}],
    "deliveries": [DELIVERY],
    "attempts": [
        {**ATTEMPT, "number": 1, "ended": "2025-03-10T08:15:02.020+00:00", "code": "refused"},
        {**ATTEMPT, "number": 2, "ended": "2025-03-10T08:15:03+00:00", "code": "HTTP 503"},
    ],
    "others": ["1-0007"],
}


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_is_no_id_is_said_before_anybody_is_asked(run, hub, name):
    """An empty variable in a script: the address of the list would answer, and the list is no message."""
    done = run("trace", name, "--hub", hub.url)

    assert (done.code, hub.asked) == (2, [])
    assert "is no id" in done.err


def test_trace_shows_every_hop_delivery_attempt_and_finding(run, hub):
    """At 3 a.m. one command answers where the message is, and who has it."""
    hub.answer("/hub/messages/WV1", TRACE)
    said = run("trace", "WV1", "--hub", hub.url).out
    assert "ADT^A01" in said
    assert "hospital_adt / 1 / 7" in said
    assert "+31 ms" in said
    assert "billing yes: type" in said
    assert "billing: refused, attempt 1" in said
    assert "billing: HTTP 503, attempt 2" in said
    assert "code_unmapped" in said
    assert said.index("queued") < said.index("attempt 1") < said.index("routed  ") < said.index("attempt 2")
    assert "1 older with the same control id: 1-0007" in said


def test_trace_says_what_an_answer_means_and_what_is_next(run, hub):
    """The code alone is a word of the network's; whoever is woken has the trace open."""
    reason = "TLS with it fails; look at its certificate"
    failing = {**DELIVERY, "code": "tls_failed", "reason": reason}
    hub.answer("/hub/messages/WV1", {**TRACE, "deliveries": [failing, {**DELIVERY, "reason": ""}]})
    lines = run("trace", "WV1", "--hub", hub.url).out.splitlines()
    assert [line for line in lines if line.startswith("billing: ")] == [f"billing: tls_failed: {reason}"]


def test_trace_of_an_unknown_message_says_so(run, hub):
    """A typing error in an id is the commonest reason."""
    ran = run("trace", "no/such id", "--hub", hub.url)
    assert (ran.code, ran.err) == (1, "caduceus: the hub refused: no such message\n")
    assert hub.asked == [("GET", "/hub/messages/no%2Fsuch%20id", b"")]


@pytest.mark.parametrize(
    ("arguments", "path", "answer"),
    [
        (["messages"], "/hub/messages?limit=20", {"messages": [{**MESSAGE, "deliveries": [DELIVERY]}]}),
        (["trace", "WV1"], "/hub/messages/WV1", TRACE),
        (["quarantine", "list"], "/hub/quarantine?limit=50", {"messages": [MESSAGE], "deliveries": []}),
        (["destination", "list"], "/hub/destinations", {"destinations": []}),
        (["destination", "pause", "billing"], "/hub/destinations/billing/pause", {"paused": True}),
        (["destination", "resume", "billing"], "/hub/destinations/billing/resume", {"paused": False}),
        (["interfaces", "pause", "adt"], "/hub/interfaces/adt/pause", {"paused": True}),
        (["interfaces", "resume", "adt"], "/hub/interfaces/adt/resume", {"paused": False}),
        (["connectors"], "/hub/connectors", {"connectors": []}),
        (["connectors", "--forget", "north"], "/hub/connectors/north/forget", {"forgotten": "north"}),
        (["resend", ID, "--reason", "asked"], f"/hub/messages/{ID}/resend", {"resent": 1}),
        (["receivers"], "/local/receivers", [{"name": "billing", "up": True}]),
        (["receiver", "billing", "down"], "/local/receivers/billing/down", {"up": False}),
        (["health"], "/health", {"status": "pass", "checks": []}),
    ],
)
def test_json_is_the_hubs_own_answer_and_nothing_else(run, hub, arguments, path, answer):
    """A script gets the whole truth, not what fits a table."""
    hub.answer(path, answer)
    ran = run(*arguments, "--hub", hub.url, "--json")
    assert (ran.code, ran.json, ran.err) == (0, answer, "")


def test_messages_are_listed_with_how_far_each_is(run, hub):
    """The first look at a hub."""
    stopped = {**MESSAGE, "id": "1-0196", "state": "quarantined", "code": "HL7-105", "deliveries": []}
    rows = [{**MESSAGE, "deliveries": [DELIVERY]}, stopped]
    hub.answer("/hub/messages?limit=5&state=routed&interface=hospital_adt", {"messages": rows})
    ran = run("messages", "--limit", 5, "--state", "routed", "--interface", "hospital_adt", "--hub", hub.url)
    lines = ran.out.splitlines()
    assert any("1-0195" in line and "billing parked (2)" in line for line in lines)
    assert any("1-0196" in line and "HL7-105" in line for line in lines)


def test_an_empty_hub_says_what_to_do_next(run, hub):
    """An empty table teaches nothing."""
    hub.answer("/hub/messages?limit=20", {"messages": []})
    hub.answer("/hub/quarantine?limit=50", {"messages": [], "deliveries": []})
    assert run("messages", "--hub", hub.url).out == "no messages yet; send one with `caduceus send FILE`\n"
    assert run("quarantine", "list", "--hub", hub.url).out == "nothing waits for a person\n"


def test_quarantine_lists_messages_and_deliveries(run, hub):
    """Both wait for a person, for different reasons."""
    stopped = {**DELIVERY, "message": "1-0200", "control_id": "WV2", "state": "review", "code": "timed_out"}
    hub.answer("/hub/quarantine?limit=50", {"messages": [{**MESSAGE, "state": "quarantined"}], "deliveries": [stopped]})
    said = run("quarantine", "list", "--hub", hub.url).out
    assert "1-0195" in said
    assert "1-0200" in said
    assert "WV2" in said
    assert "timed_out" in said
    assert "there are more" not in said


def test_a_full_quarantine_says_that_not_all_of_it_is_shown(run, hub):
    """Whoever works through the list must not believe it is done at its end."""
    hub.answer("/hub/quarantine?limit=1", {"messages": [MESSAGE], "deliveries": [], "more": True})
    assert "there are more" in run("quarantine", "list", "--limit", 1, "--hub", hub.url).out


def test_a_resend_carries_its_reason(run, hub):
    """The trace says who wanted it again, and why."""
    hub.answer(f"/hub/messages/{ID}/resend", {})
    ran = run("resend", ID, "--reason", "billing was down", "--hub", hub.url)
    assert ran.code == 0
    assert json.loads(hub.asked[0][2]) == {"reason": "billing was down"}


@pytest.mark.parametrize("order", ["resend", "discard", "correct"])
def test_an_order_may_name_a_message_by_its_msh_10(run, hub, tmp_path, order):
    """Whoever is called at night is told what the sender knows: the number it gave the message."""
    file = tmp_path / "corrected.hl7"
    file.write_bytes(b"MSH|^~\\&|A\n")
    hub.answer("/hub/messages/WV1", {**TRACE, "others": []})
    hub.answer("/hub/messages/1-0195/" + order, {"message": "1-0195", "corrected": "1-2", "destinations": []})
    corrected = ("--file", str(file)) if order == "correct" else ()

    ran = run(order, "WV1", *corrected, "--reason", "asked", "--hub", hub.url)

    assert (ran.code, ran.err) == (0, "")
    assert [path for _, path, _ in hub.asked] == ["/hub/messages/WV1", f"/hub/messages/1-0195/{order}"]


def test_an_order_for_an_msh_10_of_several_messages_is_not_guessed(run, hub):
    """MSH-10 is not unique in the wild, and a message that is given up is given up."""
    hub.answer("/hub/messages/WV1", TRACE)

    ran = run("discard", "WV1", "--reason", "asked", "--hub", hub.url)

    assert (ran.code, len(hub.asked)) == (1, 1)
    assert "2 messages have the control id WV1; name one by its id: 1-0195, 1-0007" in ran.err


def test_an_order_for_a_patient_is_not_guessed(run, hub):
    """A patient's hash finds the newest message in a trace; an order is for one that was named."""
    hub.answer("/hub/messages/0123456789abcdef", TRACE)

    ran = run("resend", "0123456789abcdef", "--reason", "asked", "--hub", hub.url)

    assert (ran.code, len(hub.asked)) == (1, 1)
    assert "is a patient" in ran.err


def test_a_resend_without_a_reason_is_refused(run, hub):
    """An audit asks for it later, when nobody remembers."""
    ran = run("resend", "WV1", "--hub", hub.url)
    assert ran.code == 2
    assert "--reason" in ran.err
    assert hub.asked == []


def test_connectors_are_listed_with_what_needs_a_person(run, hub):
    """Who is silent, and whose certificate lapses, at one look."""
    row = {"version": "0.1.0", "last_echo": "2026-03-01T12:00:00+00:00", "waiting": 0, "oldest": None}
    lapses = [
        {"of": "adt", "lapses": "2027-01-31T00:00:00+00:00"},
        {"of": "lab", "lapses": "2026-05-01T00:00:00+00:00"},
    ]
    rows = [
        {**row, "name": "north", "certificates": lapses, "concerns": []},
        {**row, "name": "south", "certificates": [{"of": "adt", "lapses": None}],
         "concerns": [{"code": "CONNECTOR-010", "reason": "silent"}]},
    ]  # fmt: skip
    hub.answer("/hub/connectors", {"connectors": rows})
    north, south = run("connectors", "--hub", hub.url).out.splitlines()[-2:]
    assert "2026-05-01" in north
    assert "heard" in north
    assert "unreadable" in south
    assert "CONNECTOR-010" in south


def test_destinations_are_listed_with_their_state(run, hub):
    """Paused by a person and failing by itself are different calls to make."""
    row = {"title": "B", "kind": "https", "order": "key", "failures": 0, "waiting": 12}
    rows = [
        {**row, "id": "billing", "state": "paused", "open_until": None},
        {**row, "id": "lab", "state": "failing", "open_until": "2025-03-10T08:16:00+00:00"},
        {**row, "id": "store", "state": "ready", "open_until": None},
    ]
    hub.answer("/hub/destinations", {"destinations": rows})
    hub.answer("/hub/quarantine", {"messages": [], "deliveries": [{**DELIVERY, "destination": "store"}]})
    *lines, last = run("destination", "list", "--hub", hub.url).out.splitlines()
    assert last.startswith("store: 1 stopped, and what is behind them may wait for a person; ")
    assert [next(word for word in ("paused", "failing", "ready") if word in line) for line in lines[-3:]] == [
        "paused",
        "failing",
        "ready",
    ]


def test_a_destination_that_fails_says_why_and_what_is_next(run, hub):
    """The state alone sends whoever was woken through three more commands."""
    row = {"title": "B", "kind": "https", "order": "key", "failures": 4, "waiting": 0, "open_until": None}
    trouble = {"code": "tls_failed", "reason": "TLS with it fails; look at its certificate", "message": ID}
    hub.answer("/hub/destinations", {"destinations": [{**row, "id": "lab", "state": "failing", "trouble": trouble}]})
    last = run("destination", "list", "--hub", hub.url).out.splitlines()[-1]
    assert last.startswith("lab: tls_failed: TLS with it fails; look at its certificate; once it is back, ")
    assert "`caduceus destination resume lab` tries it at once" in last
    assert f"`caduceus trace {ID}`" in last


def test_a_next_try_is_never_in_the_past(run, hub):
    """The breaker may be tried again, and what waits is not due yet: a time that is over says that nothing works."""
    row = {"title": "B", "kind": "https", "order": "key", "failures": 5, "waiting": 0, "state": "failing"}
    over = {**row, "id": "billing", "open_until": "2025-03-10T08:16:00+00:00"}
    hub.answer(
        "/hub/destinations", {"destinations": [over, {**over, "id": "lab", "open_until": "2999-03-10T08:16:00Z"}]}
    )
    said = run("destination", "list", "--hub", hub.url).out

    assert "failing, next try with what is due first" in said
    assert "failing, next try 2999-03-10" in said


def test_interfaces_of_a_hub_are_listed_with_what_waits_for_them(run, hub):
    """Who stands still, and what that holds up, is asked before anything is resumed."""
    hub.answer("/hub/interfaces", {"interfaces": [{"id": "adt", "title": "A", "lifecycle": "active", "routes": []}]})
    hub.answer("/hub/summary", {"paused": ["adt"], "held": {"adt": 12}})
    line = run("interfaces", "status", "--hub", hub.url).out.splitlines()[-1]
    assert ("paused" in line, "12" in line) == (True, True)
    [one] = run("interfaces", "status", "--hub", hub.url, "--json").json["interfaces"]
    assert (one["paused"], one["held"]) == (True, 12)


def test_an_interface_that_its_file_pauses_is_not_said_to_go_on(run, hub):
    """An order that changes nothing must not look like one that does."""
    hub.answer("/hub/interfaces/adt/resume", {"interface": "adt", "order": "resume", "paused": True})
    ran = run("interfaces", "resume", "adt", "--hub", hub.url)
    assert (ran.code, "interface.toml" in ran.err) == (1, True)


def test_a_destination_that_its_file_pauses_is_not_said_to_go_on(run, hub):
    """At 3 a.m. nobody looks a second time at what is said to be done."""
    hub.answer("/hub/destinations/lab/resume", {"destination": "lab", "order": "resume", "paused": True})
    ran = run("destination", "resume", "lab", "--hub", hub.url)
    assert (ran.code, ran.out) == (1, "")
    assert "its file in destinations/ says paused = true" in ran.err

    hub.answer("/hub/destinations/lab/resume", {"destination": "lab", "order": "resume", "paused": False})
    ran = run("destination", "resume", "lab", "--hub", hub.url)
    assert (ran.code, "tried at once" in ran.out) == (0, True)


def test_a_receiver_is_told_up_or_down_and_nothing_else(run, hub):
    """`caduceus receiver billing off` must not silently do nothing."""
    hub.answer("/local/receivers/billing/down", {})
    assert run("receiver", "billing", "down", "--hub", hub.url).code == 0
    assert run("receiver", "billing", "off", "--hub", hub.url).code == 2
    assert [path for _, path, _ in hub.asked] == ["/local/receivers/billing/down"]


def test_receivers_are_listed(run, hub):
    """What can be switched, and whether it is on."""
    row = {"name": "billing", "kind": "https", "address": "http://127.0.0.1:1/", "up": False, "received": 3}
    hub.answer("/local/receivers", [row])
    assert "down" in run("receivers", "--hub", hub.url).out


def test_a_hub_that_is_not_well_ends_in_exit_code_1_with_its_checks(run, hub):
    """A monitor runs the command; a person reads which dependency it is."""
    full = "the disk is full; make room"
    checks = [
        {"name": "archive", "milliseconds": 1.2, "code": "STORAGE-001", "reason": full},
        {"name": "ledger", "milliseconds": 1.2, "code": "LEDGER-001"},
        {"name": "lanes", "milliseconds": 1.2, "code": "ok", "reason": ""},
    ]
    hub.answer("/health", {"status": "fail", "checks": checks}, status=503)
    ran = run("health", "--hub", hub.url)
    assert ran.code == 1
    assert "LEDGER-001" in ran.out
    assert f"archive: STORAGE-001: {full}" in ran.out.splitlines()
    assert "lanes:" not in ran.out


def test_no_hub_is_one_sentence_with_what_to_do_and_exit_code_2(run):
    """No traceback for a hub that was not started."""
    ran = run("messages", "--hub", "http://127.0.0.1:1")
    assert ran.code == 2
    assert ran.err == (
        "caduceus: no hub answers at http://127.0.0.1:1 (connection refused); "
        "start one with `caduceus up`, or name it with --hub\n"
    )


def test_something_that_is_no_hub_is_told_apart(run, hub):
    """Another program's web page on the port is a common mistake."""
    hub.answer("/hub/messages?limit=20", b"<html>")
    ran = run("messages", "--hub", hub.url)
    assert (ran.code, "not as a hub does" in ran.err) == (2, True)
    assert "that is no URL of a hub" in run("messages", "--hub", "127.0.0.1:7071").err


def test_what_a_hub_says_is_printed_as_text(run, hub):
    """A title with brackets is no mark-up, and no control over the terminal."""
    row = {"id": "x", "title": "[red]Lab[/red] [1]", "kind": "https", "order": "key"}
    rows = [{**row, "state": "ready", "open_until": None, "waiting": 0}]
    hub.answer("/hub/destinations", {"destinations": rows})
    assert "[red]Lab[/red] [1]" in run("destination", "list", "--hub", hub.url).out


PLAN = {
    "messages": 2,
    "following": 1,
    "keys": 1,
    "patients": {"count": 1, "hashes": ["00112233aabbccdd"]},
    "keys_compared": 2,
    "keys_left_out": 0,
    "compared": 3,
    "failing": {},
    "in_review": 0,
    "destinations": [{"id": "store", "new": 0, "different": 1, "again": 1, "same": 1}],
    "left_out": [{"id": "billing", "why": 'replay = "never"'}],
    "sets_back": {},
}
REPLAY = {
    "run": "20260302-1",
    "state": "done",
    "messages": 3,
    "sent": 3,
    "passed": 3,
    "stopped": 0,
    "waiting": 0,
    "destinations": [{"id": "store", "accepted": 2, "skipped": 1}],
}


def test_replay_shows_its_plan_and_sends_nothing(run, hub):
    """Nobody should be able to send a year of messages by leaving out a flag."""
    hub.answer("/hub/replays/plan", PLAN)
    ran = run("replay", "--interface", "hospital_adt", "--hub", hub.url)

    assert "2 messages, and 1 that followed;" in ran.out
    assert "00112233aabbccdd" in ran.out
    assert 'left out: billing, replay = "never"' in ran.out
    assert "nothing was sent" in ran.out
    assert [(method, path) for method, path, _ in hub.asked] == [("POST", "/hub/replays/plan")]
    assert json.loads(hub.asked[0][2]) == {"interface": "hospital_adt"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"messages": 0}, "no message is selected"), ({"destinations": []}, "nobody would get anything")],
)
def test_a_replay_that_would_send_nothing_does_not_ask_for_yes(run, hub, changed, said):
    """A wrong window, or a destination that takes no replay: --yes would change nothing."""
    hub.answer("/hub/replays/plan", {**PLAN, **changed})

    ran = run("replay", "--interface", "hospital_adt", "--hub", hub.url)

    assert said in ran.out
    assert "--yes" not in ran.out


def test_replay_with_yes_runs_to_its_end(run, hub):
    """It waits, so that a script can go on with what the replay brought."""
    hub.answer("/hub/replays/plan", PLAN)
    hub.answer("/hub/replays", {**REPLAY, "state": "running", "passed": 0})
    hub.answer("/hub/replays/20260302-1", REPLAY)
    ran = run("replay", "--affected-by", "hospital_adt@1", "--from", "2026-03-01T00:00Z", "--yes", "--hub", hub.url)

    assert ran.code == 0
    assert "replay 20260302-1 is done: 3 messages, 0 stopped" in ran.out
    assert json.loads(hub.asked[1][2]) == {"affected_by": "hospital_adt@1", "from": "2026-03-01T00:00Z"}


def test_replay_that_leaves_something_stopped_says_no(run, hub):
    """Exit code 1: done, and something said no."""
    hub.answer("/hub/replays/plan", PLAN)
    hub.answer("/hub/replays", {**REPLAY, "destinations": [{"id": "store", "quarantined": 1}]})
    ran = run("replay", "--interface", "a", "--yes", "--json", "--hub", hub.url)

    assert ran.code == 1
    assert json.loads(ran.out)["replay"]["destinations"] == [{"id": "store", "quarantined": 1}]


def test_affected_counts_and_names_nobody(run, hub):
    """A window may be open at one end."""
    answer = {"messages": 3, "patients": {"count": 1, "hashes": ["00112233aabbccdd"]}, "destinations": []}
    hub.answer("/hub/affected?finding=code_unmapped&from=2026-03-01T00%3A00Z", answer)
    said = run("affected", "--finding", "code_unmapped", "--window", "2026-03-01T00:00Z..", "--hub", hub.url).out

    assert "3 messages, 1 patient\n" in said
    assert "00112233aabbccdd" in said


@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize(
    ("command", "path"), [("affected", "/hub/affected?finding=NOSUCH"), ("replay", "/hub/replays/plan")]
)
def test_a_finding_that_there_is_not_is_refused_and_counted_as_nothing(run, hub, command, path, more):
    """A script that reads the number must not read 0."""
    hub.answer(path, {"error": {"code": "HUB-400", "text": "HUB-400: no NOSUCH"}}, 400)
    ran = run(command, "--finding", "NOSUCH", *more, "--hub", hub.url)

    assert (ran.code, ran.out) == (1, "")
    assert "HUB-400: no NOSUCH" in ran.err


def test_messages_and_traces_are_found_by_the_hash_of_a_patient(run, hub):
    """The hash of a plan, pasted."""
    hub.answer("/hub/messages?limit=20&patient=00112233aabbccdd", {"messages": []})
    assert "no message fits" in run("messages", "--patient", "00112233aabbccdd", "--hub", hub.url).out

    hub.answer("/hub/messages/00112233aabbccdd", TRACE)
    hub.answer("/hub/messages/WV1", TRACE)
    said = run("trace", "00112233aabbccdd", "--hub", hub.url).out
    assert "1 older with the same patient: 1-0007" in said
    assert "caduceus messages --patient" in run("trace", "WV1", "--hub", hub.url).out


def test_affected_reveals_with_a_reason(run, hub):
    """The reason travels with the question."""
    patient = {"hash": "0011", "resource": "Patient/1", "number": "77", "assigner": "HERE", "message": "1-1"}
    hub.answer("/hub/affected/reveal", {"patients": [patient]})
    ran = run("affected", "--by", "a@1", "--reveal", "--reason", "asked", "--json", "--hub", hub.url)

    assert json.loads(ran.out) == {"patients": [patient]}
    assert json.loads(hub.asked[0][2]) == {"affected_by": "a@1", "reason": "asked"}


def test_correct_sends_the_corrected_message(run, hub, tmp_path):
    """Line ends become carriage returns: an editor saved the file."""
    file = tmp_path / "corrected.hl7"
    file.write_bytes(b"MSH|^~\\&|A\nPID|1\n")
    hub.answer(f"/hub/messages/{ID}/correct", {"message": ID, "corrected": "1-2", "destinations": []})
    said = run("correct", ID, "--file", str(file), "--reason", "asked", "--hub", hub.url).out

    assert f"{ID} goes as 1-2" in said
    sent = json.loads(hub.asked[0][2])
    assert base64.b64decode(sent["message"]) == b"MSH|^~\\&|A\rPID|1\r"
    assert sent["reason"] == "asked"


def test_discard_gives_its_reason(run, hub):
    """And says that it is done."""
    hub.answer(f"/hub/messages/{ID}/discard", {"message": ID, "destinations": []})
    assert f"{ID} is discarded" in run("discard", ID, "--reason", "a test", "--hub", hub.url).out
    assert json.loads(hub.asked[0][2]) == {"reason": "a test"}


def test_resend_says_what_was_delivered_since(run, hub):
    """Before anybody finds yesterday's state at the destination."""
    hub.answer(f"/hub/messages/{ID}/resend", {"message": ID, "destinations": [], "delivered_since": {"billing": 2}})
    assert "billing accepted 2 later messages" in run("resend", ID, "--reason", "asked", "--hub", hub.url).out


VERIFIED = {
    "is_intact": True,
    "entries": 3,
    "messages": 4,
    "deliveries": 2,
    "faults": [],
    "heads": [{"chain": "0", "number": 3, "digest": "ab"}],
    "anchor": {"number": 7, "at": "2016-03-01T02:30:00+00:00", "digest": "cd"},
}


def test_verify_tells_each_fault_and_says_no(run, hub):
    """Exit code 1: a night job notices."""
    fault = "partition 0, entry 2: delivery row 7 missing"
    hub.answer("/hub/verify", {**VERIFIED, "is_intact": False, "faults": [fault]})
    ran = run("verify", "--hub", hub.url)

    assert ran.code == 1
    assert fault in ran.out
    assert "NOT as they were written" in ran.out


@pytest.mark.parametrize("option", ["--heads", "--anchor"])
def test_verify_takes_the_heads_and_the_anchor_of_an_earlier_answer(run, hub, tmp_path, option):
    """Kept outside the hub, they prove that nothing was cut off."""
    hub.answer("/hub/verify", VERIFIED)
    kept = tmp_path / "heads.json"
    kept.write_text(run("verify", "--json", "--hub", hub.url).out)
    ran = run("verify", option, str(kept), "--hub", hub.url)

    assert ran.code == 0
    assert "4 messages and 2 settled deliveries" in ran.out
    assert json.loads(hub.asked[-1][2]) == {"heads": VERIFIED["heads"], "anchor": VERIFIED["anchor"]}


PURGED = {
    "interfaces": [{"id": "adt", "before": "2016-03-01T00:00:00+00:00", "units": 3, "bytes": 4096, "kept_units": 1}],
    "held": [{"id": "lab", "why": "case 7"}],
}


def test_purge_without_a_reason_asks_nobody(run, hub):
    """It is told in the words of the command, not of the API behind it."""
    ran = run("purge", "--yes", "--hub", hub.url)

    assert (ran.code, hub.asked) == (2, [])
    assert "--yes needs --reason" in ran.err


def test_purge_shows_what_would_go_and_erases_nothing_unless_told(run, hub):
    """What is erased does not come back."""
    hub.answer("/hub/purge", PURGED)
    said = run("purge", "--hub", hub.url).out
    assert "4,096" in said
    assert "lab is held: case 7" in said
    assert "nothing was erased" in said

    run("purge", "--yes", "--reason", "ten years", "--hub", hub.url)
    assert [(method, body) for method, _, body in hub.asked] == [("GET", b""), ("POST", b'{"reason": "ten years"}')]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["affected"], "say by what: --by, --patient, --finding, --interface, --destination or --window"),
        (["affected", "--interface", "adt", "--reveal"], "--reason is empty"),
        (["affected", "--window", "yesterday.."], "the beginning of --window is a time such as"),
        (["replay"], "say which: --message, --patient, --interface, --finding, --affected-by, or one --destination"),
        (["replay", "--destination", "a", "--destination", "b"], "or one --destination"),
        (["replay", "--interface", "adt", "--from", "2026-03-01"], "--from 2026-03-01 needs an offset"),
        (["replay", "--interface", "adt", "--from", "2026-03-02T00:00Z", "--to", "2026-03-01T00:00Z"], "--to is not"),
        (["replay", "--interface", "adt", "--resend-accepted"], "--resend-accepted needs --destination"),
        (["replay", "--destination", "a", "--resend-accepted"], "--reason is empty"),
        (["resend", ID, "--reason", " "], "--reason is empty: say why"),
        (["discard", ID, "--reason", ""], "--reason is empty: say why"),
        (["purge", "--yes", "--reason", " "], "--yes needs --reason"),
    ],
)
def test_what_is_given_wrongly_is_said_in_the_words_of_the_command_before_anybody_is_asked(run, hub, arguments, said):
    """Whoever typed `--by` does not know what `affected_by` is, and JSON in a sentence is for programs."""
    ran = run(*arguments, "--hub", hub.url)
    assert (ran.code, hub.asked) == (2, [])
    assert said in ran.err
    assert not {"affected_by", "{", "_id"} & set(ran.err.split())


def test_a_correction_needs_a_reason_and_a_message(run, hub, tmp_path):
    """An editor that saved nothing must not cost the old message its place."""
    file = tmp_path / "corrected.hl7"
    file.write_bytes(b"\n")
    for reason, said in (("", "--reason is empty"), ("mended", "corrected.hl7 is empty")):
        ran = run("correct", ID, "--file", file, "--reason", reason, "--hub", hub.url)
        assert (ran.code, said in ran.err, hub.asked) == (2, True, [])


def test_one_is_one(run, hub):
    """A plural of one makes whoever was woken look twice for what else is meant."""
    plan = {
        "messages": 1, "following": 0, "keys": 1, "patients": {"count": 1, "hashes": ["00112233aabbccdd"]},
        "destinations": [{"id": "billing", "new": 1, "different": 0, "again": 0, "same": 0}], "compared": 1,
        "left_out": [], "failing": {}, "keys_left_out": 1, "keys_compared": 1, "in_review": 1,
        "sets_back": {"billing": 1},
    }  # fmt: skip
    hub.answer("/hub/replays/plan", plan)
    answer = {"messages": 1, "patients": {"count": 1, "hashes": []}, "destinations": []}
    hub.answer("/hub/affected?interface=adt", answer)
    heads = {"messages": 1, "deliveries": 1, "entries": 1, "heads": [{}], "faults": [], "is_intact": True}
    hub.answer("/hub/verify", heads)
    said = "".join(
        run(*command, "--hub", hub.url).out
        for command in (["replay", "--interface", "adt"], ["affected", "--interface", "adt"], ["verify"])
    )
    assert not re.search(r"\b1 (\w+ )?(messages|patients|keys|deliveries|entries|chains|ordering keys)\b", said), said


STOPPED = {**DELIVERY, "state": "quarantined", "code": "DELIVER-021", "control_id": "WV2", "orders": ["resend"]}


@pytest.fixture
def full_quarantine(hub):
    """Three of one error, the newest first; one of them may have arrived elsewhere, one was followed by others."""
    names = ("1-c", "1-b", "1-a")
    others = [{**STOPPED, "message": "1-x", "code": "AE 207"}, {**STOPPED, "message": "1-y", "state": "review"}]
    deliveries = [*({**STOPPED, "message": name} for name in names), *others]
    hub.answer("/hub/quarantine?limit=500", {"messages": [], "deliveries": deliveries, "more": False})
    hub.answer("/hub/quarantine?limit=50", {"messages": [], "deliveries": deliveries, "more": False})
    for name in names:
        also = [{**STOPPED, "destination": "lab", "state": "review", "code": "timed_out"}] if name == "1-b" else []
        hub.answer(f"/hub/messages/{name}", {**TRACE, "deliveries": [STOPPED, *also]})
        since = {"billing": 2} if name == "1-a" else {}
        hub.answer(f"/hub/messages/{name}/resend", {"message": name, "delivered_since": since})
    return hub


def posts(hub):
    return [path for method, path, _ in hub.asked if method == "POST"]


def test_a_quarantine_full_of_one_error_says_so_and_how_all_of_it_goes_again(run, full_quarantine):
    """Five hundred lines of one cause look like five hundred causes."""
    said = run("quarantine", "list", "--hub", full_quarantine.url).out
    assert '3 with DELIVER-021; `caduceus quarantine resend --code "DELIVER-021"` sends them again' in said
    assert "1 with" not in said


def test_what_stopped_for_one_reason_is_counted_first_and_then_sent_again_the_oldest_first(run, full_quarantine):
    """One bad release of steps.py must not be five hundred commands; nothing goes before the count was seen."""
    hub = full_quarantine
    ran = run("quarantine", "resend", "--code", "DELIVER-021", "--hub", hub.url)
    assert (ran.code, posts(hub)) == (0, [])
    assert "2 messages would go again; nothing was sent" in ran.out

    ran = run("quarantine", "resend", "--code", "DELIVER-021", "--yes", "--reason", "mended", "--hub", hub.url)
    assert (ran.code, posts(hub)) == (0, ["/hub/messages/1-a/resend", "/hub/messages/1-c/resend"])
    assert "2 messages go again" in ran.out
    assert (
        "left out: 1 message that stopped elsewhere too, or may have arrived there; decide one by one: 1-b" in ran.out
    )
    assert "billing accepted later messages of the same key after 1 of them; `caduceus replay --message ID`" in ran.out
    assert b"mended" in hub.asked[-1][2] or b"mended" in hub.asked[-2][2]


def test_messages_whose_older_ones_are_not_listed_are_not_sent_again_all_at_once(run, hub):
    """The list begins with the newest: an older one of the same patient would go behind it."""
    stopped = {**MESSAGE, "state": "quarantined", "code": "STORE-010"}
    hub.answer("/hub/quarantine?limit=500", {"messages": [stopped], "deliveries": [], "more": True})
    ran = run("quarantine", "resend", "--code", "STORE-010", "--yes", "--reason", "mended", "--hub", hub.url)
    assert (ran.code, posts(hub)) == (1, [])
    assert "caduceus replay --finding STORE-010" in ran.err


def test_a_code_with_which_nothing_stopped_is_said(run, full_quarantine):
    """A mistyped code must not look like an empty quarantine."""
    ran = run("quarantine", "resend", "--code", "DELIVER-22", "--hub", full_quarantine.url)
    assert (ran.code, ran.out) == (1, "")
    assert "nothing stopped with DELIVER-22; `caduceus quarantine list` shows the codes" in ran.err
    ran = run("quarantine", "resend", "--code", "DELIVER-021", "--yes", "--hub", full_quarantine.url)
    assert (ran.code, "--reason is empty" in ran.err, posts(full_quarantine)) == (2, True, [])


def answer_status(hub, **other):
    """Let a hub be well, but for what a test says."""
    well = {"status": "pass", "checks": [{"name": "archive", "milliseconds": 1, "code": "ok", "reason": ""}]}
    row = {"id": "billing", "title": "B", "kind": "https", "order": "key", "state": "ready", "waiting": 0}
    answers = {
        "/health": well,
        "/hub/destinations": {"destinations": [row]},
        "/hub/quarantine?limit=500": {"messages": [], "deliveries": [], "more": False},
        "/hub/summary": {"messages": {"routed": 2}, "paused": [], "held": {}},
        "/hub/connectors": {"connectors": []},
    }
    for path, answer in {**answers, **other}.items():
        hub.answer(path, answer, 503 if path == "/health" and answer["status"] == "fail" else 200)


def test_status_of_a_hub_that_is_well_says_so(run, hub):
    """Whoever is woken by mistake goes back to bed after one command."""
    answer_status(hub)
    ran = run("status", "--hub", hub.url)
    assert (ran.code, ran.out) == (0, "nothing needs a person; the hub is well, 2 messages, 0 on their way\n")
    assert run("status", "--hub", hub.url, "--json").json["needs_a_person"] == []


def test_status_says_all_that_needs_a_person_and_what_is_next(run, hub):
    """A destination that is dead, a quarantine, a paused interface, a full disk, a silent connector: one look."""
    check = {"name": "archive", "milliseconds": 1, "code": "STORAGE-001", "reason": "the disk is full; make room"}
    trouble = {"code": "refused", "reason": "nobody listens", "message": ID}
    row = {"title": "B", "kind": "https", "order": "key", "waiting": 3}
    answer_status(
        hub,
        **{
            "/health": {"status": "fail", "checks": [check]},
            "/hub/destinations": {
                "destinations": [
                    {**row, "id": "billing", "state": "failing", "trouble": trouble},
                    {**row, "id": "lab", "state": "paused"},
                ]
            },
            "/hub/quarantine?limit=500": {
                "messages": [{**MESSAGE, "code": "STORE-010"}] * 2,
                "deliveries": [{**DELIVERY, "code": "AE 101"}],
                "more": True,
            },
            "/hub/summary": {"messages": {}, "paused": ["adt"], "held": {"adt": 12}},
            "/hub/connectors": {
                "connectors": [{"name": "north", "concerns": [{"code": "CONNECTOR-010", "reason": "it is silent"}]}]
            },
        },
    )
    ran = run("status", "--hub", hub.url)
    assert (ran.code, ran.out.splitlines()) == (
        1,
        [
            "hub: archive: STORAGE-001: the disk is full; make room",
            "destination billing: refused: nobody listens; once it is back, `caduceus destination resume billing` "
            f"tries it at once (`caduceus trace {ID}`); 3 waiting",
            "destination lab: paused, 3 waiting; `caduceus destination resume lab`",
            "stopped: 3 and more (2 x STORE-010, 1 x AE 101); "
            "`caduceus quarantine list` says why, and what can be done",
            "interface adt: paused, 12 held; `caduceus interfaces resume adt`",
            "connector north: CONNECTOR-010: it is silent",
        ],
    )
