"""A hospital's own authority, named in the destination's file, is believed, and nobody else is."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from types import SimpleNamespace

import pytest

from shared.adapters.destinations.open import open_destination
from shared.message.delivery import Answer, Verdict
from shared.registry import DestinationConfig
from tests.connector.certificate_authority import Authority
from tests.contract.destinations.receiver import Receiver, say

BODY = b"MSH|^~\\&|HUB|NORTH|LAB|NORTH|20260301120000||ADT^A08|M1|P|2.3\rPID|1||7\r"
ACCEPTED = b"\x0bMSH|^~\\&|LAB|NORTH|HUB|NORTH|20260301120000||ACK|A1|P|2.3\rMSA|AA|M1\r\x1c\r"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
NOT_BELIEVED = Answer(Verdict.TRANSIENT, "tls_failed")


async def until_its_end(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"PID|1||7\r")


@pytest.fixture(params=["mllp", "https", "event"])
def send_to_system(request, clock, delivery, meet):
    """Sends to a system that shows a certificate, believing an authority, and returns the answer and what arrived."""
    scheme, answer = ("mllps", ACCEPTED) if request.param == "mllp" else ("https", CREATED)

    async def send(shown, believed, host="localhost"):
        receiver = Receiver(until_its_end, say(answer))
        receiver.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        receiver.tls.load_cert_chain(shown.certificate, shown.key)
        file = {"id": "lab", "title": "Lab", "kind": request.param, "authority": believed}
        config = DestinationConfig.model_validate(file)
        adapters = SimpleNamespace(clock=clock)
        _, destination = await meet(
            receiver, lambda port: open_destination(config, f"{scheme}://{host}:{port}", adapters)
        )
        deadline = clock.now() + timedelta(seconds=5)
        return await destination.send(delivery, BODY, "application/hl7-v2", deadline), receiver.taken

    return send


@pytest.mark.parametrize("is_in_form", [True, False], ids=["in form", "not in form"])
async def test_the_authority_of_the_file_is_believed(send_to_system, tmp_path, is_in_form):
    """Python 3.13 refuses an old authority for its form: a hub that is upgraded would stop the feed."""
    authority = Authority(tmp_path, is_in_form=is_in_form)
    answer, taken = await send_to_system(authority.issue("lab"), authority.certificate.read_text())
    assert answer.verdict is Verdict.ACCEPTED
    assert len(taken) == 1


async def test_nobody_else_is_believed(send_to_system, tmp_path):
    """Another authority, another name, a day too late, and no authority named: not a byte of the message leaves."""
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    believed = authority.certificate.read_text()
    assert await send_to_system(other.issue("lab"), believed) == (NOT_BELIEVED, [])
    assert await send_to_system(authority.issue("lab"), believed, host="127.0.0.1") == (NOT_BELIEVED, [])
    assert await send_to_system(authority.issue("lab", days=-0.5), believed) == (NOT_BELIEVED, [])
    assert await send_to_system(authority.issue("lab"), None) == (NOT_BELIEVED, [])
