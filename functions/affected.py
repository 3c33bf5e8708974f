"""``/hub/affected``: who was affected, and who looked."""

import azure.functions as func

from functions.answers import answer, caller_of
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.route(route="hub/affected", methods=["GET"])
async def hub_affected(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().affected.count(req.params))


@blueprint.route(route="hub/affected/reveal", methods=["POST"])
async def hub_affected_reveal(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().affected.reveal(req.get_body(), caller_of(req)))


@blueprint.route(route="hub/audit", methods=["GET"])
async def hub_audit(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().affected.audited())
