"""Orders to send a refused message again.

An order is an empty file in the spool's folder: whoever may write there may give it. A running connector finds it
within seconds, and one that does not run finds it when it starts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from connector.intake import Intake
from connector.log import log, log_failure
from connector.refused import payload_in
from connector.spool import Spool
from shared.message.errors.base import IntegrationError

_ORDERS = "again"
_LOOK_SECONDS = 2.0


def order_again(folder: Path, id: int) -> Path:
    """Order that a message is sent again; return the order, which is gone once it was carried out."""
    place = folder / _ORDERS
    place.mkdir(mode=0o700, exist_ok=True)
    order = place / str(id)
    order.touch(mode=0o600)
    return order


def orders(folder: Path) -> list[tuple[int, Path]]:
    """Return the orders that nobody has carried out, by the id of their message."""
    place = folder / _ORDERS
    found = place.iterdir() if place.is_dir() else ()
    return sorted((int(order.name), order) for order in found if order.name.isdecimal())


async def carry_out(folder: Path, spool: Spool, intakes: Mapping[str, Intake]) -> None:
    """Send again what a person orders, as long as the connector runs."""
    while True:
        try:
            await _carry_out_all(folder, spool, intakes)
        except Exception as error:  # noqa: BLE001  # the boundary: the next look will do
            log_failure("orders_not_read", error)
        await asyncio.sleep(_LOOK_SECONDS)


async def _carry_out_all(folder: Path, spool: Spool, intakes: Mapping[str, Intake]) -> None:
    for id, order in orders(folder):
        try:
            await _send_again(spool, intakes, id)
        except IntegrationError as error:  # a full disk, for one: the next look will do
            log_failure("not_sent_again", error, n=id)
        else:
            order.unlink(missing_ok=True)


async def _send_again(spool: Spool, intakes: Mapping[str, Intake], id: int) -> None:
    """Keep a refused message anew, then forget the old one; between the two it is there twice, and never not at all."""
    found = spool.read("SELECT name FROM stream JOIN refused ON refused.stream = stream.id WHERE refused.id = ?", (id,))
    payload = payload_in(spool.file, id, spool.cipher)
    intake = next((one for one in intakes.values() if found and one.has_stream(found[0][0])), None)
    if payload is None or intake is None:
        log("nothing_to_send_again", logging.WARNING, n=id)
        return
    await intake.send_again(payload)
    await spool.write(lambda connection: connection.execute("DELETE FROM refused WHERE id = ?", (id,)))
    log("sent_again", stream=found[0][0], n=id)
