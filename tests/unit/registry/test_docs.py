"""docs/interfaces.md says what the models say."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from shared.registry.destination import DestinationConfig, Kind
from shared.registry.interface import Interface
from shared.registry.model import Model

PAGE = (Path(__file__).parents[3] / "docs" / "interfaces.md").read_text("utf-8")
BY_KIND = ("order", "concurrency", "connections", "idempotent", "on_reject", "on_ambiguous", "replay")
NOT_WRITTEN = {"id", "folder"}  # they are where the file is


@pytest.mark.parametrize("model", [Interface, DestinationConfig], ids=["interface", "destination"])
def test_the_table_of_keys_is_that_of_the_model(model):
    """A key that is not on the page is not used; one that is gone costs an afternoon."""
    table = "\n".join(["| key | without it | meaning |", "|---|---|---|", *rows(model)])
    assert table in PAGE, f"docs/interfaces.md should have this table:\n{table}"


def test_the_table_of_defaults_by_kind_is_that_of_the_model():
    """What a destination does when nobody said is decided by its kind; people must see how."""
    lines = [f"| kind | {' | '.join(f'`{name}`' for name in BY_KIND)} |", "|---" * (len(BY_KIND) + 1) + "|"]
    for kind in typing.get_args(Kind):
        config = DestinationConfig.model_validate({"id": "x", "title": "X", "kind": kind})
        lines.append(f"| `{kind}` | {' | '.join(_toml(getattr(config, name)) for name in BY_KIND)} |")
    table = "\n".join(lines)
    assert table in PAGE, f"docs/interfaces.md should have this table:\n{table}"


def rows(model: type[Model], prefix: str = "") -> Iterator[str]:
    """Yield one row for each key that is written in a file."""
    for name, field in model.model_fields.items():
        if not prefix and name in NOT_WRITTEN:
            continue
        inner, is_list = _inner(field.annotation)
        yield f"| `{prefix}{name}` | {_without(name, field, inner)} | {field.description} |"
        if inner is not None:
            yield from rows(inner, f"{prefix}{name}{'[]' if is_list else ''}.")


def _inner(annotation: Any) -> tuple[type[Model] | None, bool]:
    """Return the model of a table or list of tables, and whether it is a list."""
    arguments = [one for one in typing.get_args(annotation) if isinstance(one, type) and issubclass(one, Model)]
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation, False
    return (arguments[0], typing.get_origin(annotation) is tuple) if arguments else (None, False)


def _without(name: str, field: FieldInfo, inner: type[Model] | None) -> str:
    if name in BY_KIND:
        return "by kind"
    if field.is_required():
        return "**needed**"
    default = field.get_default(call_default_factory=True)
    if default in (None, (), {}, "") or inner is not None:
        return ""
    return _toml(default)


def _toml(value: object) -> str:
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"
