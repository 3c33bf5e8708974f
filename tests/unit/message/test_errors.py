"""The tree of errors: one code, one page, no content."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from shared.message.errors import every_error, reason_of
from shared.message.errors.base import Disposition
from shared.message.errors.configuration import FilesInvalid, IntegrationError
from shared.message.errors.hl7 import Hl7Error

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"
PARTS = ("**What happened.**", "**Who is affected.**", "**Look at**", "**Do.**", "**Resend?**")
ERRORS = sorted(
    (error for error in every_error() if error.__module__.startswith("shared.")), key=lambda error: error.code
)
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)


def test_no_two_errors_share_a_code():
    """An operator searches by code; two meanings send half of them to the wrong page."""
    assert [code for code, count in Counter(error.code for error in ERRORS).items() if count > 1] == []


@each_error
def test_every_code_is_a_stage_or_part_and_a_number_and_says_what_happened(error):
    """Dashboards and alerts are built on the form of the code."""
    assert re.fullmatch(r"[A-Z][A-Z0-9]*-\d{3}", error.code)
    assert error.code != IntegrationError.code
    assert error.what != IntegrationError.what
    assert error.next_step != IntegrationError.next_step


@each_error
def test_every_code_has_a_runbook_with_all_its_parts(error):
    """The page is read at 3 a.m.; a part that is missing is a phone call."""
    page = (RUNBOOKS / f"{error.code}.md").read_text("utf-8")
    assert page.startswith(f"# {error.code}: {error.what}\n")
    assert [part for part in PARTS if part not in page] == []


@each_error
def test_the_index_of_runbooks_has_a_row_for_every_code(error):
    """The index is where somebody begins who has only the code."""
    row = (
        f"| [{error.code}]({error.code}.md) | {error.what} | {error.disposition} | {error.acknowledgement or 'none'} |"
    )
    assert row in (RUNBOOKS / "README.md").read_text("utf-8").splitlines()


@each_error
def test_every_error_says_whether_it_stops_a_message(error):
    """By the code of one that does, messages are found; left to the base, nobody would have thought about it."""
    said = [one for one in error.__mro__ if "stops_message" in vars(one)]
    assert said
    assert isinstance(error.stops_message, bool)
    # What is tried again, or may have been sent, goes on.
    assert not (error.stops_message and error.disposition in (Disposition.RETRY, Disposition.REVIEW))


def test_no_runbook_is_left_of_a_code_that_is_gone():
    """A page about nothing is worse than none."""
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == {error.code for error in ERRORS}


@each_error
def test_the_text_of_an_error_is_code_what_place_and_next_step(error):
    """Every error may be logged: its text is fixed by its class, and by a place the code gives."""
    made, place = _raised_at_a_place(error)
    assert str(made) == f"{error.code}: {error.what} ({place}); {error.next_step}"


@each_error
def test_an_error_takes_places_and_counts_alone(error):
    """An argument named for a value would sooner or later be given one."""
    arguments = set(error.__init__.__annotations__) - {"return"}
    assert arguments in ({"where"}, {"place", "offset"}, {"problems"})


def test_the_reason_of_a_code_is_what_happened_and_what_to_do():
    """The console shows it beside the code; the answer of a destination has no entry in the tree."""
    assert reason_of("STORAGE-001") == "the disk is full; make room; nothing was lost, senders are waiting"
    assert reason_of("HTTP 500") == ""


def _raised_at_a_place(error: type[IntegrationError]) -> tuple[IntegrationError, str]:
    if issubclass(error, Hl7Error):
        return error("PID-5", 143), "PID-5, byte 143"
    if issubclass(error, FilesInvalid):
        return error(["interface.toml:3: no title"]), "interface.toml:3: no title"
    return error("queue transform"), "queue transform"
