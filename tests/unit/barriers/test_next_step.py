"""Every order in which a small world can happen, on the code that runs in transform and route (rule R7)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.barriers.small_world import World, message

CROSSED = [message("1", "a", "b"), message("2", "b", "a"), message("3", "a"), message("4", "b")]
CHAIN = [message("1", "b", "a"), message("2", "c", "b"), message("3", "a"), message("4", "c")]
CIRCLE = [message("1", "a", "b"), message("2", "b", "c"), message("3", "c", "a")]
IN_ONE_PARTITION = [message("1", "a", "d"), message("2", "d", "a"), message("3", "d"), message("4", "a", "b")]
BOTH_SIDES = [message("1", "b"), message("2", "a", "b"), message("3", "b"), message("4", "a")]
THREE_KEYS = [message("1", "a", "b", "c"), message("2", "c", "b"), message("3", "b")]


def ways(world: World, at_once: int) -> Iterator[World]:
    """Yield what the world may be after one more step, at most so many messages being sent at a time."""
    begun = [index for index, (_, sent) in enumerate(world.unsent) if sent]
    fresh = [index for index, (_, sent) in enumerate(world.unsent) if not sent][:1]  # each feed sends in order
    for index in [*begun, *(fresh if len(begun) < at_once else ())]:
        yield world.send_next(index)
    for partition, queue in world.queues.items():
        if queue:
            yield world.work(partition)[0]


def ends(world: World) -> Iterator[World]:
    """Yield what is left if the process ends, in a partition, after any call of a port."""
    for partition, queue in world.queues.items():
        for take in range(1, min(len(queue), 2) + 1):
            calls = 0
            has_lived = False
            while not has_lived:
                calls += 1
                left, has_lived = world.work(partition, calls, take)
                yield left


def search(start: World, at_once: int = 2) -> tuple[list[World], list[str]]:
    """Return the worlds that can be reached, and what is wrong with any that has come to its end."""
    seen: dict[Hashable, World] = {}
    faults: list[str] = []
    open_worlds = [start]
    while open_worlds:
        world = open_worlds.pop()
        if world.mark() in seen:
            continue
        seen[world.mark()] = world
        after = list(ways(world, at_once))
        open_worlds += after
        if not after:
            faults += world.faults()
    return list(seen.values()), faults


@pytest.mark.parametrize(
    "messages",
    [CROSSED, CHAIN, CIRCLE, IN_ONE_PARTITION, BOTH_SIDES, THREE_KEYS],
    ids=["crossed", "chain", "circle", "one partition", "both sides", "three keys"],
)
def test_every_order_of_events_keeps_the_order_of_every_key_and_ends(messages):
    """Two feeds at a time, tokens sent one by one, partitions worked on in any turn: nothing waits for ever."""
    worlds, faults = search(World([(item, 0) for item in messages]))

    assert faults == []
    assert len(worlds) > 100


@pytest.mark.parametrize(
    "messages", [CROSSED[:3], CHAIN[:3], IN_ONE_PARTITION, BOTH_SIDES], ids=["crossed", "chain", "one", "both"]
)
def test_wherever_the_process_ends_nothing_is_lost_and_nothing_out_of_order(messages):
    """In every world that can be reached, after every call of a port: whoever comes next knows only what is written."""
    worlds, _ = search(World([(item, 0) for item in messages]))

    tried = 0
    for world in worlds:
        for left in ends(world):
            tried += 1
            assert finished(left).faults() == []
    assert tried > 200


def finished(world: World) -> World:
    """Return the world once everything is sent and worked on."""
    while world.unsent:
        world = world.send_next(0)
    return world.come_to_rest()


def test_a_merge_that_is_quarantined_lets_everybody_go_on():
    """Nothing may wait for what comes no further."""
    start = World([(item, 0) for item in BOTH_SIDES], poison=frozenset({BOTH_SIDES[1].message}))

    _, faults = search(start)

    assert faults == []


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12), st.integers(1, 3)), max_size=40)
STORIES = [CROSSED, CHAIN, CIRCLE, IN_ONE_PARTITION, BOTH_SIDES, THREE_KEYS]


@given(story=st.sampled_from(STORIES), steps=STEPS)
@settings(max_examples=200, deadline=None)
def test_a_process_that_ends_anywhere_loses_nothing_and_reorders_nothing(story, steps):
    """After any call of a port, again and again: whoever comes next knows only what is written."""
    world = World([(item, 0) for item in story])
    for choice, calls, take in steps:
        if choice < 3:
            world, _ = world.work(choice, calls or None, take)
        elif world.unsent:
            begun = [index for index, (_, sent) in enumerate(world.unsent) if sent]
            fresh = [index for index, (_, sent) in enumerate(world.unsent) if not sent][: 1 if len(begun) < 2 else 0]
            options = [*begun, *fresh]
            world = world.send_next(options[choice % len(options)])
    assert finished(world).faults() == []


@given(story=st.sampled_from(STORIES), sent=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_sender_that_goes_away_between_two_tokens_holds_nobody(story, sent):
    """Its message was not acknowledged, and its token is in line: the timer sends the rest."""
    world = World([(item, 0) for item in story])
    for _ in range(sent):
        if world.unsent:
            world = world.send_next(0)
    world.unsent = [(item, count) for item, count in world.unsent if not count]
    assert finished(world).faults() == []
