"""Resources against Microsoft's own models (azure-mgmt-* of PyPI): names, nesting, kinds and words of every input.

The SDKs and Pulumi take their names from the same specifications, so a name that one has and the other has not is a
mistake. Enumerations are open at Azure; here a word outside of them is a finding, for it is most often a slip.
"""

from __future__ import annotations

import builtins
import datetime
import importlib
import re
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from types import ModuleType, UnionType
from typing import Any

from tests.infra.azure_types import AZURE_TYPES
from tests.infra.graph import Declared

_LISTS = re.compile(r"^\[(.+)\]$")
_MAPS = re.compile(r"^\{(.+)\}$")
_SCALARS = {"str": str, "int": int, "long": int, "float": float, "bool": bool, "object": object}


def check(resource: Declared) -> list[str]:
    """Return what the model of a resource does not know, each with its path; nothing for types without a model."""
    known = AZURE_TYPES.get(resource.token)
    if known is None:
        return [] if resource.token.startswith("pulumi-python:dynamic") else [f"{resource.token} has no Azure type"]
    if not known.model:
        return []
    models = importlib.import_module(f"azure.mgmt.{known.package}.models")
    placed = {"resourceGroupName", known.scoped_by, *known.named_by}
    body = {key: value for key, value in resource.inputs.items() if key not in placed}
    return [f"{resource.name}: {fault}" for fault in _object(models, getattr(models, known.model), body, "")]


def _object(models: ModuleType, model: type, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: {model.__name__} wanted, {value!r} found"
        return
    model = _subtype(models, model, value)
    known = _fields(models, model)
    inside = known.get("properties") or next(
        (kind for name, kind in known.items() if name.endswith("Properties")), None
    )
    # What Azure nests under `properties`, Pulumi takes flat.
    flat = _fields(models, inside) if isinstance(inside, type) else {}
    for key, given in value.items():
        kind = known.get(_single_case(key)) or flat.get(_single_case(key))
        if kind is None:
            yield f"{path}.{key}: not in {model.__name__}"
        else:
            yield from _value(models, kind, given, f"{path}.{key}")


def _value(models: ModuleType, kind: Any, value: object, path: str) -> Iterator[str]:
    kind = _resolved(models, kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in (Any, object) or value is None:
        return
    if origin is list:
        if path.endswith("userAssignedIdentities") or not isinstance(value, list):
            yield from () if isinstance(value, list) else (f"{path}: a list wanted, {value!r} found",)
            return
        for number, one in enumerate(value):
            yield from _value(models, inner[0], one, f"{path}[{number}]")
    elif origin is dict:
        if isinstance(value, Mapping):
            for key, one in value.items():
                yield from _value(models, inner[1], one, f"{path}.{key}")
        elif not path.endswith("userAssignedIdentities"):  # a list of ids for Pulumi, a map for Azure
            yield f"{path}: a map wanted, {value!r} found"
    elif origin in (typing.Union, UnionType):
        yield from _either(models, inner, value, path)
    elif isinstance(kind, type):
        yield from _single(models, kind, value, path)


def _either(models: ModuleType, kinds: tuple[Any, ...], value: object, path: str) -> Iterator[str]:
    """Check a value that may be of several kinds; a word must be one of an enumeration if there is one."""
    found = [_resolved(models, kind) for kind in kinds if kind is not type(None)]
    words = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Enum)]
    yield from _value(models, words[0] if words else found[0], value, path)


def _single(models: ModuleType, kind: type, value: object, path: str) -> Iterator[str]:
    if issubclass(kind, Enum):
        words = [str(one.value) for one in kind]
        given = f"{value:g}" if isinstance(value, float) else str(value)
        if given.lower() not in [word.lower() for word in words]:
            yield f"{path}: {value!r} is none of {words[:8]}"
    elif kind is bool or kind is str:
        if not isinstance(value, kind):
            yield f"{path}: {kind.__name__} wanted, {value!r} found"
    elif kind in (int, float):
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{path}: a number wanted, {value!r} found"
    elif kind.__module__.startswith("azure."):
        yield from _object(models, kind, value, path)


def _subtype(models: ModuleType, model: type, value: Mapping[str, object]) -> type:
    """Return the kind of a model that its discriminator chooses."""
    for words in (getattr(model, "_subtype_map", None) or {}).values():
        for given in value.values():
            if isinstance(given, str) and given in words:
                return typing.cast(type, getattr(models, words[given]))
    by_word = getattr(model, "__mapping__", None) or {}
    return next((by_word[one] for one in value.values() if isinstance(one, str) and one in by_word), model)


def _fields(models: ModuleType, model: type) -> dict[str, Any]:
    return {name: _resolved(models, kind) for name, kind in _declared(model).items()}


@cache
def _declared(model: type) -> dict[str, Any]:
    """Return the fields of a model, in Pulumi's spelling.

    Newer SDKs annotate their classes; older ones have a table of fields, and the enumerations in their initialisers.
    """
    classes = [one for one in reversed(model.__mro__) if one.__module__.startswith("azure.mgmt")]
    table = getattr(model, "_attribute_map", None)
    if table is None:
        found = {name: kind for one in classes for name, kind in vars(one).get("__annotations__", {}).items()}
    else:
        found = {name: row["type"] for name, row in table.items()}
        given = {name: kind for one in classes for name, kind in one.__init__.__annotations__.items()}
        found |= {name: kind for name, kind in given.items() if name in found}
    return {_camel(name): kind for name, kind in found.items() if not name.startswith("_")}


def _resolved(models: ModuleType, kind: Any) -> Any:
    """Return a kind as a type; what cannot be told is `Any`."""
    if isinstance(kind, typing.ForwardRef):
        kind = kind.__forward_arg__
    if isinstance(kind, str):
        kind = _named(models, kind)
    given = [one for one in typing.get_args(kind) if one is not type(None)]
    is_optional = typing.get_origin(kind) in (typing.Union, UnionType) and len(given) == 1
    return _resolved(models, given[0]) if is_optional else kind


def _named(models: ModuleType, kind: str) -> Any:
    if match := _LISTS.match(kind):
        return list[_resolved(models, match[1])]  # type: ignore[misc]
    if match := _MAPS.match(kind):
        return dict[str, _resolved(models, match[1])]  # type: ignore[misc]
    if kind in _SCALARS:
        return _SCALARS[kind]
    names = {**vars(typing), **vars(builtins), "datetime": datetime, "_models": models, "_types": models}
    try:
        return getattr(models, kind, None) or eval(kind, names)  # the SDK's own annotations
    except (NameError, AttributeError, SyntaxError):
        return Any


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _single_case(key: str) -> str:
    """Return ``publicIpAddress`` for ``publicIPAddress``: the SDKs write every abbreviation as a word."""
    return re.sub(r"[A-Z]{2,}(?=[A-Z][a-z]|$)", lambda match: match[0].capitalize(), key)
