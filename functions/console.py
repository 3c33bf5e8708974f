"""``GET /console``: the operator's page, static files from ``console/``."""

from pathlib import Path

import azure.functions as func

blueprint = func.Blueprint()

_FILES = {
    "index.html": "text/html",
    "console.css": "text/css",
    "console.js": "text/javascript",
    "correction.js": "text/javascript",
    "detail.js": "text/javascript",
    "elements.js": "text/javascript",
    "hub.js": "text/javascript",
    "orders.js": "text/javascript",
    "overview.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_FOLDER = Path(__file__).parents[1] / "console"
# The page runs its own code only, and shows nothing of it elsewhere: what it displays is patient data.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@blueprint.route(route="console/{file?}", methods=["GET"])
async def console(req: func.HttpRequest) -> func.HttpResponse:
    name = req.route_params.get("file") or "index.html"
    if name not in _FILES:
        return func.HttpResponse("no such page", status_code=404)
    return func.HttpResponse((_FOLDER / name).read_bytes(), mimetype=_FILES[name], headers=_HEADERS)
