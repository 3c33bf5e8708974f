"""Read `connector.toml`: the whole of it, every fault with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError

from connector.config import Config
from shared.message.errors.connector import ConnectorConfigInvalid
from shared.message.toml_lines import Place, key_lines, line_of
from shared.message.toml_types import wanted_instead

_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


def read_config(file: Path) -> Config:
    """Return what the file says.

    Raises:
        ConnectorConfigInvalid: it is not there, is no TOML, or says what cannot be; each problem with file and line.
    """
    try:
        text = file.read_text("utf-8")
        said = tomllib.loads(text)
    except FileNotFoundError:
        raise ConnectorConfigInvalid([f"{file}: there is no such file; name yours with --config"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectorConfigInvalid([f"{file}:1: cannot be read: {type(error).__name__}"]) from None
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        line = found[1] if found else text.count("\n") + 1
        raise ConnectorConfigInvalid([f"{file}:{line}: no TOML: {_LINE.sub('', str(error))}"]) from None
    lines = key_lines(text)
    try:
        config = Config.model_validate(said)
    except ValidationError as error:
        faults = [(each["loc"], _text(each["type"], each["msg"], each["loc"])) for each in error.errors()]
        raise ConnectorConfigInvalid([_problem(file, lines, *fault) for fault in faults]) from None
    faults = list(_contradictions(config))
    if faults:
        raise ConnectorConfigInvalid([_problem(file, lines, *fault) for fault in faults])
    return config


def _problem(file: Path, lines: dict[Place, int], place: Place, text: str) -> str:
    return f"{file}:{line_of(place, lines)}: {text}"


def _text(kind: str, message: str, location: tuple[str | int, ...]) -> str:
    name = next((str(part) for part in reversed(location) if isinstance(part, str)), "")
    if kind == "extra_forbidden":
        near = get_close_matches(name, _known(location), 1)
        if near:
            return f"`{name}` is not a key here; did you mean `{near[0]}`?"
        elsewhere = " and ".join(_tables_with(name))
        return f"`{name}` is not a key here" + (f"; it is one of {elsewhere}" if elsewhere else "")
    if kind == "missing":
        return f"`{name}` is missing"
    if kind in ("tuple_type", "model_type", "model_attributes_type") and len(location) == 1:
        return f"`{name}`: it is written [{name}]" if kind != "tuple_type" else f"`{name}`: it is written [[{name}]]"
    if name and (wanted := wanted_instead(kind)):
        return f"`{name}` {wanted}"
    said = message.removeprefix("Value error, ")
    return f"`{name}`: {said}" if name else said


def _known(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys of the table in which a location is."""
    model: type[BaseModel] = Config
    for part in location[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return list(model.model_fields)


def _tables_with(key: str) -> Iterator[str]:
    """Yield the tables that have a key of this name, as they are written."""
    for table, field in Config.model_fields.items():
        if any(key in model.model_fields for model in _models(field.annotation)):
            is_list = getattr(field.annotation, "__origin__", None) is tuple
            yield f"[[{table}]]" if is_list else f"[{table}]"


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


def _contradictions(config: Config) -> Iterator[tuple[Place, str]]:
    """Yield what is right in each table and wrong together."""
    if config.listen and config.hub is None:
        yield ("listen", 0), "a listener needs the table [hub]: where its messages go"
    if config.deliver and config.relay is None:
        yield ("deliver", 0), "a destination needs the table [relay]: where its messages come from"
    if not config.listen and not config.deliver:
        yield (), "nothing to do: neither [[listen]] nor [[deliver]]"
    yield from _twice("listen", [(one.name, "name") for one in config.listen])
    yield from _twice("deliver", [(one.name, "name") for one in config.deliver])
    ports = [((one.port, one.address), "port") for one in config.listen if one.port is not None]
    yield from _twice("listen", ports)
    if config.status is not None and config.status.port in [one.port for one in config.listen]:
        yield ("status", "port"), "a listener has this port"
    names = [one.name for one in config.listen]
    beat = config.heartbeat
    if beat is not None and beat.listener is not None and beat.listener not in names:
        yield ("heartbeat", "listener"), f"no listener has the name `{beat.listener}`"
    if beat is not None and not names:
        yield ("heartbeat",), "an echo message goes up: it needs a [[listen]]"


def _twice(table: str, values: Sequence[tuple[object, str]]) -> Iterator[tuple[Place, str]]:
    for number, (value, key) in enumerate(values):
        if value in [earlier for earlier, _ in values[:number]]:
            yield (table, number, key), f"`{key}` is that of another [[{table}]]"


@contextmanager
def naming(table: str) -> Iterator[None]:
    """Say of a file or a port that cannot be used to which table it belongs.

    Raises:
        ConnectorConfigInvalid: instead of an error of the system, which may not even name a file.
    """
    try:
        yield
    except (OSError, ValueError) as error:  # a file that is not there, or holds no certificate; a port that is taken
        raise ConnectorConfigInvalid([f"{table}: {type(error).__name__}"]) from None
