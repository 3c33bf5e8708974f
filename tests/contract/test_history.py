"""The contract of `History`: the ledger, asked for what messages have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.message.finding import Finding
from shared.message.identifiers import InterfaceId, OrderingKey
from shared.message.patient import patient_hash
from shared.message.replay import Numbered, Selection
from shared.message.state import MessageState
from tests.contract.conftest import Run
from tests.doubles.clock import NOON
from tests.doubles.samples import LAB, arrival, message_id, step

WINDOW = 3600.0


def numbers(found: list[Numbered]) -> list[int]:
    wanted = {message_id(n): n for n in range(100)}
    return [wanted[one.record.message] for one in found]


def test_messages_are_selected_by_everything_that_is_given(run: Run) -> None:
    """A replay of the wrong messages is worse than none."""

    async def scenario(hub: Any) -> None:
        other = InterfaceId("other")
        await hub.ledger.reserve([arrival(1), arrival(2, interface=other), arrival(3, mapping="2"), arrival(4)], WINDOW)
        select = hub.history.select

        assert numbers(await select(Selection(message=message_id(3)))) == [3]
        assert numbers(await select(Selection(interface=LAB))) == [1, 3, 4]
        assert numbers(await select(Selection(interface=LAB, mapping="1"))) == [1, 4]
        assert numbers(await select(Selection(since=NOON + timedelta(seconds=2)))) == [2, 3, 4]
        assert numbers(await select(Selection(until=NOON + timedelta(seconds=2)))) == [1]
        assert numbers(await select(Selection(interface=other, since=NOON + timedelta(seconds=3)))) == []

    run(scenario)


def test_a_finding_or_the_code_that_stopped_it_selects_a_message(run: Run) -> None:
    """Who was hit by this error is the question after every error."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(n) for n in (1, 2, 3)], WINDOW)
        unmapped = (Finding("code_unmapped", "PV1-10"), Finding("code_unmapped", "PV1-14"))
        await hub.ledger.progress([step(3, MessageState.TRANSFORMED)._replace(findings=unmapped)])
        await hub.ledger.progress([step(3, MessageState.TRANSFORMED)._replace(findings=unmapped)])  # delivered twice
        await hub.ledger.progress([step(1, MessageState.QUARANTINED)._replace(code="TRANSFORM-001")])

        assert numbers(await hub.history.select(Selection(finding="code_unmapped"))) == [3]
        assert numbers(await hub.history.select(Selection(finding="TRANSFORM-001"))) == [1]
        assert numbers(await hub.history.select(Selection(finding="code"))) == []

    run(scenario)


def test_a_patient_hash_leads_to_the_messages_of_its_ordering_key(run: Run) -> None:
    """It is all that plans and `affected` show, so it is what an operator has in hand."""

    async def scenario(hub: Any) -> None:
        other = InterfaceId("other")
        await hub.ledger.reserve([arrival(n, key=OrderingKey(f"Patient/{n % 2}")) for n in range(1, 6)], WINDOW)
        await hub.ledger.reserve([arrival(7, key=OrderingKey("Patient/1"), interface=other)], WINDOW)
        await hub.ledger.progress([step(3, MessageState.ROUTED)])
        odd, recent = patient_hash(OrderingKey("Patient/1"), hub.hub_key), hub.ledger.recent

        key = await hub.history.key_of(odd)
        assert key == "Patient/1"
        assert await hub.history.key_of(patient_hash(OrderingKey("Patient/9"), hub.hub_key)) is None
        assert [one.message for one in await recent(key=key)] == [message_id(n) for n in (7, 5, 3, 1)]
        assert [one.message for one in await recent(2, key=key)] == [message_id(7), message_id(5)]
        assert [one.message for one in await recent(1, interface=LAB, key=key)] == [message_id(5)]
        assert [one.message for one in await recent(state=MessageState.ROUTED, key=key)] == [message_id(3)]

        select = hub.history.select
        assert numbers(await select(Selection(key=key))) == [1, 3, 5, 7]
        assert numbers(await select(Selection(key=key, interface=LAB, since=NOON + timedelta(seconds=2)))) == [3, 5]
        first = (await select(Selection(key=key), 0, 1))[0].number
        assert numbers(await select(Selection(key=key), first, 2)) == [3, 5]
        assert await select(Selection(key=OrderingKey("Patient/9"))) == []

    run(scenario)


def test_a_selection_is_read_in_pages(run: Run) -> None:
    """A year of messages does not fit into memory."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(n) for n in range(1, 6)], WINDOW)
        found: list[int] = []
        reached = 0
        while page := await hub.history.select(Selection(interface=LAB), reached, 2):
            reached = page[-1].number
            found += numbers(page)

        assert found == [1, 2, 3, 4, 5]

    run(scenario)


def test_messages_of_a_key_come_in_order_and_from_a_place_on(run: Run) -> None:
    """The suffix of a key is what a replay covers (rule R8)."""

    async def scenario(hub: Any) -> None:
        key = OrderingKey("Patient/a")
        mixed = [arrival(1, key=key), arrival(2), arrival(3, key=key, source="other"), arrival(4, key=key)]
        await hub.ledger.reserve(mixed, WINDOW)
        [first, *_] = await hub.history.of_key(key)

        assert numbers(await hub.history.of_key(key)) == [1, 3, 4]
        assert numbers(await hub.history.of_key(key, first.number)) == [3, 4]
        assert numbers(await hub.history.of_key(key, first.number, 1)) == [3]
        assert await hub.history.of_key(OrderingKey("Patient/none")) == []

    run(scenario)
