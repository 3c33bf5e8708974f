"""What the laptop cannot host stops its start, by name."""

from __future__ import annotations

import sys
from types import ModuleType

import azure.functions as func
import pytest

from local.functions import load_functions
from shared.message.errors.configuration import FunctionAppUnusable


@pytest.fixture
def app(monkeypatch, request):
    """A function app in a module of its own; `load_functions` remembers by the module's name."""
    module = ModuleType(request.node.name)
    module.app = func.FunctionApp()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.app


@pytest.fixture
def load(app, request):
    return lambda: load_functions(request.node.name)


def test_functions_are_indexed_once_and_remembered(app, load):
    """Azure's own index works once in a process; a laptop that starts twice in one must find its functions again."""

    @app.route(route="health")
    async def health(req: func.HttpRequest) -> func.HttpResponse: ...

    assert load() is load()
    assert [(one.name, one.kind) for one in load()] == [("health", "httpTrigger")]


def test_trigger_the_laptop_does_not_have_is_refused(app, load):
    """A function that silently never runs is worse than a laptop that does not start."""

    @app.queue_trigger(arg_name="message", queue_name="q", connection="X")
    def take(message: func.QueueMessage) -> None: ...

    with pytest.raises(FunctionAppUnusable, match="take has a queueTrigger"):
        load()


def test_output_binding_is_refused(app, load):
    """An output binding cannot set a session id; the hub sends with a client."""

    @app.route(route="x")
    @app.service_bus_queue_output(arg_name="out", queue_name="q", connection="X")
    def send(req: func.HttpRequest, out: func.Out[str]) -> str: ...

    with pytest.raises(FunctionAppUnusable, match="send has the binding out"):
        load()


def test_name_from_a_setting_is_refused(app, load):
    """Received from a queue called `%NAME%`, nothing would ever come."""

    @app.service_bus_queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="X")
    def take(message: func.ServiceBusMessage) -> None: ...

    with pytest.raises(FunctionAppUnusable, match="take takes its queueName from a setting"):
        load()


def test_a_schedule_that_is_a_setting_of_the_hub_is_looked_up(app, load, monkeypatch):
    """In Azure each look of a timer is paid, on a laptop none is."""

    @app.timer_trigger(arg_name="timer", schedule="%CADUCEUS_REPLAY_TIMER%")
    def look(timer: func.TimerRequest) -> None: ...

    monkeypatch.setenv("CADUCEUS_REPLAY_TIMER", "*/7 * * * * *")
    [found] = load()
    assert found.trigger["schedule"] == "*/7 * * * * *"


def test_module_without_exactly_one_app_is_refused(monkeypatch):
    """Azure finds no functions then, and says so nowhere."""
    monkeypatch.setitem(sys.modules, "empty_app", ModuleType("empty_app"))

    with pytest.raises(FunctionAppUnusable, match="0 function apps instead of one"):
        load_functions("empty_app")
