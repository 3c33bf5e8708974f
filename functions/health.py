"""``GET /health``: proves each dependency with traffic."""

import azure.functions as func
import orjson

from shared.app import hub

blueprint = func.Blueprint()


@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    report = await hub().health.check()
    status = 200 if report.is_healthy else 503
    return func.HttpResponse(orjson.dumps(report.to_dict()), status_code=status, mimetype="application/json")
