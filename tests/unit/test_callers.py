"""Who asks, as the triggers tell the hub."""

from __future__ import annotations

from types import SimpleNamespace

import azure.functions as func
import pytest

import functions.answers
from functions.answers import caller_of
from functions.ingest import sender_of
from shared.message.audit import Caller

CLAIMED = {"X-Hub-Caller": "7f3a", "X-Hub-Roles": "Hub.Operate,Hub.Reveal"}


def asked(headers: dict[str, str]) -> func.HttpRequest:
    return func.HttpRequest(method="POST", url="https://hub/hub/affected/reveal", headers=headers, body=b"")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch):
    """Be a hub on a laptop, or in Azure."""

    def become(is_laptop: bool, roles: frozenset[str] = frozenset()) -> None:
        hub = SimpleNamespace(settings=SimpleNamespace(is_laptop=is_laptop, roles=roles))
        monkeypatch.setattr(functions.answers, "hub", lambda: hub)

    return become


def test_in_azure_the_gateway_says_who_asks_and_what_they_may(on):
    """It read the token; the roles there are those of the setting, with the hub's name before them."""
    on(is_laptop=False)
    assert caller_of(asked(CLAIMED)) == Caller("7f3a", frozenset({"operate", "reveal"}))
    assert caller_of(asked({})) == Caller("unknown", frozenset())


def test_a_connector_behind_a_bridge_is_named_after_its_hybrid_connection(on):
    """The bridge has one identity for all of them; nobody becomes another by saying so: his own name stands first."""
    on(is_laptop=False)
    assert sender_of(asked(CLAIMED)) == "7f3a"
    assert sender_of(asked({**CLAIMED, "Caduceus-Relay": "north"})) == "7f3a/north"


def test_on_a_laptop_nobody_gets_a_role_by_saying_so(on):
    """No gateway is there to take the headers off; the roles are those of the setting."""
    on(is_laptop=True)
    assert caller_of(asked(CLAIMED)) == Caller("laptop", frozenset())
    on(is_laptop=True, roles=frozenset({"reveal"}))
    assert caller_of(asked({})) == Caller("laptop", frozenset({"reveal"}))
