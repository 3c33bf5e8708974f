"""The trigger modules keep the host's rules, and the check finds each way to break them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.host_rules import refusals

REPOSITORY = Path(__file__).parents[2]
MODULES = [REPOSITORY / "function_app.py", *sorted((REPOSITORY / "functions").glob("*.py"))]

SOUND = """
from typing import List
import azure.functions as func
blueprint = func.Blueprint()
@blueprint.service_bus_queue_trigger(arg_name="messages", queue_name="q", cardinality=func.Cardinality.MANY)
async def stage(messages: List[func.ServiceBusMessage]) -> None: ...
"""
BROKEN = {
    "a built-in generic": ("List[func", "list[func", "built-in generic"),
    "a union": ("-> None", "-> str | None", "union"),
    "an optional": ("List[func.ServiceBusMessage]", "Optional[func.ServiceBusMessage]", "union"),
    "a batch with a single annotation": ("List[func.ServiceBusMessage]", "func.ServiceBusMessage", "needs List"),
    "a list without a batch": (", cardinality=func.Cardinality.MANY", "", "needs a batch"),
    "an underscore in a binding": ("messages", "my_messages", "not a name of a binding"),
    "a capital in a function": ("async def stage", "async def Stage", "not a name of a function"),
    "a parameter without binding": (") -> None", ", extra: str) -> None", "has no binding"),
    "postponed annotations": ("\nfrom typing", "\nfrom __future__ import annotations\nfrom typing", "postponed"),
    "a client at import": ("blueprint = ", "client = open_client()\nblueprint = ", "called at import"),
    "settings at import": ("blueprint = ", "name = os.environ.get('X')\nblueprint = ", "called at import"),
    "a default computed at import": (") -> None", ", messages2=now()) -> None", "computed at import"),
}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_trigger_module_is_one_the_worker_takes(module: Path) -> None:
    """Found here it costs a second; found in Azure it says "no functions found"."""
    assert refusals(module.read_text("utf-8")) == []


def test_a_sound_module_is_not_refused() -> None:
    """Or the cases below would prove nothing."""
    assert refusals(SOUND) == []


@pytest.mark.parametrize("case", BROKEN)
def test_every_way_to_break_a_rule_is_found(case: str) -> None:
    """A check that finds nothing is no check."""
    before, after, words = BROKEN[case]
    assert before in SOUND
    assert any(words in refusal for refusal in refusals(SOUND.replace(before, after)))
