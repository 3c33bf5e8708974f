"""Queue ``deliver``: one session is a destination and part of its partitions, in order."""

from typing import List  # noqa: UP035  the Functions host does not accept list[...]

import azure.functions as func

from functions.offers import offers_of
from shared.app import hub
from shared.message.identifiers import SessionId

blueprint = func.Blueprint()


@blueprint.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="deliver",
    connection="SERVICE_BUS",
    is_sessions_enabled=True,
    cardinality=func.Cardinality.MANY,
)
async def deliver(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    offers = offers_of(messages)
    await hub().deliver.run(SessionId(offers[0].session), offers)
