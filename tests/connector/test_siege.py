"""The attacks of `python -m tests.connector.siege`, each for some seconds."""

from __future__ import annotations

import os
import random
import sys

import pytest

from tests.connector import siege

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="many addresses of one machine, and its /proc")


# Four processes each, and a minute of a busy machine: the command above, or this.
long = pytest.mark.skipif("CADUCEUS_TEST_SIEGE" not in os.environ, reason="takes long; CADUCEUS_TEST_SIEGE=1 runs it")


@pytest.mark.parametrize(
    ("attack", "size"),
    [
        (siege.slow, 200),
        (siege.large, 8),
        (siege.garbage, 200),
        (siege.disorder, 60),
        (siege.disks, 1),
        pytest.param(siege.cut, 1.0, marks=long),
        pytest.param(siege.kill, 1, marks=long),
    ],
)
async def test_an_attack_loses_and_repeats_nothing_and_harms_nobody_else(tmp_path, attack, size):
    """What the network, the disks and strangers can do; in large by hand, before a release."""
    assert await attack(tmp_path, random.Random(1), size)
