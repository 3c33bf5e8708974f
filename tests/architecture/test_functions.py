"""What the Functions host asks of a function app, learned the hard way: it says "no functions found" and no more."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from local.functions import HTTP, QUEUE, load_functions
from shared.settings import ROWS

REPOSITORY = Path(__file__).parents[2]
HOST = json.loads((REPOSITORY / "host.json").read_text("utf-8"))
FUNCTIONS = load_functions()
TRIGGERS = sorted((REPOSITORY / "functions").glob("*.py"))
DECLARED = [
    (path.stem, node)
    for path in TRIGGERS
    for node in ast.parse(path.read_text("utf-8")).body
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]
each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
each_declared = pytest.mark.parametrize("node", [node for _, node in DECLARED], ids=lambda node: node.name)


@each_function
def test_names_are_legal_for_the_host(function):
    """The host drops a function with an illegal name, and a binding with an underscore on older hosts."""
    assert re.fullmatch(r"[a-z][a-z0-9_-]{0,127}", function.name)
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]*", function.trigger["name"])


def test_function_names_are_unique():
    """The host takes the last of two with one name."""
    assert len({function.name for function in FUNCTIONS}) == len(FUNCTIONS)


@each_declared
def test_a_trigger_parses_and_calls_one_use_case(node):
    """What a trigger decides can only be tested through a host."""
    assert node.end_lineno - node.lineno + 1 <= 15


@each_function
def test_only_health_answers_without_a_key(function):
    """Everything else shows or takes patient data."""
    if function.kind == HTTP:
        is_open = function.trigger.get("authLevel") in ("ANONYMOUS", "anonymous")
        assert is_open == (function.name == "health")


def test_the_stages_receive_sessions_of_their_own_queue():
    """One word in five places; without sessions there is no order."""
    queues = [one for one in FUNCTIONS if one.kind == QUEUE and not one.name.startswith("dead_letter")]
    stages = {one.name: one.trigger for one in queues}
    assert set(stages) == {"transform", "route", "deliver"}
    assert [name for name, trigger in stages.items() if trigger["queueName"] != name] == []
    assert all(trigger["isSessionsEnabled"] for trigger in stages.values())


def test_every_stage_has_its_dead_letter_queue_watched():
    """A dead letter is an error of ours; unwatched it is a lost message (promise 4)."""
    watched = {one.trigger["queueName"] for one in FUNCTIONS if one.name.startswith("dead_letter")}
    assert watched == {f"{stage}/$deadletterqueue" for stage in ("transform", "route", "deliver")}


def test_an_invocation_ends_before_its_session_is_idle_and_its_lock_is_lost():
    """Rule R9: budget < sessionIdleTimeout < lock renewal, or the broker gives the session to two workers."""
    broker = HOST["extensions"]["serviceBus"]
    budget, slack = ROWS["invocation_budget_seconds"].default, ROWS["send_timeout_seconds"].default
    assert timedelta(seconds=budget + slack) < span(broker["sessionIdleTimeout"])
    assert span(broker["sessionIdleTimeout"]) < span(broker["maxAutoLockRenewalDuration"])
    assert span(broker["maxAutoLockRenewalDuration"]) <= span(HOST["functionTimeout"])


def test_the_host_takes_enough_sessions_and_leaves_routes_as_they_are():
    """Rule R9, and one HTTP surface on a laptop and in Azure."""
    assert HOST["extensions"]["serviceBus"]["maxConcurrentSessions"] >= 128
    assert HOST["extensions"]["http"]["routePrefix"] == ""


def test_nothing_is_tried_again_by_the_host():
    """Service Bus delivers again by itself, and counts: retries of the host would multiply it, and hold the session."""
    assert "retry" not in HOST
    declared = [one for one in FUNCTIONS if "retry" in one.trigger or "retryPolicy" in one.trigger]
    assert declared == []


def test_what_is_deployed_is_what_the_hub_imports():
    """An unanchored `local/` would drop shared/adapters/local/ too, and the app would find no functions."""
    left_out = subprocess.run(
        ["git", "-c", "core.excludesFile=", "ls-files", "--cached", "--ignored", "--exclude-from=.funcignore"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    deployed = set(tracked.splitlines()) - set(left_out)
    assert {path.split("/")[0] for path in deployed} == {
        "console", "function_app.py", "functions", "host.json", "interfaces", "requirements.txt", "shared",
    }  # fmt: skip
    assert "shared/adapters/local/queue.py" in deployed
    assert "shared/adapters/destinations/mllp.py" in deployed


def test_every_file_of_the_page_is_served():
    """A script that is not on the list answers 404, and the page stays blank."""
    from functions.console import _FILES

    assert set(_FILES) == {path.name for path in (REPOSITORY / "console").iterdir()}


def test_importing_the_app_touches_nothing():
    """An exception at import shows in Azure as "no functions found": no settings, no clients, no models yet."""
    heavy = ["pydantic", "jsonschema_rs", "aiohttp", "shared.adapters", "shared.mapping"]
    heavy += ["azure.servicebus", "azure.identity", "azure.data.tables", "azure.storage.blob", "azure.keyvault"]
    program = f"import sys, function_app; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, env={}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def span(text: str) -> timedelta:
    """Return a time span of .NET, ``hh:mm:ss``."""
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def test_the_console_is_never_built_from_markup():
    """Text from a message must never become markup, whatever a sender puts in a name."""
    scripts = "".join(path.read_text("utf-8") for path in (REPOSITORY / "console").glob("*.js"))
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|setHTML|DOMParser", scripts) == []
