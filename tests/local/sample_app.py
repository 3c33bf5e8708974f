"""A small function app with one function of each kind, as `function_app.py` declares them."""

import asyncio
from typing import List  # noqa: UP035  the Functions host does not accept list[...]

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

# What the functions saw, in order, and what they shall do; a test clears them.
SEEN = []
FAIL_ON = set()
GATE = asyncio.Event()


@app.route(route="hub/messages/{id}", methods=["GET"])
async def one_message(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"message {req.route_params['id']} {req.params.get('x', '')}")


@app.route(route="hub/messages/newest", methods=["GET"])
def newest(req: func.HttpRequest) -> str:
    return "newest"


@app.route(route="echo/{kind?}", methods=["POST", "PUT"])
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    headers = {"X-Kind": req.route_params.get("kind", "none"), "X-Function": context.function_name}
    return func.HttpResponse(req.get_body(), status_code=201, mimetype="application/hl7-v2", headers=headers)


@app.route(route="fail", methods=["POST"])
async def fail(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError(req.get_body().decode())


@app.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="transform",
    connection="SERVICE_BUS",
    is_sessions_enabled=True,
    cardinality=func.Cardinality.MANY,
)
async def transform(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    SEEN.append([(one.session_id, one.get_body().decode(), one.delivery_count) for one in messages])
    if {one.get_body() for one in messages} & FAIL_ON:
        raise RuntimeError("told to")


@app.service_bus_queue_trigger(arg_name="message", queue_name="single", connection="SERVICE_BUS")
async def single(message: func.ServiceBusMessage) -> None:
    SEEN.append((message.session_id, message.get_body().decode()))
    await GATE.wait()
    SEEN.append("done")


@app.service_bus_queue_trigger(arg_name="message", queue_name="transform/$deadletterqueue", connection="SERVICE_BUS")
async def dead_letter(message: func.ServiceBusMessage) -> None:
    SEEN.append(("dead", message.get_body().decode(), message.dead_letter_reason))


@app.timer_trigger(arg_name="timer", schedule="* * * * * *", run_on_startup=True)
async def tick(timer: func.TimerRequest) -> None:
    SEEN.append("tick")
    if "tick" in FAIL_ON:
        raise RuntimeError("told to")


@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    SEEN.append(("event", event.id))
