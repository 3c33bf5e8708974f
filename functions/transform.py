"""Queue ``transform``: one session is one partition, in order."""

from typing import List  # noqa: UP035  the Functions host does not accept list[...]

import azure.functions as func

from functions.offers import offers_of
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="transform",
    connection="SERVICE_BUS",
    is_sessions_enabled=True,
    cardinality=func.Cardinality.MANY,
)
async def transform(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    await hub().transform.run(offers_of(messages))
