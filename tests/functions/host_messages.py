"""What the Functions host says to its Python worker, as plain objects with the attributes that the worker reads.

The host speaks protobuf (FunctionRpc.proto); the worker library takes whatever looks like it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

_CASES = (
    "string", "json", "bytes", "stream", "http", "int", "double", "collection_bytes", "collection_string",
    "collection_sint64",
)  # fmt: skip
_PLAIN = (
    "CollectionBytes", "CollectionSInt64", "CollectionString", "FunctionLoadResponse", "FunctionMetadataResponse",
    "InvocationRequest", "InvocationResponse", "NullableBool", "NullableDouble", "NullableString", "NullableTimestamp",
    "RetryContext", "RpcException", "RpcFunctionMetadata", "RpcHttp", "RpcRetryOptions", "RpcTraceContext",
    "WorkerInitResponse", "WorkerMetadata",
)  # fmt: skip


class Message:
    """A message: fields that were not set are None, as the worker expects."""

    _one_of: Mapping[str, Sequence[str]] = {}

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name[:1].isupper():  # the worker looks for types on messages
            raise AttributeError(name)
        return None

    def WhichOneof(self, group: str) -> str | None:
        """Return the field of a group that is set."""
        return next((name for name in self._one_of.get(group, ()) if self.__dict__.get(name) is not None), None)


def protocol() -> SimpleNamespace:
    """Return the types of the protocol by name."""
    kinds: dict[str, Any] = {name: type(name, (Message,), {}) for name in _PLAIN}
    kinds["StatusResult"] = type("StatusResult", (Message,), {"Failure": 0, "Success": 1})
    kinds["BindingInfo"] = type("BindingInfo", (Message,), {"out": 1, "inout": 2, "undefined": 0})
    kinds["TypedData"] = type("TypedData", (Message,), {"_one_of": {"data": _CASES}})
    kinds["ParameterBinding"] = type("ParameterBinding", (Message,), {"_one_of": {"rpc_data": ("data",)}})
    same_site = type("SameSite", (Message,), {"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})
    kinds["RpcHttpCookie"] = type("RpcHttpCookie", (Message,), {"SameSite": same_site})
    return SimpleNamespace(**kinds)


class HostData:
    """Trigger data and its metadata in the shapes the host sends."""

    def __init__(self, kinds: SimpleNamespace) -> None:
        self._kinds = kinds

    def http(self, method: str, url: str, route: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Any:
        """Return an HTTP request."""
        content = self._kinds.TypedData(bytes=body) if body else self._kinds.TypedData()
        request = self._kinds.RpcHttp(
            method=method, url=url, headers={}, query=dict(query), params=dict(route), body=content
        )
        return self._kinds.TypedData(http=request)

    def messages(self, bodies: Sequence[bytes]) -> Any:
        """Return the bodies of a batch of Service Bus messages."""
        return self._kinds.TypedData(collection_bytes=self._kinds.CollectionBytes(bytes=list(bodies)))

    def message(self, body: bytes) -> Any:
        """Return the body of one Service Bus message."""
        return self._kinds.TypedData(bytes=body)

    def json(self, value: Any) -> Any:
        return self._kinds.TypedData(json=json.dumps(value))

    def batch_metadata(self, ids: Sequence[str], session: str, deliveries: int) -> dict[str, Any]:
        """Return what the host says of a batch: arrays, one entry for each message."""
        count = len(ids)
        texts = lambda values: self._kinds.TypedData(  # noqa: E731
            collection_string=self._kinds.CollectionString(string=list(values))
        )
        numbers = self._kinds.TypedData(collection_sint64=self._kinds.CollectionSInt64(sint64=list(range(count))))
        return {
            "MessageIdArray": texts(ids),
            "SessionIdArray": self.json([session] * count),
            "ApplicationPropertiesArray": self.json([{}] * count),
            "UserPropertiesArray": self.json([{}] * count),
            "SequenceNumberArray": numbers,
            "DeliveryCountArray": self.json([deliveries] * count),
            "EnqueuedTimeUtcArray": self.json([_now()] * count),
            "LockTokenArray": texts([str(uuid.uuid4()) for _ in ids]),
        }

    def metadata(self, name: str, session: str) -> dict[str, Any]:
        """Return what the host says of one message."""
        return {
            "MessageId": self._kinds.TypedData(string=name),
            "SessionId": self._kinds.TypedData(string=session),
            "DeliveryCount": self.json(1),
            "SequenceNumber": self.json(1),
            "LockToken": self._kinds.TypedData(string=str(uuid.uuid4())),
            "EnqueuedTimeUtc": self.json(_now()),
            "ApplicationProperties": self.json({}),
            "UserProperties": self.json({}),
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
