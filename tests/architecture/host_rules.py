"""What the Functions host and its Python worker refuse, found in the source before they see it.

The host answers such an app with "no functions found". What the worker says of it: tests/functions/test_worker.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_-]{0,127}")
_BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_TRIGGERS = ("route", "service_bus_queue_trigger", "timer_trigger", "event_grid_trigger")
# What may be called while a trigger module is imported: it reads nothing and opens nothing.
_HARMLESS = ("func.Blueprint", "func.FunctionApp", "app.register_functions", "Path", "frozenset", "re.compile")


def refusals(source: str) -> list[str]:
    """Return what is wrong with a trigger module; nothing when the worker takes it."""
    tree = ast.parse(source)
    found = list(_postponed(tree)) + list(_work_at_import(tree))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            trigger = _trigger_of(node)
            if trigger is not None:
                found += _wrong_with(node, trigger)
    return found


def _postponed(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield "annotations are postponed: the worker reads them as types"


def _work_at_import(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Raise | ast.With | ast.Try | ast.While):
            yield f"line {node.lineno}: work at import"
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and not ast.unparse(call.func).startswith(_HARMLESS):
                yield f"line {call.lineno}: {ast.unparse(call.func)} is called at import"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for default in [*function.args.defaults, *(one for one in function.args.kw_defaults if one is not None)]:
                if any(isinstance(part, ast.Call) for part in ast.walk(default)):
                    yield f"{function.name}: a default is computed at import"


def _trigger_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Call | None:
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr=name)) if name in _TRIGGERS:
                return decorator
    return None


def _wrong_with(node: ast.FunctionDef | ast.AsyncFunctionDef, trigger: ast.Call) -> Iterator[str]:
    options = {each.arg: each.value for each in trigger.keywords}
    if not _FUNCTION_NAME.fullmatch(node.name):
        yield f"{node.name}: not a name of a function"
    bound = options.get("arg_name")
    names = {bound.value} if isinstance(bound, ast.Constant) else {"req"}
    names |= {"context"}
    for argument in node.args.args:
        if not _BINDING_NAME.fullmatch(argument.arg):
            yield f"{node.name}: {argument.arg} is not a name of a binding"
        if argument.arg not in names:
            yield f"{node.name}: {argument.arg} has no binding"
    for written in [*(one.annotation for one in node.args.args), node.returns]:
        yield from _wrong_annotation(node.name, "" if written is None else ast.unparse(written))
    yield from _wrong_cardinality(node, options)


def _wrong_annotation(name: str, written: str) -> Iterator[str]:
    if re.search(r"\b(?:list|dict|tuple)\[", written):
        yield f"{name}: {written} is a built-in generic"
    if "|" in written or re.search(r"\b(?:Union|Optional)\[", written):
        yield f"{name}: {written} is a union"


def _wrong_cardinality(
    node: ast.FunctionDef | ast.AsyncFunctionDef, options: dict[str | None, ast.expr]
) -> Iterator[str]:
    is_batch = "cardinality" in options and ast.unparse(options["cardinality"]).endswith("MANY")
    first = node.args.args[0].annotation if node.args.args else None
    takes_list = first is not None and "List[" in ast.unparse(first)
    if is_batch and not takes_list:
        yield f"{node.name}: a batch needs List[...]"
    if takes_list and not is_batch:
        yield f"{node.name}: List[...] needs a batch"
