"""Tables as people see them in a terminal."""

from __future__ import annotations

import pytest
from rich.console import Console

from cli import screen


@pytest.fixture
def narrow(monkeypatch, capsys):
    """A terminal of 80 columns; returns its lines."""
    monkeypatch.setattr(screen, "console", lambda **_: Console(width=80, highlight=False))
    return lambda: capsys.readouterr().out.splitlines()


def test_a_message_id_is_never_broken_over_two_lines(narrow):
    """It is copied into the next command: half of it is a message that does not exist."""
    message = "0-01a22cc7ac21222846f39956a0fff6dd"
    screen.print_table("", ("message", "why"), [(message, "the stored resource belongs to another patient " * 4)], "")

    assert any(line.startswith(message) for line in narrow())


def test_a_title_is_not_folded_to_the_width_of_a_short_table(narrow):
    """`32 mapped, 6 ignored` in two lines looks like two answers."""
    screen.print_table("samples/01.hl7 [my_ward]: 32 mapped, 6 ignored", ("a", "b"), [("1", "2")], "")

    assert narrow()[0] == "samples/01.hl7 [my_ward]: 32 mapped, 6 ignored"
