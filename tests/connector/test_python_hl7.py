"""python-hl7 as a real peer: its client sends to a listener, its server takes deliveries."""

from __future__ import annotations

import asyncio

import hl7
import pytest
from hl7.mllp import open_hl7_connection, start_hl7_server

from connector.config import DeliverTable
from connector.deliverer import Deliverer
from connector.down_queue import DownQueue
from connector.states import Down
from tests.connector.peers import admission
from tests.doubles.waiting import until


@pytest.mark.parametrize("mode", ["spool", "hybrid", "end_to_end"])
async def test_its_client_is_served(hospital, mode):
    """The framing and the acknowledgement are what another implementation expects."""
    connector = await hospital.connector({"acknowledge": mode})
    reader, writer = await open_hl7_connection("127.0.0.1", connector.listeners["adt"].port)
    for number in range(20):
        writer.writemessage(hl7.parse(admission(f"M{number}").decode()))
        await writer.drain()
        async with asyncio.timeout(20):
            answer = await reader.readmessage()
        assert (str(answer.segment("MSA")[1]), str(answer.segment("MSA")[2])) == ("AA", f"M{number}")
    writer.close()
    await writer.wait_closed()
    await until(lambda: len(hospital.hub.control_ids) == 20)


async def test_its_server_takes_deliveries(hospital):
    """And its acknowledgement, which is its own, is read."""
    received: list[str] = []

    async def serve(reader, writer):
        try:
            while True:
                message = await reader.readmessage()
                received.append(str(message.segment("MSH")[10]))
                writer.writemessage(message.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await start_hl7_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connector = await hospital.connector()
    queue = DownQueue(connector.spool)
    table = DeliverTable(name="lab", address=f"mllp://127.0.0.1:{port}")
    for number in range(10):
        await queue.take(f"d{number}", "lab", "", f"M{number}", admission(f"M{number}"))
    deliverer = Deliverer(table, queue, connector.spool.clock)
    await deliverer.start()
    await until(lambda: queue.outcome("d9").state is Down.DELIVERED)
    await deliverer.stop(1)
    server.close()
    assert received == [f"M{number}" for number in range(10)]
