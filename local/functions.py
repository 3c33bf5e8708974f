"""The functions of `function_app.py`, as the laptop calls them."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from typing import Any
from uuid import uuid4

import azure.functions as func

from shared.message.errors.configuration import FunctionAppUnusable
from shared.settings import resolve_binding

HTTP, QUEUE, TIMER, EVENT = "httpTrigger", "serviceBusTrigger", "timerTrigger", "eventGridTrigger"


@dataclass(frozen=True, slots=True)
class Function:
    """One function and what triggers it.

    Attributes:
        kind: ``httpTrigger``, ``serviceBusTrigger``, ``timerTrigger`` or ``eventGridTrigger``.
        trigger: The binding, as in ``function.json``; enumerations are their values.
        call: Runs the function with the trigger's value.
    """

    name: str
    kind: str
    trigger: Mapping[str, Any]
    call: Callable[[Any], Awaitable[Any]]


@cache
def load_functions(module: str = "function_app") -> tuple[Function, ...]:
    """Return every function of the app; remembered, for an app can be indexed once in a process.

    Raises:
        FunctionAppUnusable: there is not exactly one app, or a function needs what the laptop does not have.
    """
    apps = [value for value in vars(importlib.import_module(module)).values() if isinstance(value, func.FunctionApp)]
    if len(apps) != 1:
        raise FunctionAppUnusable(f"{module} has {len(apps)} function apps instead of one")
    return tuple(_read_function(each) for each in apps[0].get_functions())


def _read_function(declared: Any) -> Function:  # azure.functions has no types for it
    name = declared.get_function_name()
    trigger = {key: _resolved(_plain(value)) for key, value in declared.get_trigger().get_dict_repr().items()}
    kind = trigger["type"]
    if kind not in (HTTP, QUEUE, TIMER, EVENT):
        raise FunctionAppUnusable(f"{name} has a {kind}")
    if unresolved := [key for key, value in trigger.items() if isinstance(value, str) and "%" in value]:
        raise FunctionAppUnusable(f"{name} takes its {unresolved[0]} from a setting")
    others = [binding.name for binding in declared.get_bindings() if binding.name not in (trigger["name"], "$return")]
    if others:
        raise FunctionAppUnusable(f"{name} has the binding {others[0]}; send with a client instead")
    return Function(name, kind, trigger, _caller(declared.get_user_function(), name, trigger["name"]))


def _resolved(value: Any) -> Any:
    return resolve_binding(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _caller(function: Callable[..., Any], name: str, argument: str) -> Callable[[Any], Awaitable[Any]]:
    """Return how to run a function: in the loop when it is a coroutine, else in a thread."""
    wants_context = "context" in inspect.signature(function).parameters
    is_coroutine = inspect.iscoroutinefunction(function)

    async def call(value: Any) -> Any:
        arguments = {argument: value}
        if wants_context:
            arguments["context"] = Context(name)
        if is_coroutine:
            return await function(**arguments)
        return await asyncio.to_thread(partial(function, **arguments))

    return call


class Context(func.Context):
    """What a function may ask about its invocation: a name and an id; there is no trace and no retry here."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._invocation = str(uuid4())

    @property
    def invocation_id(self) -> str:
        return self._invocation

    @property
    def function_name(self) -> str:
        return self._name

    @property
    def function_directory(self) -> str:
        return "."

    @property
    def thread_local_storage(self) -> Any:
        return None

    @property
    def trace_context(self) -> Any:
        return None

    @property
    def retry_context(self) -> Any:
        return None
