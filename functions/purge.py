"""``/hub/purge``, and the timer that at night anchors the hash chains and erases what is over."""

import azure.functions as func

from functions.answers import answer, caller_of
from functions.each import run_each
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.route(route="hub/purge", methods=["GET"])
async def hub_purge_plan(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().retention.plan())


@blueprint.route(route="hub/purge", methods=["POST"])
async def hub_purge(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().retention.purge(req.get_body(), caller_of(req).name))


@blueprint.timer_trigger(arg_name="timer", schedule="0 30 2 * * *", run_on_startup=False)
async def purge(timer: func.TimerRequest) -> None:
    await run_each(hub().anchors.add, hub().retention.purge_nightly)
