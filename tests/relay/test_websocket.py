"""A stream whose two directions end one by one, without a socket."""

from __future__ import annotations

import pytest

from relay.limits import Limits
from relay.websocket import ClientHandshake, Finished, Fragment, Half, Pong, ServerHandshake, WebSocket
from shared.message.errors.relay import RelayProtocolBroken

LIMITS = Limits(frame_bytes=1000)


@pytest.fixture
def ends() -> tuple[WebSocket, WebSocket]:
    """The two ends of one connection: client, server."""
    client, server = ClientHandshake("ws://relay/$hc/ward", {}, ["hl7", "fhir"], LIMITS), ServerHandshake(LIMITS)
    request = server.receive(client.request())
    opened, answer = server.accept(request, "fhir")
    return client.receive(answer), opened


def test_both_ends_agree_on_one_of_the_subprotocols(ends):
    """The listener chooses; the sender hears which."""
    assert [end.subprotocol for end in ends] == ["fhir", "fhir"]


def test_fragments_stay_fragments(ends):
    """Put together they would have to be kept whole."""
    client, server = ends
    sent = client.send(b"a", is_text=False, is_final=False) + client.send(b"b", is_text=False, is_final=True)
    assert server.receive(sent) == [Fragment(b"a", False, False), Fragment(b"b", False, True)]


def test_an_end_that_has_finished_still_hears_the_other(ends):
    """Half-close: a request is at its end, its answer is not."""
    client, server = ends
    assert server.receive(client.finish(1000, "done")) == [Finished(1000, "done")]
    assert (client.half, server.half) == (Half.ONLY_IN, Half.ONLY_OUT)
    assert client.receive(server.send(b"answer", is_text=True, is_final=True)) == [Fragment(b"answer", True, True)]
    assert client.receive(server.finish(1001, "bye")) == [Finished(1001, "bye")]
    assert (client.half, server.half) == (Half.NONE, Half.NONE)


def test_nothing_is_sent_after_the_end(ends):
    """The other end has let go, or reads it as garbage."""
    client, _ = ends
    client.finish()
    with pytest.raises(RelayProtocolBroken):
        client.send(b"x", is_text=True, is_final=True)
    assert client.finish() == b""


def test_a_ping_is_answered_by_the_protocol_itself(ends):
    """It proves the line, whatever the application does."""
    client, server = ends
    assert server.receive(client.ping()) == []
    assert client.receive(server.to_send()) == [Pong()]


def test_a_frame_over_the_limit_ends_the_connection(ends):
    """One frame is kept whole; its length is whatever the other end writes."""
    client, server = ends
    with pytest.raises(RelayProtocolBroken):
        server.receive(client.send(b"x" * 1001, is_text=False, is_final=True))


def test_garbage_ends_the_connection(ends):
    """Reserved bits, unmasked frames: not ours to repair."""
    _, server = ends
    with pytest.raises(RelayProtocolBroken):
        server.receive(b"\xff\xff\xff\xff")


def test_a_status_instead_of_a_websocket_says_whose_it_is():
    """Via is the relay's mark on what a listener said."""
    client, server = ClientHandshake("ws://relay/x", {}, [], LIMITS), ServerHandshake(LIMITS)
    server.receive(client.request())
    assert client.receive(server.reject(418, "teapot", {"Via": "1.1 relay"})) == (418, "teapot", True)


@pytest.mark.parametrize("answer", [b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 101 Yes\r\n\r\n", b"SMTP ready\r\n\r\n"])
def test_an_answer_that_is_none_is_refused_by_name(answer):
    """A captive portal, or a port that is something else."""
    client = ClientHandshake("ws://relay/x", {}, [], LIMITS)
    client.request()
    with pytest.raises(RelayProtocolBroken):
        client.receive(answer)
