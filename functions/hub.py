"""``/hub``: what operators ask and order. The command line and the console page call these."""

import azure.functions as func

from functions.answers import answer, caller_of
from shared.app import hub

blueprint = func.Blueprint()


@blueprint.route(route="hub/messages", methods=["GET"])
async def hub_messages(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.messages(req.params))


@blueprint.route(route="hub/messages/{name}", methods=["GET"])
async def hub_message(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.message(req.route_params["name"]))


@blueprint.route(route="hub/messages/{name}/raw", methods=["GET"])
async def hub_message_raw(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.raw(req.route_params["name"]), "text/plain")


@blueprint.route(route="hub/messages/{name}/canonical", methods=["GET"])
async def hub_message_canonical(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.canonical(req.route_params["name"]), "application/fhir+json")


@blueprint.route(route="hub/messages/{name}/report", methods=["GET"])
async def hub_message_report(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.report(req.route_params["name"]))


@blueprint.route(route="hub/messages/{name}/resend", methods=["POST"])
async def hub_message_resend(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().orders.resend(req.route_params["name"], req.get_body()))


@blueprint.route(route="hub/messages/{name}/discard", methods=["POST"])
async def hub_message_discard(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().quarantine.discard(req.route_params["name"], req.get_body(), caller_of(req).name))


@blueprint.route(route="hub/messages/{name}/correct", methods=["POST"])
async def hub_message_correct(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().quarantine.correct(req.route_params["name"], req.get_body(), caller_of(req).name))


@blueprint.route(route="hub/quarantine", methods=["GET"])
async def hub_quarantine(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.quarantine(req.params))


@blueprint.route(route="hub/destinations", methods=["GET"])
async def hub_destinations(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.destinations())


@blueprint.route(route="hub/destinations/{destination}/{order}", methods=["POST"])
async def hub_destination_order(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().orders.order(req.route_params["destination"], req.route_params["order"]))


@blueprint.route(route="hub/interfaces", methods=["GET"])
async def hub_interfaces(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.interfaces())


@blueprint.route(route="hub/interfaces/{interface}/{order}", methods=["POST"])
async def hub_interface_order(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().pauses.order(req.route_params["interface"], req.route_params["order"]))


@blueprint.route(route="hub/verify", methods=["POST"])
async def hub_verify(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().verification.verify(req.get_body()))


@blueprint.route(route="hub/summary", methods=["GET"])
async def hub_summary(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().console.summary())
