"""What runs beside the messages goes on, whatever goes wrong in it once: nobody would notice that it had ended."""

from __future__ import annotations

from connector import again, process
from shared.message.errors.storage import StorageFull
from tests.connector.peers import admission
from tests.doubles.waiting import until


def failing_once(what, error):
    """Return what does the same from the second call on."""
    failed: list[bool] = []

    def do(*arguments):
        if not failed:
            failed.append(True)
            raise error
        return what(*arguments)

    return do


async def test_an_echo_that_the_full_disk_does_not_let_go_of_is_not_the_last(hospital):
    """The hub would report a connector as silent that brings message after message, until somebody restarts it."""
    hospital.hub.is_down = True
    connector = await hospital.connector(heartbeat={"seconds": 0.05})
    queue = connector.intakes["adt"].queues[0]
    failed: list[int] = []
    withdraw = queue.withdraw

    async def withdraw_on_a_full_disk(id):
        if not failed:
            failed.append(id)
            raise StorageFull("OperationalError")
        return await withdraw(id)

    queue.withdraw = withdraw_on_a_full_disk
    await until(lambda: failed)
    hospital.hub.is_down = False
    await until(lambda: connector.report()["last_echo"] is not None)


async def test_an_order_that_cannot_be_read_is_not_the_last(hospital, monkeypatch):
    """`connector refused --again` would say for ever that it is sent when the connector runs."""
    monkeypatch.setattr(again, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(again, "orders", failing_once(again.orders, PermissionError(13, "denied")))
    hospital.hub.refuses = {"M1"}
    connector = await hospital.connector({"acknowledge": "spool"})
    await (await hospital.source(connector)).ask(admission("M1"))
    await until(lambda: connector.report()["refused"] == 1)
    hospital.hub.refuses = set()
    again.order_again(hospital.folder, 1)
    await until(lambda: hospital.hub.control_ids == ["M1"])


async def test_an_hour_that_fails_is_not_the_last(hospital, monkeypatch):
    """Renewed certificates would not be taken any more, and outcomes kept for ever."""
    monkeypatch.setattr(process, "_TEND_SECONDS", 0.02)
    connector = await hospital.connector()
    forgotten: list[float] = []
    forget = failing_once(forgotten.append, ValueError("year 10000"))

    async def forget_soon(before):
        return forget(before)

    connector._down.forget = forget_soon
    await until(lambda: forgotten)
