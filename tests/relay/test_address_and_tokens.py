"""Where a hybrid connection is, and what is shown to be let in."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from relay import EntraTokens, HybridConnection, Listener, NoTokens, SasTokens, Token
from relay.backoff import Backoff
from relay.local_access import LISTEN, SEND, Access, Key, token_of
from relay.tokens import sign
from shared.message.errors.relay import TooManyRelayListeners

REPOSITORY = Path(__file__).parents[2]
PLACE = HybridConnection.parse("sb://contoso.servicebus.windows.net/hospital/ward")


def test_the_three_urls_are_those_of_the_guide():
    """Listen, connect, request: the guide's own forms."""
    assert PLACE.listen_url("7") == (
        "wss://contoso.servicebus.windows.net/$hc/hospital/ward?sb-hc-action=listen&sb-hc-id=7"
    )
    assert PLACE.connect_url("/suffix?param=value") == (
        "wss://contoso.servicebus.windows.net/$hc/hospital/ward/suffix?param=value&sb-hc-action=connect"
    )
    assert PLACE.request_url("/a?b=c") == "https://contoso.servicebus.windows.net/hospital/ward/a?b=c"


def test_only_a_local_relay_goes_without_tls():
    """http and ws are for 127.0.0.1; every scheme of the portal is encrypted."""
    assert [HybridConnection.parse(f"{s}://h/x").is_secure for s in ("sb", "https", "wss")] == [True] * 3
    assert [HybridConnection.parse(f"{s}://h:1/x").is_secure for s in ("http", "ws")] == [False] * 2


@pytest.mark.parametrize("url", ["", "ward", "sb://contoso", "sb:///ward", "ftp://h/x", "sb://u:p@h/x", "sb://h/x?a=b"])
def test_what_is_no_hybrid_connection_is_refused(url):
    """A password in an address would end in a log."""
    with pytest.raises(ValueError, match="expected sb"):
        HybridConnection.parse(url)


def test_the_suffix_comes_back_without_the_services_own_parameters():
    """The application decides by it; ``sb-hc-`` is not its business."""
    assert PLACE.target_of("/$hc/hospital/ward/bed?n=3&sb-hc-action=accept&sb-hc-id=9") == "/bed?n=3"
    assert PLACE.target_of("/$hc/hospital/ward?sb-hc-id=9") == ""


def test_a_signature_is_the_one_that_microsofts_own_package_makes():
    """Expected value: hyco-https 1.4.5 createRelayToken, run by hand for this resource, key and expiry."""
    token = sign("http://contoso.servicebus.windows.net/ward", "root", "c2VjcmV0", 1767225600)
    assert token == (
        "SharedAccessSignature sr=http%3A%2F%2Fcontoso.servicebus.windows.net%2Fward"
        "&sig=hL8j3zIy%2BWUuM%2FZDO%2FdeQDzMXrkMERMFKbNKbd6n6NE%3D&se=1767225600&skn=root"
    )


def test_a_token_is_renewed_after_four_fifths_of_its_life():
    """Early enough that a slow answer of Entra does not let it lapse."""
    assert Token("t", 1000.0).renew_after(0.0) == 800.0
    assert Token("t", 1000.0).renew_after(2000.0) == 0.0


def test_nobody_pays_for_entra_who_does_not_use_it():
    """azure-identity takes 170 ms and some megabytes; a connector with a key needs neither."""
    program = "import sys, relay; print([name for name in sys.modules if name.startswith('azure')])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert ran.stdout.strip() == "[]"


async def test_entra_is_asked_for_the_relays_own_scope():
    """The scope is the one of the documentation; any other gives a token that the relay refuses."""
    asked = []

    async def get_token(scope):
        asked.append(scope)
        return SimpleNamespace(token="eyJ", expires_on=1767225600)

    tokens = EntraTokens(SimpleNamespace(get_token=get_token))
    assert await tokens.token() == Token("Bearer eyJ", 1767225600.0)
    assert asked == ["https://relay.azure.net/.default"]


def test_a_token_is_good_for_what_its_key_allows_and_no_more():
    """Listen with a key that may only send: 403; another path: 403; a lapsed or forged token: 401."""
    access = Access({"send": Key("s", frozenset({SEND}))})
    later = int(time.time()) + 60

    def status(resource, key, expires=later, right=SEND):
        return access.check(sign(resource, "send", key, expires), "ward", right).status

    assert status("http://h/ward", "s") == 0
    assert status("http://h/", "s") == 0  # a key of the namespace
    assert status("http://h/ward", "s", right=LISTEN) == 403
    assert status("http://h/war", "s") == 403
    assert status("http://h/ward", "forged") == 401
    assert status("http://h/ward", "s", expires=later - 120) == 401
    assert access.check("nonsense", "ward", SEND).status == 401


def test_the_token_is_looked_for_where_the_guide_says():
    """Query first, then ServiceBusAuthorization, then Authorization, which alone may be the application's own."""
    assert token_of({"Authorization": "a", "ServiceBusAuthorization": "b"}, "sb-hc-token=c") == ("c", True)
    assert token_of({"Authorization": "a", "servicebusauthorization": "b"}, "") == ("b", True)
    assert token_of({"Authorization": "a"}, "x=y") == ("a", False)


def test_waits_double_up_to_the_cap_and_begin_anew_after_success():
    """Full jitter between 0 and 1, 2, 4, 4 seconds (a fixed draw takes the upper end)."""
    backoff = Backoff(1.0, 4.0, uniform=lambda low, high: high)
    assert [backoff.next_seconds() for _ in range(4)] == [1.0, 2.0, 4.0, 4.0]
    backoff.reset()
    assert backoff.next_seconds() == 1.0


@pytest.mark.parametrize("channels", [0, 26])
def test_a_listener_opens_1_to_25_channels(channels):
    """The service takes 25 for one hybrid connection; the 26th would be refused for ever."""
    with pytest.raises(TooManyRelayListeners):
        Listener(PLACE, NoTokens(), channels=channels)


async def test_signatures_lapse_when_they_were_told_to():
    """A key that leaks in a token is of use for an hour, not for ever."""
    token = await SasTokens(PLACE.resource, "root", "k", 60).token()
    assert 0 < token.expires - time.time() <= 60
