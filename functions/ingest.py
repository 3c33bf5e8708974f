"""``POST /ingest``: HL7 v2 in, its acknowledgement out; FHIR in, an OperationOutcome out."""

import azure.functions as func

from functions.answers import caller_of
from shared.app import hub
from shared.ingest.reply import IDEMPOTENCY_HEADER, is_fhir
from shared.message.stream import RELAY_HEADER, STREAM_HEADER

blueprint = func.Blueprint()


@blueprint.route(route="ingest/{interface?}", methods=["POST"])
async def ingest(req: func.HttpRequest) -> func.HttpResponse:
    body, interface, stream = req.get_body(), req.route_params.get("interface"), req.headers.get(STREAM_HEADER)
    taking, media = hub().ingest, req.headers.get("Content-Type", "")
    if is_fhir(media):
        reply = await taking.fhir.take(body, interface, media, req.headers.get(IDEMPOTENCY_HEADER, ""))
    elif stream:
        reply = await taking.take_stream(stream, body, sender_of(req), interface)
    else:
        reply = await taking.take(body, interface)
    return func.HttpResponse(
        reply.body, status_code=reply.status, mimetype=reply.media_type, headers=dict(reply.headers)
    )


def sender_of(req: func.HttpRequest) -> str:
    """Return who sends: the caller, and behind a bridge the hybrid connection that it listens on.

    The bridge's word is believed about what is behind it alone: the name begins with the bridge's own.
    """
    caller, relay = caller_of(req).name, req.headers.get(RELAY_HEADER)
    return f"{caller}/{relay}" if relay else caller
