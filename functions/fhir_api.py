"""``/fhir``: read and search what the hub wrote."""

import azure.functions as func

from functions.answers import answer
from shared.app import hub

blueprint = func.Blueprint()

FHIR_JSON = "application/fhir+json"


@blueprint.route(route="fhir/{type}", methods=["GET"])
async def fhir_search(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().fhir_api.search(req.route_params["type"], req.params), FHIR_JSON)


@blueprint.route(route="fhir/{type}/{id}", methods=["GET"])
async def fhir_read(req: func.HttpRequest) -> func.HttpResponse:
    return await answer(hub().fhir_api.read(req.route_params["type"], req.route_params["id"]), FHIR_JSON)
