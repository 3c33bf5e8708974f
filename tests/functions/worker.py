"""Microsoft's own Python worker without its host: it indexes, loads and invokes the functions of an app."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.functions.host_messages import HostData, protocol


class NotIndexed(Exception):
    """The worker refused the app; the text is its own."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A function as the worker announces it to the host."""

    id: str
    bindings: tuple[Mapping[str, Any], ...]

    @property
    def trigger(self) -> Mapping[str, Any]:
        return next(each for each in self.bindings if each["type"].lower().endswith("trigger"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation came to.

    Attributes:
        value: The return value; of HTTP, the response.
        outputs: Of other bindings, by name.
        error: The worker's text; empty when it succeeded.
    """

    value: Any
    outputs: Mapping[str, Any]
    error: str


class Worker:
    """One worker with one app; a process has one at most."""

    def __init__(self, folder: Path) -> None:
        import azure_functions_runtime

        sys.path.insert(0, str(folder))
        self._runtime: Any = azure_functions_runtime
        self._runtime.start_threadpool_executor()
        self._folder = folder
        self._kinds = protocol()
        self.data = HostData(self._kinds)
        self.functions: dict[str, Indexed] = {}

    async def start(self) -> None:
        """Index and load every function.

        Raises:
            NotIndexed: the worker finds none, or refuses one.
        """
        wanted = SimpleNamespace(capabilities={}, function_app_directory=str(self._folder))
        self._check(await self._runtime.worker_init_request(self._request(worker_init_request=wanted)))
        found = await self._runtime.functions_metadata_request(self._request())
        self._check(found)
        for each in found.function_metadata_results or ():
            bindings = tuple(json.loads(binding) for binding in each.raw_bindings)
            load = SimpleNamespace(function_id=each.function_id)
            self._check(await self._runtime.function_load_request(self._request(function_load_request=load)))
            self.functions[each.name] = Indexed(each.function_id, bindings)

    async def invoke(self, name: str, data: Any, metadata: Mapping[str, Any] | None = None) -> Outcome:
        """Return what a function came to when it was triggered."""
        kinds, function = self._kinds, self.functions[name]
        trace = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
        request = kinds.InvocationRequest(
            invocation_id=str(uuid.uuid4()),
            function_id=function.id,
            input_data=[kinds.ParameterBinding(name=function.trigger["name"], data=data)],
            trigger_metadata=dict(metadata or {}),
            trace_context=kinds.RpcTraceContext(trace_parent=trace, trace_state="", attributes={}),
            retry_context=kinds.RetryContext(retry_count=0, max_retry_count=0),
        )
        response = await self._runtime.invocation_request(self._request(invocation_request=request))
        succeeded = response.result.status == kinds.StatusResult.Success
        outputs = {each.name: _value(each.data) for each in response.output_data or ()}
        return Outcome(
            value=_value(response.return_value),
            outputs=outputs,
            error="" if succeeded else str(response.result.exception.message),
        )

    def _request(self, **fields: Any) -> Any:
        properties = {"host": "127.0.0.1", "protos": self._kinds}
        return SimpleNamespace(request=SimpleNamespace(**fields), properties=properties)

    def _check(self, response: Any) -> None:
        if response.result.status != self._kinds.StatusResult.Success:
            raise NotIndexed(str(response.result.exception.message))


def _value(data: Any) -> Any:
    kind = data.WhichOneof("data") if data is not None else None
    return None if kind is None else getattr(data, kind)
