"""The dead-letter queues of every stage: an alarm, and a quarantine (rule R5)."""

import azure.functions as func

from functions.offers import offers_of
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.service_bus_queue_trigger(
    arg_name="message", queue_name="transform/$deadletterqueue", connection="SERVICE_BUS"
)
async def dead_letter_transform(message: func.ServiceBusMessage) -> None:
    await hub().dead_letters.record("transform", offers_of([message]))


@blueprint.service_bus_queue_trigger(arg_name="message", queue_name="route/$deadletterqueue", connection="SERVICE_BUS")
async def dead_letter_route(message: func.ServiceBusMessage) -> None:
    await hub().dead_letters.record("route", offers_of([message]))


@blueprint.service_bus_queue_trigger(
    arg_name="message", queue_name="deliver/$deadletterqueue", connection="SERVICE_BUS"
)
async def dead_letter_deliver(message: func.ServiceBusMessage) -> None:
    await hub().dead_letters.record("deliver", offers_of([message]))
