"""The protocol's messages, without a socket. Expected forms are those of Microsoft's protocol guide."""

from __future__ import annotations

import itertools
import json

import pytest

from relay.control import (
    Accept,
    BodyPart,
    Channel,
    ChannelState,
    Rendezvous,
    RenewToken,
    RequestHead,
    ResponseHead,
    Role,
    encode_accept,
    encode_rendezvous,
    encode_renewal,
    encode_request,
    encode_response,
)
from relay.limits import Limits
from shared.message.errors.relay import RelayLimitExceeded, RelayProtocolBroken

LIMITS = Limits()
REQUEST = {
    "request": {
        "address": "wss://dc-node.servicebus.windows.net:443/$hc/ward?sb-hc-action=request",
        "id": "42c34cb5-7a04-4d40-a19f-bdc66441e736",
        "requestTarget": "/abc/def?myarg=value",
        "method": "GET",
        "requestHeaders": {"Content-Type": "text/plain"},
        "body": False,
    }
}


def test_a_request_of_the_guide_is_read():
    """The guide's own example, without its body."""
    (event,) = text(Channel(Role.CONTROL, LIMITS), REQUEST)
    said = REQUEST["request"]
    assert event == RequestHead(
        said["address"], said["id"], "GET", "/abc/def?myarg=value", {"Content-Type": "text/plain"}
    )


def test_an_offer_of_the_guide_is_read():
    """A WebSocket to accept, with the headers that the sender gave."""
    said = {
        "accept": {"address": "wss://x/$hc/ward", "id": "4cb5", "connectHeaders": {"Sec-WebSocket-Protocol": "hl7"}}
    }
    (event,) = text(Channel(Role.CONTROL, LIMITS), said)
    assert event == Accept("wss://x/$hc/ward", "4cb5", {"Sec-WebSocket-Protocol": "hl7"})


def test_a_request_without_a_method_is_a_call_to_a_rendezvous():
    """Larger than 64 kB: "the remainder of this message is left empty"."""
    (event,) = text(Channel(Role.CONTROL, LIMITS), {"request": {"address": "wss://x", "id": "7"}})
    assert event == Rendezvous("wss://x", "7")


def test_a_status_written_as_text_is_a_status():
    """The guide's table says number, its example writes "200"."""
    said = {"response": {"requestId": "7", "statusCode": "200", "body": False}}
    assert text(Channel(Role.SERVICE, LIMITS), said) == [ResponseHead("7", 200)]


def test_a_body_comes_in_as_many_frames_as_the_other_end_likes():
    """The guide: the listener MUST handle a body split across frames; it ends with FIN."""
    channel = Channel(Role.CONTROL, LIMITS)
    said = {"request": {**REQUEST["request"], "method": "POST", "body": True}}
    assert text(channel, said)[0].has_body
    assert channel.state is ChannelState.BODY
    parts = [
        channel.feed(b, is_text=False, is_final=last)[0] for b, last in ((b"ab", False), (b"", False), (b"c", True))
    ]
    assert parts == [BodyPart(b"ab", False), BodyPart(b"", False), BodyPart(b"c", True)]
    assert channel.state is ChannelState.HEAD


def test_a_message_may_come_in_fragments_too():
    """WebSocket lets any message be cut."""
    channel = Channel(Role.CONTROL, LIMITS)
    said = json.dumps(REQUEST).encode()
    assert channel.feed(said[:10], is_text=True, is_final=False) == []
    assert channel.feed(said[10:20], is_text=True, is_final=False) == []
    assert len(channel.feed(said[20:], is_text=True, is_final=True)) == 1


def test_a_kind_of_message_that_is_not_known_yet_is_passed_over():
    """The guide defines properties "at this time"; a newer service must not take the hospital off the line."""
    assert text(Channel(Role.CONTROL, LIMITS), {"weather": {"tomorrow": "rain"}}) == []
    assert text(Channel(Role.CONTROL, LIMITS), {"response": {}}) == []


MOVES = {
    (ChannelState.HEAD, True, True), (ChannelState.HEAD, True, False), (ChannelState.TEXT, True, True),
    (ChannelState.TEXT, True, False), (ChannelState.BODY, False, True), (ChannelState.BODY, False, False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("state", "is_text", "is_final"), sorted(itertools.product(ChannelState, (True, False), (True, False)), key=str)
)
def test_every_frame_in_every_state_is_taken_or_refused(state, is_text, is_final):
    """The whole matrix: text where a message may be, binary where a body is, and nothing else."""
    channel = channel_in(state)
    data = b'":1}' if state is ChannelState.TEXT else b'{"x":1}'
    if (state, is_text, is_final) in MOVES:
        channel.feed(data, is_text=is_text, is_final=is_final)
    else:
        with pytest.raises(RelayProtocolBroken):
            channel.feed(data, is_text=is_text, is_final=is_final)


@pytest.mark.parametrize(
    "said",
    [
        b"no json", b"[]", b'"text"', b'{"request": 7}', b'{"request": {"id": "7"}}', b'{"accept": {"address": 1}}',
        b'{"request": {"address": "a", "id": "7", "method": "GET"}}',
        b'{"request": {"address": "a", "id": "7", "method": "GET", "requestTarget": "/", "requestHeaders": []}}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(said):
    """Never a KeyError, never a guess."""
    with pytest.raises(RelayProtocolBroken):
        Channel(Role.CONTROL, LIMITS).feed(said, is_text=True, is_final=True)


@pytest.mark.parametrize("status", [99, 1000, "20", "2000", "ab", None, 2.5, True])
def test_a_status_that_is_none_is_refused(status):
    """It would reach an HTTP sender."""
    said = {"response": {"requestId": "7", "statusCode": status}}
    with pytest.raises(RelayProtocolBroken):
        text(Channel(Role.SERVICE, LIMITS), said)


def test_a_message_over_64_kb_is_refused_however_it_is_cut():
    """The control channel carries no more; without the check a hostile end could fill the memory."""
    channel = Channel(Role.CONTROL, LIMITS)
    channel.feed(b"x" * 40_000, is_text=True, is_final=False)
    with pytest.raises(RelayLimitExceeded):
        channel.feed(b"x" * 40_000, is_text=True, is_final=False)


def test_headers_over_32_kb_are_not_sent():
    """The relay would drop the answer, and the sender would wait for its minute."""
    fits = {"a": "x" * (32 * 1024 - 1)}
    encode_response(ResponseHead("7", 200, "OK", fits), LIMITS)
    with pytest.raises(RelayLimitExceeded):
        encode_response(ResponseHead("7", 200, "OK", {**fits, "b": ""}), LIMITS)


@pytest.mark.parametrize(
    ("role", "encoded", "event"),
    [
        (Role.CONTROL, encode_accept, Accept("wss://x", "7", {"A": "b"})),
        (Role.CONTROL, encode_rendezvous, Rendezvous("wss://x", "7")),
        (Role.RENDEZVOUS, encode_request, RequestHead("wss://x", "7", "PUT", "/a?b=c", {"A": "b"}, True)),
        (Role.SERVICE, lambda e: encode_response(e, LIMITS), ResponseHead("7", 201, "Created", {"A": "b"}, True)),
        (Role.SERVICE, lambda e: encode_renewal(e.token), RenewToken("SharedAccessSignature sr=x")),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_one_end_writes_the_other_end_reads(role, encoded, event):
    """Both ends are ours in tests; against Microsoft's own packages test_node.py says the same."""
    assert Channel(role, LIMITS).feed(encoded(event), is_text=True, is_final=True) == [event]


def channel_in(state: ChannelState) -> Channel:
    channel = Channel(Role.CONTROL, LIMITS)
    if state is ChannelState.TEXT:
        channel.feed(b'{"x', is_text=True, is_final=False)
    if state is ChannelState.BODY:
        text(channel, {"request": {**REQUEST["request"], "body": True}})
    assert channel.state is state
    return channel


def text(channel: Channel, said: object) -> list:
    return channel.feed(json.dumps(said).encode(), is_text=True, is_final=True)
