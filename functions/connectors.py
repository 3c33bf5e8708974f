"""``/hub/connectors``, and the timer that looks who is silent."""

import azure.functions as func

from functions.answers import answer
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.route(route="hub/connectors", methods=["GET"])
async def hub_connectors(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().connectors.list())


@blueprint.route(route="hub/connectors/{name}/forget", methods=["POST"])
async def hub_connector_forget(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().connectors.forget(req.route_params["name"]))


@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False)
async def watch_connectors(timer: func.TimerRequest) -> None:
    await hub().connectors.watch()
