"""``/hub/replays``, and the timer that works on them."""

import azure.functions as func

from functions.answers import answer
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.route(route="hub/replays", methods=["GET"])
async def hub_replays(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().replays.recent())


@blueprint.route(route="hub/replays", methods=["POST"])
async def hub_replay_start(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().replays.start(req.get_body()))


@blueprint.route(route="hub/replays/plan", methods=["POST"])
async def hub_replay_plan(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().replays.plan(req.get_body()))


@blueprint.route(route="hub/replays/{run}", methods=["GET"])
async def hub_replay(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().replays.status(req.route_params["run"]))


@blueprint.timer_trigger(arg_name="timer", schedule="%CADUCEUS_REPLAY_TIMER%", run_on_startup=False)
async def replay(timer: func.TimerRequest) -> None:
    await hub().replays.work()
