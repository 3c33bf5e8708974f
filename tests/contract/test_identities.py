"""The contract of `Identities`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.ports import IdentityClaim, Resolution
from tests.contract.conftest import Run


def claim(*keys: str, minted: str = "minted", **facts: str) -> IdentityClaim:
    return IdentityClaim(keys, minted, **facts)


def test_an_unknown_claim_gets_the_minted_id_and_keeps_it(run: Run) -> None:
    """The first message about a person decides the id; all later ones must agree, after a restart as well."""

    async def first(hub: Any) -> None:
        assert await hub.identities.resolve([claim("mr-1", minted="one")]) == [Resolution("one")]

    async def second(hub: Any) -> None:
        assert await hub.identities.resolve([claim("mr-1", minted="two")]) == [Resolution("one")]

    run(first)
    run(second)


def test_unknown_keys_are_bound_to_the_resource_of_the_known_one(run: Run) -> None:
    """So that a later message with the new number alone finds the person."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim("mr-1", minted="one")])
        await hub.identities.resolve([claim("ss-1", "mr-1", minted="two")])

        assert await hub.identities.lookup(["ss-1", "mr-1", "mr-2"]) == ["one", "one", None]

    run(scenario)


def test_the_best_known_key_decides_and_the_others_are_told(run: Run) -> None:
    """Two numbers of two people in one message: a person must look at it, and nothing is rebound."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim("mr-1", minted="one"), claim("mr-2", minted="two")])
        (resolution,) = await hub.identities.resolve([claim("new", "mr-2", "mr-1", minted="three")])

        assert resolution == Resolution("two", others=("one",))
        assert await hub.identities.lookup(["new", "mr-1", "mr-2"]) == ["two", "one", "two"]

    run(scenario)


def test_claims_of_one_call_are_resolved_in_order(run: Run) -> None:
    """Two messages about a new person in one batch are about one person."""

    async def scenario(hub: Any) -> None:
        resolutions = await hub.identities.resolve(
            [claim("mr-1", minted="one"), claim("mr-1", "ss-1", minted="two"), claim("ss-1", minted="three")]
        )
        assert [resolution.resource for resolution in resolutions] == ["one"] * 3

    run(scenario)


def test_concurrent_claims_of_one_key_agree(run: Run) -> None:
    """Partitions run side by side; a person has one id."""

    async def scenario(hub: Any) -> None:
        calls = [hub.identities.resolve([claim("mr-1", minted=f"minted-{n}")]) for n in range(20)]
        resolutions = await asyncio.gather(*calls)
        assert len({resolution.resource for (resolution,) in resolutions}) == 1

    run(scenario)


def test_facts_follow_the_claims_that_contradict_at_most_one_of_them(run: Run) -> None:
    """People marry and dates are corrected; what is compared next time is what is true now."""

    async def scenario(hub: Any) -> None:
        facts = [
            {},
            {"family": "family-1"},
            {"family": "family-2", "birth_date": "born-1"},
            {"birth_date": "born-2"},
            {},
        ]
        seen = [(await hub.identities.resolve([claim("mr-1", **given)]))[0] for given in facts]

        assert [(each.family, each.birth_date) for each in seen] == [
            ("", ""),
            ("", ""),
            ("family-1", ""),
            ("family-2", "born-1"),
            ("family-2", "born-2"),
        ]

    run(scenario)


def test_a_claim_that_contradicts_both_facts_binds_and_changes_nothing(run: Run) -> None:
    """It carries somebody's wrong number: its other numbers must not become that person's."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim("mr-1", family="family-1", birth_date="born-1")])
        [wrong] = await hub.identities.resolve([claim("mr-1", "ss-2", family="family-2", birth_date="born-2")])
        [after] = await hub.identities.resolve([claim("mr-1")])

        assert (wrong.family, wrong.birth_date) == ("family-1", "born-1")
        assert (after.family, after.birth_date) == ("family-1", "born-1")
        assert await hub.identities.lookup(["ss-2"]) == [None]

    run(scenario)


def test_a_claim_without_keys_is_its_minted_id_and_leaves_no_mark(run: Run) -> None:
    """Unidentified people must not become one person."""

    async def scenario(hub: Any) -> None:
        nobody = claim(minted="nobody", family="family")
        assert await hub.identities.resolve([nobody, nobody]) == [Resolution("nobody")] * 2

    run(scenario)


def test_a_merged_resource_resolves_to_the_end_of_its_chain(run: Run) -> None:
    """Messages go on coming under the old number for weeks."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim(f"mr-{n}", minted=str(n), family=f"family-{n}") for n in (1, 2, 3)])
        assert await hub.identities.merge("1", "2")
        assert await hub.identities.merge("2", "3")

        assert await hub.identities.lookup(["mr-1", "mr-2"]) == ["3", "3"]
        assert await hub.identities.resolve([claim("mr-1")]) == [Resolution("3", family="family-3", former=("1", "2"))]
        assert await hub.identities.resolve([claim("mr-3", "mr-2")]) == [
            Resolution("3", family="family-3", former=("2",))
        ]
        assert await hub.identities.bound(["mr-1", "mr-3", "mr-4"]) == ["1", "3", None]
        # A new number of a person who was merged belongs to the survivor.
        await hub.identities.resolve([claim("new", "mr-1")])
        assert await hub.identities.lookup(["new"]) == ["3"]

    run(scenario)


def test_what_is_known_is_what_would_be_resolved_and_nothing_is_bound(run: Run) -> None:
    """A plan of a replay asks so: it must say what the run will find, and leave no trace."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim(f"mr-{n}", minted=str(n), family=f"family-{n}") for n in (1, 2)])
        await hub.identities.merge("1", "2")
        asked = [claim("mr-1", "new", family="another"), claim("mr-3", minted="3"), claim(minted="nobody")]

        found = [Resolution("2", family="family-2", former=("1",)), Resolution("3"), Resolution("nobody")]

        assert await hub.identities.known(asked) == found
        assert await hub.identities.lookup(["new", "mr-3"]) == [None, None]
        assert await hub.identities.known(asked) == await hub.identities.resolve(asked) == found

    run(scenario)


def test_a_minted_id_that_was_merged_before_it_was_bound_follows_its_chain(run: Run) -> None:
    """A merge may name a number that no message has used yet."""

    async def scenario(hub: Any) -> None:
        assert await hub.identities.merge("one", "two")
        assert await hub.identities.resolve([claim("mr-1", minted="one")]) == [Resolution("two")]

    run(scenario)


@pytest.mark.parametrize(("prior", "survivor"), [("1", "1"), ("3", "1"), ("2", "1")])
def test_a_merge_that_would_close_a_circle_changes_nothing(run: Run, prior: str, survivor: str) -> None:
    """A circle has no end, and no person."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim(f"mr-{n}", minted=str(n)) for n in (1, 2, 3)])
        await hub.identities.merge("1", "2")
        await hub.identities.merge("2", "3")

        assert not await hub.identities.merge(prior, survivor)
        assert await hub.identities.lookup(["mr-1", "mr-2", "mr-3"]) == ["3", "3", "3"]

    run(scenario)


def test_a_merge_sent_again_is_done_already(run: Run) -> None:
    """Redelivery must not turn a merge into a conflict."""

    async def scenario(hub: Any) -> None:
        assert await hub.identities.merge("1", "2")
        assert await hub.identities.merge("1", "2")

    run(scenario)


def test_a_key_that_moves_takes_nothing_else_with_it(run: Run) -> None:
    """One number was filed under the wrong person; the other numbers of both were right."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim("mr-1", "ss-1", minted="one", family="family-1", birth_date="born-1")])
        await hub.identities.resolve([claim("mr-2", minted="two", family="family-2", birth_date="born-2")])
        await hub.identities.move(["mr-1"], "two")

        assert await hub.identities.lookup(["mr-1", "ss-1", "mr-2"]) == ["two", "one", "two"]
        assert await hub.identities.resolve([claim("mr-1"), claim("ss-1")]) == [
            Resolution("two", family="family-2", birth_date="born-2", former=("one",)),
            Resolution("one", family="family-1", birth_date="born-1"),
        ]

    run(scenario)


def test_a_key_that_moves_is_remembered_after_a_restart_and_moving_it_again_changes_nothing(run: Run) -> None:
    """Redelivery must not move anything else; and the next message under the number is about the right person."""

    async def first(hub: Any) -> None:
        await hub.identities.resolve([claim("mr-1", minted="one"), claim("mr-2", minted="two")])
        await hub.identities.move(["mr-1"], "two")
        await hub.identities.move(["mr-1"], "two")

    async def second(hub: Any) -> None:
        assert await hub.identities.resolve([claim("mr-1", minted="three")]) == [Resolution("two", former=("one",))]

    run(first)
    run(second)


def test_a_key_moves_to_the_end_of_a_chain(run: Run) -> None:
    """Whom it moves to may have been merged since; a number that nobody used yet may move too."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim(f"mr-{n}", minted=str(n)) for n in (1, 2, 3)])
        await hub.identities.merge("2", "3")
        await hub.identities.move(["mr-1", "unused"], "2")

        assert await hub.identities.lookup(["mr-1", "unused"]) == ["3", "3"]

    run(scenario)


def test_a_key_that_moves_out_of_a_merged_record_leaves_the_merge(run: Run) -> None:
    """Too much was merged: one number belongs to somebody else after all."""

    async def scenario(hub: Any) -> None:
        await hub.identities.resolve([claim("mr-1", "ss-1", minted="1"), claim("mr-2", minted="2")])
        await hub.identities.resolve([claim("mr-3", minted="3")])
        await hub.identities.merge("1", "2")
        await hub.identities.move(["mr-1"], "3")

        assert await hub.identities.lookup(["mr-1", "ss-1", "mr-2"]) == ["3", "2", "2"]

    run(scenario)
