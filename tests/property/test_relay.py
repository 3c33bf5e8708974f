"""Whatever comes over the wire: a named refusal or an event, never anything else; and cuts change nothing."""

from __future__ import annotations

import contextlib
import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from relay.address import HybridConnection
from relay.control import BodyPart, Channel, Role
from relay.limits import Limits
from relay.local_access import SEND, Access, Key
from relay.websocket import ClientHandshake, Fragment, ServerHandshake
from shared.message.errors.relay import RelayError

LIMITS = Limits()
LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
JSON = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(st.text(max_size=4), LEAF, max_size=3)
NAMES = ("address", "id", "method", "requestTarget", "requestHeaders", "body", "requestId", "statusCode", "token")
MESSAGE = st.dictionaries(
    st.sampled_from(("accept", "request", "response", "renewToken", "other")),
    JSON | st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5),
    max_size=2,
)


@given(st.sampled_from(Role), st.lists(st.tuples(st.binary(max_size=200), st.booleans(), st.booleans()), max_size=8))
def test_no_frame_breaks_a_channel_in_an_unnamed_way(role, frames):
    """Garbage from the wire closes one connection; an exception without a name would end the listener."""
    channel = Channel(role, LIMITS)
    with contextlib.suppress(RelayError):
        for data, is_text, is_final in frames:
            channel.feed(data, is_text=is_text, is_final=is_final)


@given(st.sampled_from(Role), MESSAGE)
def test_no_message_breaks_a_channel_in_an_unnamed_way(role, said):
    """JSON that is well formed and wrong is the likelier kind."""
    with contextlib.suppress(RelayError):
        Channel(role, LIMITS).feed(json.dumps(said).encode(), is_text=True, is_final=True)


@given(st.binary(max_size=500), st.lists(st.integers(0, 500), max_size=6))
def test_a_body_is_the_same_however_it_is_cut(body, cuts):
    """The frames of a body are the service's choice."""
    channel = Channel(Role.RENDEZVOUS, LIMITS)
    head = {"request": {"address": "a", "id": "7", "method": "PUT", "requestTarget": "/", "body": True}}
    channel.feed(json.dumps(head).encode(), is_text=True, is_final=True)
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    pieces = [body[begin:end] for begin, end in itertools.pairwise(places)]
    events = []
    for number, piece in enumerate(pieces, 1):
        events += channel.feed(piece, is_text=False, is_final=number == len(pieces))
    assert all(isinstance(event, BodyPart) for event in events)
    assert b"".join(event.data for event in events) == body
    assert [event.is_last for event in events] == [False] * (len(pieces) - 1) + [True]


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_no_bytes_break_a_websocket_in_an_unnamed_way(pieces):
    """After the handshake anything may come."""
    client, server = ClientHandshake("ws://relay/x", {}, [], LIMITS), ServerHandshake(LIMITS)
    opened, _ = server.accept(server.receive(client.request()), None)
    with contextlib.suppress(RelayError):
        for piece in pieces:
            opened.receive(piece)


@given(st.lists(st.binary(max_size=120), max_size=6))
def test_no_answer_breaks_a_handshake_in_an_unnamed_way(pieces):
    """A proxy that answers with its own page, in any number of pieces."""
    client = ClientHandshake("ws://relay/x", {}, [], LIMITS)
    client.request()
    with contextlib.suppress(RelayError):
        for piece in pieces:
            if client.receive(piece) is not None:
                break


@given(st.binary(max_size=300), st.integers(1, 40))
def test_frames_are_the_same_however_tcp_cuts_them(body, size):
    """TCP knows no frames."""
    client, server = ClientHandshake("ws://relay/x", {}, [], LIMITS), ServerHandshake(LIMITS)
    opened, answer = server.accept(server.receive(client.request()), None)
    sent = client.receive(answer).send(body, is_text=False, is_final=True)
    events = [event for at in range(0, len(sent), size) for event in opened.receive(sent[at : at + size])]
    assert events == [Fragment(body, False, True)]


@given(st.text())
def test_no_token_opens_the_relay_but_a_genuine_one(token):
    """Any text at all is 401, and no exception."""
    assert Access({"send": Key("s", frozenset({SEND}))}).check(token, "ward", SEND).status == 401


@given(st.text())
def test_an_address_is_taken_or_refused(url):
    """Whatever stands in a configuration file."""
    with contextlib.suppress(ValueError):
        HybridConnection.parse(url)
