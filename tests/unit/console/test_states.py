"""One word for a state, wherever it is shown: in the hub's answers, on the page, in the command line, in the docs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.screen import DELIVERY_STATES
from shared.console import view
from shared.message.identifiers import DestinationId
from shared.message.state import DeliveryState, MessageState
from shared.ports import DestinationStatus

ROOT = Path(__file__).parents[3]
LATER = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_page_offers_every_state_of_a_message():
    """One that is missing there cannot be looked for."""
    offered = re.findall(r"<option>(\w+)</option>", (ROOT / "console/index.html").read_text())
    assert sorted(offered) == sorted(MessageState)


def test_the_command_line_counts_every_state_of_a_delivery():
    """What is about to be sent was in no column: the columns did not add up. A token is no delivery."""
    assert {*DELIVERY_STATES} == {*DeliveryState} - {DeliveryState.PASSED}


def test_the_page_knows_what_each_state_means():
    """A state without a colour looks like one that needs nobody."""
    known = re.search(r"const MEANING = \{(.*?)\}", (ROOT / "console/elements.js").read_text(), re.DOTALL)
    assert known is not None
    assert {*re.findall(r"(\w+): ", known[1])} == {*MessageState, *DeliveryState}


def test_the_docs_name_every_state():
    """The page of the API is what somebody else's program is written after."""
    named = {*re.findall(r"`(\w+)`", (ROOT / "docs/hub-api.md").read_text())}
    assert {*MessageState, *DeliveryState} <= named


@pytest.mark.parametrize(
    ("is_paused", "open_until", "state"),
    [(True, None, "paused"), (True, LATER, "paused"), (False, None, "ready"), (False, LATER, "failing")],
)
def test_the_hub_says_how_a_destination_is(is_paused, open_until, state):
    """Paused by a person and failing by itself are different calls to make; a pause is the stronger one."""
    status = DestinationStatus(DestinationId("billing"), paused=is_paused, open_until=open_until)
    assert view._state(status, is_paused=is_paused) == state
