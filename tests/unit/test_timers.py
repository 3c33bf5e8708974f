"""The timers that do several works."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from functions.purge import purge
from functions.retry import retry
from shared.app import use
from shared.message.errors.storage import StorageFailed

RETRY = ["deliver.wake_overdue", "barriers.run", "reservations.run"]
PURGE = ["anchors.add", "retention.purge_nightly"]


@pytest.mark.parametrize(("timer", "works"), [(retry, RETRY), (purge, PURGE)])
@pytest.mark.parametrize("failing", [0, 1])
async def test_a_work_that_fails_keeps_no_other_of_its_timer_from_being_done(timer, works, failing):
    """Each looks after what nobody else does: of one that fails for days the others would be missing for days."""
    done = []

    def work(name):
        async def run():
            done.append(name)
            if name == works[failing]:
                raise StorageFailed("table")

        return run

    parts = [name.split(".") for name in works]
    use(SimpleNamespace(**{part: SimpleNamespace(**{name: work(f"{part}.{name}")}) for part, name in parts}))
    try:
        with pytest.raises(StorageFailed):
            await timer._function.get_user_function()(None)
    finally:
        use(None)

    assert done == works
