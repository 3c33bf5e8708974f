"""HTTP functions answer on the laptop as they do in Azure."""

from __future__ import annotations

import io

import aiohttp
import pytest

from local.http_server import BODY_LIMIT_BYTES
from shared.message.errors.configuration import FunctionAppUnusable


@pytest.fixture
async def ask(host):
    """Ask the host over a real socket; return status, headers and body."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{host.port}") as session:

        async def ask(method, path, **more):
            async with session.request(method, path, **more) as response:
                return response.status, response.headers, await response.read()

        yield ask


async def test_route_and_query_reach_the_function_decoded(ask):
    """MSH-10 may hold anything; a trace must find it."""
    status, headers, body = await ask("GET", "/hub/messages/a%2Fb%20c?x=1%2B1")

    assert (status, body) == (200, b"message a/b c 1+1")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_literal_route_wins_over_a_parameter(ask):
    """Both match; Azure prefers the literal whatever was declared first."""
    assert (await ask("GET", "/hub/messages/newest"))[2] == b"newest"


async def test_bytes_go_in_and_out_unchanged_with_their_type_and_headers(ask):
    """HL7 in Shift-JIS is not text to HTTP."""
    body = bytes(range(256))

    status, headers, answer = await ask("PUT", "/echo/hl7", data=body)

    assert (status, answer) == (201, body)
    assert headers["Content-Type"] == "application/hl7-v2"
    assert (headers["X-Kind"], headers["X-Function"]) == ("hl7", "echo")


async def test_head_answers_like_get_without_the_body(ask):
    """Monitors ask with HEAD."""
    status, headers, body = await ask("HEAD", "/hub/messages/newest")

    assert (status, headers["Content-Length"], body) == (200, "6", b"")


async def test_wrong_method_says_which_are_right(ask):
    """RFC 9110, 15.5.6."""
    status, headers, _ = await ask("GET", "/echo")

    assert (status, headers["Allow"]) == (405, "POST, PUT")


async def test_unknown_path_is_404_in_the_hubs_own_form(ask):
    """The command line reads errors in one form only."""
    status, headers, body = await ask("GET", "/nothing")

    assert (status, headers["Content-Type"]) == (404, "application/json")
    assert b'"code":"HTTP-404"' in body


async def test_function_that_raises_tells_neither_caller_nor_log_what_it_read(ask, caplog):
    """An exception's text may quote the message: patient data must not reach a page or a log."""
    status, _, body = await ask("POST", "/fail", data=b"DOE^JOHN")

    assert status == 500
    assert b"DOE" not in body
    assert caplog.records
    assert "DOE" not in caplog.text


async def test_body_above_the_limit_is_refused(ask):
    """One request must not fill the memory of a laptop."""
    status, _, _ = await ask("POST", "/echo", data=io.BytesIO(b"x" * (BODY_LIMIT_BYTES + 1)))

    assert status == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:7071"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "localhost:7071", "Origin": "http://localhost:7071"}, 200),
    ],
)
async def test_pages_of_other_sites_cannot_use_the_laptop(ask, headers, status):
    """No key is asked on a laptop; any page in its browser could otherwise read patients or resend messages."""
    assert (await ask("GET", "/hub/messages/newest", headers=headers))[0] == status


async def test_function_is_called_in_process_without_a_socket(host):
    """The MLLP listener hands thousands of messages a second to `ingest`."""
    call = host.caller("POST", "/echo/hl7", "application/hl7-v2")

    answer = await call(b"MSH|")

    assert (answer.status_code, answer.get_body(), answer.headers["X-Kind"]) == (201, b"MSH|", "hl7")


async def test_call_in_process_of_nothing_stops_the_start(host):
    """A listener without `ingest` would take messages and lose them."""
    with pytest.raises(FunctionAppUnusable, match="POST /ingest"):
        host.caller("POST", "/ingest", "application/hl7-v2")


async def test_event_grid_posts_to_its_web_hook(ask, seen):
    """CloudEvents one by one, Event Grid's schema in lists, and the handshakes of both."""
    path = "/runtime/webhooks/eventgrid?functionName=on_event"
    cloud_event = {"specversion": "1.0", "id": "e1", "source": "s", "type": "t"}
    grid_event = {"id": "e2", "topic": "t", "subject": "s", "eventType": "x", "data": {}, "dataVersion": "1"}
    validation = {
        "id": "v",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "512d38b6"},
    }

    assert (await ask("POST", path, json=cloud_event))[0] == 202
    assert (await ask("POST", path, json=[grid_event]))[0] == 202
    assert (await ask("POST", path, json=[validation]))[2] == b'{"validationResponse":"512d38b6"}'
    handshake = await ask("OPTIONS", path, headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert handshake[1]["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert (await ask("POST", path.replace("on_event", "nobody"), json=cloud_event))[0] == 404
    assert seen == [("event", "e1"), ("event", "e2")]
