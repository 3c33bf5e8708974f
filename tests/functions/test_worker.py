"""Microsoft's worker runs the hub: what it cannot index, the host reports as "no functions found" and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.functions import load_functions

REPOSITORY = Path(__file__).parents[2]
# Another interpreter that has requirements.txt: docs/adapters-azure.md has the commands.
PYTHON = os.environ.get("CADUCEUS_WORKER_PYTHON", sys.executable)
SAMPLE = REPOSITORY / "interfaces" / "hospital_adt" / "samples" / "01-admission.hl7"


@pytest.fixture(scope="module")
def ran(worker_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of every function, in one run of the worker."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(worker_path)]),
        "CADUCEUS_ADAPTERS": "local",
        "CADUCEUS_STAGE": "laptop",
        "CADUCEUS_HOME": str(home),
        "CADUCEUS_WORKERS": "0",
    }
    command = [PYTHON, "-m", "tests.functions.run_hub", str(SAMPLE)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_every_function_is_indexed_and_loaded(ran: dict[str, Any]) -> None:
    """The worker drops what it does not understand."""
    assert ran["indexed"] == {function.name: function.kind for function in load_functions()}


def test_every_function_was_invoked_and_succeeded(ran: dict[str, Any]) -> None:
    """Arguments are made by the worker from what the host sends: its types are not those of our own laptop."""
    assert set(ran["outcomes"]) == set(ran["indexed"])
    assert {name: one["error"] for name, one in ran["outcomes"].items() if one["error"]} == {}


def test_http_functions_answer_as_on_a_laptop(ran: dict[str, Any]) -> None:
    """The response goes back as the worker's own output."""
    outcomes = ran["outcomes"]
    assert "MSA|AA|" in outcomes["ingest"]["body"]
    statuses = {name: str(one["status"]) for name, one in outcomes.items() if one["status"] is not None}
    assert {name for name, status in statuses.items() if status.startswith("5")} == set()
    assert statuses["hub_messages"] == statuses["hub_message"] == statuses["console"] == "200"
    assert json.loads(outcomes["hub_message"]["body"])["message"]["type"] == "ADT^A01"


def test_no_function_has_an_output_binding(ran: dict[str, Any]) -> None:
    """An output binding of Service Bus cannot set a session id: the hub sends with the SDK."""
    assert {name: one["outputs"] for name, one in ran["outcomes"].items() if one["outputs"]} == {}


BATCH = "queue_name='q', connection='S', cardinality=func.Cardinality.MANY"
CASES = {
    "a built-in generic": (
        f"@app.service_bus_queue_trigger(arg_name='m', {BATCH})\n"
        "async def f(m: list[func.ServiceBusMessage]) -> None: ...\n"
    ),
    "a union": (
        "@app.service_bus_queue_trigger(arg_name='m', queue_name='q', connection='S')\n"
        "async def f(m: func.ServiceBusMessage | None) -> None: ...\n"
    ),
    "a union as return value": (
        "@app.route(route='x')\nasync def f(req: func.HttpRequest) -> func.HttpResponse | str: return 'x'\n"
    ),
    "a parameter without binding": (
        "@app.service_bus_queue_trigger(arg_name='m', queue_name='q', connection='S')\n"
        "async def f(m: func.ServiceBusMessage, extra: str) -> None: ...\n"
    ),
    "work at import that fails": "raise RuntimeError('no settings')\n",
}


@pytest.mark.parametrize("case", CASES)
def test_the_worker_refuses_what_our_own_check_refuses(worker_path: Path, tmp_path: Path, case: str) -> None:
    """tests/architecture/test_functions.py refuses these at once; this is why."""
    head = "import azure.functions as func\napp = func.FunctionApp()\n"
    (tmp_path / "function_app.py").write_text(head + CASES[case], encoding="utf-8")
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(worker_path)])}
    command = [PYTHON, "-m", "tests.functions.run_case", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.stdout.startswith("refused: "), done.stdout + done.stderr[-1000:]
