"""Run every function of the hub through Microsoft's worker and print what came of it, as JSON.

``python -m tests.functions.run_hub MESSAGE``: in a process of its own, for a worker has one app. The environment says
which hub; its broker gives each queue's function what the function before it sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

from shared.adapters.local.queue import LocalQueue
from shared.app import hub
from tests.functions.worker import Outcome, Worker

REPOSITORY = Path(__file__).parents[2]
STAGES = ("transform", "route", "deliver")


async def run(message: bytes) -> dict[str, Any]:
    """Return the outcome of each function by name, and the functions that were indexed."""
    worker = Worker(REPOSITORY)
    await worker.start()
    outcomes = {"ingest": await worker.invoke("ingest", _request(worker, "ingest", {}, message))}
    envelopes: dict[str, bytes] = {}
    for stage in STAGES:
        envelopes[stage], outcomes[stage] = await _pass_on(worker, stage)
    for stage in STAGES:
        body = worker.data.message(envelopes[stage])
        name = f"dead_letter_{stage}"
        outcomes[name] = await worker.invoke(name, body, worker.data.metadata("m", "0"))
    for timer in ("retry", "replay", "purge", "watch_connectors"):
        outcomes[timer] = await worker.invoke(timer, worker.data.json({"IsPastDue": False, "ScheduleStatus": {}}))
    [record] = await hub().adapters.ledger.recent(limit=1)
    route = {
        "name": record.message,
        "type": "Patient",
        "id": "x",
        "destination": "billing",
        "interface": "hospital_adt",
        "order": "pause",
        "run": "r",
    }
    for name, function in worker.functions.items():
        if name not in outcomes and function.trigger["type"] == "httpTrigger":
            outcomes[name] = await worker.invoke(name, _request(worker, name, route, b'{"reason": "a test"}'))
    await hub().close()
    return {
        "indexed": {name: function.trigger["type"] for name, function in worker.functions.items()},
        "outcomes": {name: _told(outcome) for name, outcome in outcomes.items()},
    }


async def _pass_on(worker: Worker, stage: str) -> tuple[bytes, Outcome]:
    """Give a stage's function all that one session of its queue holds; return the first envelope and the outcome."""
    broker = hub().adapters.queue
    assert isinstance(broker, LocalQueue)
    lock = await broker.accept_session(stage)
    assert lock is not None, f"nothing came to {stage}"
    received = await broker.receive(lock, 64)
    metadata = worker.data.batch_metadata([each.message_id for each in received], lock.session, 1)
    outcome = await worker.invoke(stage, worker.data.messages([each.body for each in received]), metadata)
    await broker.complete(lock, received)
    return received[0].body, outcome


def _request(worker: Worker, name: str, route: dict[str, str], body: bytes) -> Any:
    trigger = worker.functions[name].trigger
    needed = {key: value for key, value in route.items() if "{" + key in trigger["route"]}
    method = trigger["methods"][0]
    return worker.data.http(method, f"https://hub/{trigger['route']}", needed, {}, body if method == "POST" else b"")


def _told(outcome: Outcome) -> dict[str, Any]:
    status = getattr(outcome.value, "status_code", None)
    body = getattr(outcome.value, "body", None)
    content = getattr(body, body.WhichOneof("data")) if body is not None and body.WhichOneof("data") else b""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    return {"error": outcome.error, "status": status, "body": text[:2000], "outputs": sorted(outcome.outputs)}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(run(Path(sys.argv[1]).read_bytes()))))
