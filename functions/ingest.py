"""``POST /ingest``: HL7 v2 in, its acknowledgement out; FHIR in, an OperationOutcome out."""

import azure.functions as func

from shared.app import hub
from shared.ingest.reply import IDEMPOTENCY_HEADER, is_fhir
from shared.message.stream import STREAM_HEADER

blueprint = func.Blueprint()


@blueprint.route(route="ingest/{interface?}", methods=["POST"])
async def ingest(req: func.HttpRequest) -> func.HttpResponse:
    body, interface, stream = req.get_body(), req.route_params.get("interface"), req.headers.get(STREAM_HEADER)
    taking, media = hub().ingest, req.headers.get("Content-Type", "")
    if is_fhir(media):
        reply = await taking.fhir.take(body, interface, media, req.headers.get(IDEMPOTENCY_HEADER, ""))
    else:
        reply = await (taking.take_stream(stream, body, interface) if stream else taking.take(body, interface))
    return func.HttpResponse(
        reply.body, status_code=reply.status, mimetype=reply.media_type, headers=dict(reply.headers)
    )
