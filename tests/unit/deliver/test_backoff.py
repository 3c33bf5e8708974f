"""How long a delivery waits before it is tried again."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shared.deliver.backoff import backoff_seconds


@dataclass(frozen=True)
class Policy:
    base_seconds: float = 1.0
    cap_seconds: float = 60.0


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


def test_the_longest_wait_doubles_with_each_attempt_up_to_the_cap():
    """Expected values by hand: 1, 2, 4, 8, 16, 32, then the cap of 60."""
    waits = [backoff_seconds(attempt, Policy(), longest) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_wait_may_be_none_at_all():
    """Full jitter: a thousand deliveries that failed together must not come back together."""
    assert backoff_seconds(5, Policy(), shortest) == 0


def test_a_delivery_that_failed_for_days_still_has_a_wait():
    """2 ** 5000 is no float: the hundredth day must not end in an overflow."""
    assert backoff_seconds(5000, Policy(), longest) == 60


def test_the_first_failed_attempt_is_number_one():
    """A count that starts at zero would halve every wait, silently."""
    with pytest.raises(ValueError, match="1 or more"):
        backoff_seconds(0, Policy(), longest)
