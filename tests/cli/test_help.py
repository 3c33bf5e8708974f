"""`--help` teaches."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMANDS = [
    "up",
    "send",
    "trace",
    "convert",
    "render",
    "explain",
    "interfaces check",
    "interfaces list",
    "interfaces status",
    "interfaces pause",
    "interfaces resume",
    "receiver",
    "receivers",
    "status",
    "messages",
    "quarantine list",
    "quarantine resend",
    "resend",
    "replay",
    "correct",
    "discard",
    "affected",
    "purge",
    "verify",
    "destination list",
    "destination pause",
    "destination resume",
    "health",
    "smoke",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example_and_a_json_form(run, command):
    """An example is read before any option is; every command can be scripted."""
    said = run(*command.split(), "--help").out
    assert f"Example: caduceus {command}" in said
    assert "--json" in said or command == "up"


def test_help_lists_every_command(run):
    """What is not listed is not found."""
    said = run("--help").out
    assert {command.split()[0] for command in COMMANDS} <= set(said.replace("│", " ").split())


def test_a_wrong_option_is_explained_and_ends_in_exit_code_2(run):
    """The exit code of a command that did nothing is not that of one that was refused."""
    ran = run("messages", "--limitt", "3")
    assert ran.code == 2
    assert "--limit" in ran.err


def test_help_loads_nothing_that_it_does_not_need():
    """Help is asked often; the models, the FHIR schemas and the network are not part of it."""
    heavy = ["pydantic", "jsonschema_rs", "aiohttp", "azure", "shared.mapping", "http.client", "concurrent.futures"]
    program = f"import sys, cli.main; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert said.stdout.strip() == "[]"
