"""``POST /ingest``: HL7 v2 in, its acknowledgement out."""

import azure.functions as func

from shared.app import hub

blueprint = func.Blueprint()


@blueprint.route(route="ingest/{interface?}", methods=["POST"])
async def ingest(req: func.HttpRequest) -> func.HttpResponse:
    reply = await hub().ingest.take(req.get_body(), req.route_params.get("interface"))
    return func.HttpResponse(reply.body, status_code=reply.status, mimetype=reply.media_type)
