"""Lanes, breaker and sessions of the real deliver stage agree with their model on every walk (docs/proof.md).

``CADUCEUS_TEST_WALKS=5000`` takes so many walks, other ones each time; by default there are few, and always the same.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.model.machine import walk

WALKS = int(os.environ.get("CADUCEUS_TEST_WALKS", "0"))
FEW = settings(
    max_examples=WALKS or 30,
    stateful_step_count=40,
    derandomize=not WALKS,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_deliver_keeps_its_promises_on_every_walk():
    """Answers, silence, thefts, deaths, pauses and decisions in an order that nobody would think of."""
    walk(FEW)
