"""``POST /ingest``: HL7 v2 in, its acknowledgement out."""

import azure.functions as func

from shared.app import hub
from shared.message.stream import STREAM_HEADER

blueprint = func.Blueprint()


@blueprint.route(route="ingest/{interface?}", methods=["POST"])
async def ingest(req: func.HttpRequest) -> func.HttpResponse:
    body, interface, stream = req.get_body(), req.route_params.get("interface"), req.headers.get(STREAM_HEADER)
    taking = hub().ingest
    reply = await (taking.take_stream(stream, body, interface) if stream else taking.take(body, interface))
    return func.HttpResponse(
        reply.body, status_code=reply.status, mimetype=reply.media_type, headers=dict(reply.headers)
    )
