"""The garbage collector while something large is made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from shared.message.collector import collector_paused


@pytest.fixture(autouse=True)
def collector_on() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_collector_is_off_for_what_is_large_alone() -> None:
    """A pause costs a little, and what is small is looked at once or not at all."""
    with collector_paused(when=False):
        assert gc.isenabled()
    with collector_paused(when=True):
        assert not gc.isenabled()
    assert gc.isenabled()


def test_pause_within_a_pause_ends_with_the_outer_one() -> None:
    """Converting a large message splits it, and both pause."""
    with collector_paused(when=True):
        with collector_paused(when=True):
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_threads_that_overlap_keep_it_off_until_the_last_has_ended() -> None:
    """Whoever began first may end first: the other is still at it."""
    began, may_end = Event(), Event()

    def work() -> None:
        with collector_paused(when=True):
            began.set()
            may_end.wait(60)

    other = Thread(target=work)
    with collector_paused(when=True):
        other.start()
        began.wait(60)
    assert not gc.isenabled()
    may_end.set()
    other.join()
    assert gc.isenabled()


def test_collector_that_was_off_stays_off_and_an_error_ends_the_pause() -> None:
    """A measurement turns it off itself; a message that cannot be converted must not leave it off for ever."""
    with pytest.raises(LookupError), collector_paused(when=True):
        raise LookupError
    assert gc.isenabled()
    gc.disable()
    with collector_paused(when=True):
        pass
    assert not gc.isenabled()
