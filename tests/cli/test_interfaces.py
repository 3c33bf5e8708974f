"""`caduceus interfaces`."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.registry.steps import _load

SHIPPED = Path(__file__).parents[2] / "interfaces"


def test_the_interfaces_of_this_repository_have_no_problems(run):
    """What ships must start."""
    ran = run("interfaces", "check")
    assert (ran.code, ran.out.splitlines()[-1].endswith("interfaces has no problems")) == (0, True)


def test_every_problem_is_printed_with_file_and_line_and_ends_in_exit_code_1(run, tmp_path):
    """An editor jumps to file:line; a build stops at the exit code."""
    file = tmp_path / "ward" / "interface.toml"
    file.parent.mkdir()
    file.write_text('title = "Ward"\nowner = "T"\ncontact = "c"\n\n[[match]]\ntypes = ["ADT"]\n')
    ran = run("interfaces", "check", tmp_path)
    assert ran.code == 1
    assert f"{file}:6: `match[1].types[1]` has the wrong form" in ran.out
    assert ran.out.splitlines()[-1].startswith("1 problem;")
    problems = run("interfaces", "check", tmp_path, "--json").json["problems"]
    assert [(one["file"], one["line"]) for one in problems] == [(str(file), 6)]


def test_a_stage_without_an_address_is_found_before_it_is_deployed(run, tmp_path):
    """A hub that does not start in production should be known in the build."""
    (tmp_path / "ward" / "samples").mkdir(parents=True)
    (tmp_path / "destinations").mkdir()
    (tmp_path / "destinations" / "lab.toml").write_text('title = "Lab"\nkind = "mllp"\n')
    (tmp_path / "ward" / "samples" / "01-x.hl7").write_bytes(b"MSH|^~\\&|W||||1||ADT^A01|1|P|2.5\r")
    (tmp_path / "ward" / "interface.toml").write_text(
        'title = "W"\nowner = "T"\ncontact = "c"\n[[match]]\nsending_application = "W"\n[[routes]]\nto = "lab"\n'
    )
    assert run("interfaces", "check", tmp_path).code == 0
    ran = run("interfaces", "check", tmp_path, "--stage", "prod")
    assert (ran.code, "`lab` has no address in stage prod" in ran.out) == (1, True)
    assert "there is no such stage" in run("interfaces", "check", "--stage", "production").err


def test_a_sample_that_loses_more_than_its_budget_is_a_problem(run, tmp_path):
    """A field that a partner begins to send is seen in the build, not in production."""
    (tmp_path / "ward" / "samples").mkdir(parents=True)
    sample = tmp_path / "ward" / "samples" / "01-x.hl7"
    sample.write_bytes(b"MSH|^~\\&|W|||||20250101120000+0000|ADT^A01|1|P|2.5\rZXX|a|b\r".replace(b"|||||2", b"||||2"))
    file = tmp_path / "ward" / "interface.toml"
    file.write_text(
        'title = "W"\nowner = "T"\ncontact = "c"\n[[match]]\nsending_application = "W"\n[mapping]\nlost_budget = 1\n'
    )
    ran = run("interfaces", "check", tmp_path)
    assert ran.code == 1
    assert f"{file}:7: 01-x.hl7 loses 2 values, 1 is allowed: ZXX-1, ZXX-2" in ran.out
    file.write_text(file.read_text().replace("lost_budget = 1", "lost_budget = 2"))
    assert run("interfaces", "check", tmp_path).code == 0


def test_the_list_says_whose_messages_are_taken_and_where_they_go(run):
    """The shortest answer to what this hub does."""
    said = run("interfaces", "list").out
    assert "hospital_lab" in said
    found = {one["id"]: one for one in run("interfaces", "list", "--json").json["interfaces"]}
    assert [route["to"] for route in found["clinic_scheduling"]["routes"]] == ["store", "telehealth"]
    assert str(SHIPPED) not in str(found)


FAILING = """\
def account(bundle, message):
    return {"A02": "moved"}[message.event]


def no_json(bundle, message):
    return {"when": object()}
"""


def write_ward(root: Path, steps: str, function: str) -> Path:
    """Write a folder with one interface whose only route is a function of its own; return its steps.py."""
    (root / "ward" / "samples").mkdir(parents=True)
    (root / "destinations").mkdir()
    (root / "destinations" / "books.toml").write_text('title = "B"\nkind = "null"\n')
    header = b"MSH|^~\\&|W||||20250101||ADT^%s|1|P|2.5\nEVN|%s\nPID|1||7^^^W^MR||Doe^Ann\n"
    for number, event in ((1, b"A01"), (2, b"A02")):
        sample = root / "ward" / "samples" / f"0{number}-{event.decode()}.hl7"
        sample.write_bytes(header % (event, event))
    (root / "ward" / "interface.toml").write_text(
        'title = "W"\nowner = "T"\ncontact = "c"\n[[match]]\nsending_application = "W"\n'
        f'[[routes]]\nto = "books"\nshape = "steps:{function}"\n'
    )
    file = root / "ward" / "steps.py"
    file.write_text(steps)
    return file


def test_a_function_that_fails_with_a_sample_is_named_with_file_and_line(run, tmp_path):
    """It would have stopped the first such message of the night, and a person would have been woken for it."""
    file = write_ward(tmp_path, FAILING, "account")
    ran = run("interfaces", "check", tmp_path)
    assert ran.code == 1
    first, last = ran.out.splitlines()
    assert first == f"{file}:2: `account` fails with samples/01-A01.hl7, to `books`: KeyError: 'A01'"
    assert last.startswith("1 problem; the hub starts all the same")

    file.write_text(FAILING.replace('"A02"', '"A01": "in", "A02"'))
    _load.cache_clear()
    assert run("interfaces", "check", tmp_path).code == 0


def test_a_function_that_returns_no_json_is_named_where_it_begins(run, tmp_path):
    """What cannot be written cannot be sent."""
    file = write_ward(tmp_path, FAILING, "no_json")
    problems = run("interfaces", "check", tmp_path, "--json").json["problems"]
    assert [(one["file"], one["line"]) for one in problems] == [(str(file), 5)] * 2
    assert all("`no_json` fails with samples/0" in one["text"] for one in problems)


@pytest.mark.parametrize("command", ["check", "list"])
def test_a_folder_that_is_not_there_is_no_fault_of_an_interface(run, tmp_path, command):
    """Exit code 2: nothing was looked at. A build that names the wrong folder must not look like one with a fault."""
    write_ward(tmp_path, "def account(bundle, message):\n    return {}\n", "account")
    for path, said in ((tmp_path / "nosuch", "no such folder of interfaces"), (tmp_path / "ward", "is one interface;")):
        ran = run("interfaces", command, path)
        assert (ran.code, ran.out, said in ran.err) == (2, "", True)
