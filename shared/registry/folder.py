"""Read the folder of interfaces: one model for each file, and every fault with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.message.identifiers import DestinationId, InterfaceId
from shared.message.toml_lines import Place, key_lines, line_of
from shared.message.toml_types import wanted_instead
from shared.registry.concept_map import ConceptMap, read_concept_maps
from shared.registry.destination import DestinationConfig
from shared.registry.interface import Interface
from shared.registry.model import Model
from shared.registry.problem import Problem

DESTINATIONS = "destinations"
INTERFACE_FILE = "interface.toml"

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LINE = re.compile(r" \(at line (\d+), column \d+\)$")

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Written(Generic[M]):
    """A model, and where each of its parts is written."""

    model: M
    file: Path
    lines: Mapping[Place, int]

    def problem(self, text: str, *place: str | int) -> Problem:
        """Return a problem at a place of the file, such as ``"routes", 0, "to"``."""
        return Problem(self.file, line_of(place, self.lines), text)


@dataclass(frozen=True, slots=True)
class Folder:
    """Everything that could be read, and what could not."""

    interfaces: dict[InterfaceId, Written[Interface]] = field(default_factory=dict)
    destinations: dict[DestinationId, Written[DestinationConfig]] = field(default_factory=dict)
    concept_maps: dict[InterfaceId, ConceptMap] = field(default_factory=dict)
    unread_destinations: set[DestinationId] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def read_folder(root: Path) -> Folder:
    """Return the models of every file under ``root``; a file that cannot be read is a problem, and the rest is read."""
    found = Folder()
    if not root.is_dir():
        found.problems.append(Problem(root, 1, "there is no such folder of interfaces"))
        return found
    if (root / INTERFACE_FILE).is_file():
        found.problems.append(
            Problem(root, 1, "this is one interface; name the folder in which it lies with the others")
        )
        return found
    for file in sorted((root / DESTINATIONS).glob("*.toml")):
        _read_destination(file, found)
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and folder.name != DESTINATIONS and not folder.name.startswith((".", "_")):
            _read_interface(folder, found)
    return found


def _read_destination(file: Path, found: Folder) -> None:
    read = _read_model(file, DestinationConfig, {"id": file.stem}, found.problems)
    if read is None:
        found.unread_destinations.add(DestinationId(file.stem))
    else:
        found.destinations[read.model.id] = read


def _read_interface(folder: Path, found: Folder) -> None:
    file = folder / INTERFACE_FILE
    if not file.is_file():
        found.problems.append(Problem(file, 1, "an interface's folder needs this file"))
        return
    read = _read_model(file, Interface, {"id": folder.name, "folder": folder}, found.problems)
    codes, problems = read_concept_maps(folder)
    found.problems.extend(problems)
    if read is not None:
        found.interfaces[read.model.id] = read
        found.concept_maps[read.model.id] = codes


def _read_model(file: Path, kind: type[M], given: Mapping[str, Any], problems: list[Problem]) -> Written[M] | None:
    try:
        text = file.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        problems.append(Problem(file, 1, f"cannot be read: {error.strerror}"))
        return None
    except UnicodeDecodeError:
        problems.append(Problem(file, 1, "not UTF-8"))
        return None
    except tomllib.TOMLDecodeError as error:
        problems.append(_syntax_problem(file, text, error))
        return None
    lines = key_lines(text)
    faults = list(_name_faults(given["id"], data, given))
    problems.extend(Problem(file, line_of(place, lines), text) for place, text in faults)
    try:
        model = kind.model_validate({**data, **given})
    except ValidationError as error:
        problems.extend(_model_problem(file, lines, kind, each) for each in _root_causes(error))
        return None
    return None if faults else Written(model, file, lines)


def _name_faults(name: str, data: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    if not _ID.fullmatch(name):
        yield (), f"`{name}` is no id: lower-case letters, digits and _ only, a letter first"
    for key in given.keys() & data.keys():
        yield (key,), f"`{key}` is not written in the file: it is where the file is"


def _syntax_problem(file: Path, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    said = str(error)
    place = _LINE.search(said)
    line = int(place[1]) if place else len(text.splitlines()) or 1
    return Problem(file, line, f"not TOML: {_LINE.sub('', said)}")


def _root_causes(error: ValidationError) -> Iterator[ErrorDetails]:
    """Yield the errors, but not that a list is too short because of an error in one of its items."""
    errors = error.errors(include_url=False)
    for each in errors:
        inner = any(other["loc"][: len(each["loc"])] == each["loc"] for other in errors if other is not each)
        if not (each["type"] == "too_short" and inner):
            yield each


def _model_problem(file: Path, lines: Mapping[Place, int], kind: type[Model], error: ErrorDetails) -> Problem:
    place = tuple(part for part in error["loc"] if part != "[key]")
    return Problem(file, line_of(place, lines), _sentence(place, kind, error))


def _sentence(place: Sequence[str | int], kind: type[Model], error: ErrorDetails) -> str:
    name = _dotted(place)
    if wanted := wanted_instead(error["type"]):
        return f"`{name}` {wanted}"
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key `{name}`{_guess(str(place[-1]), kind)}"
        case "missing":
            return f"`{name}` is missing"
        case "value_error":
            said = str(error["msg"]).removeprefix("Value error, ")
            return f"`{name}` {said}" if said.startswith(("is not", "has the wrong form")) else said
        case "literal_error" if place[:-1] == ("address",) and place[-1] in kind.model_fields:
            said = "write it before [address], to which all belongs that stands after it"
            return f"`{place[-1]}` is no stage of life: {said}"
        case "tuple_type":
            return f"`{name}` is a list: write it in [ ]"
    return f"`{name}`: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _dotted(place: Sequence[str | int]) -> str:
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _guess(key: str, kind: type[Model]) -> str:
    known = {name for model in _models_of(kind) for name in model.model_fields}
    near = get_close_matches(key, known, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _models_of(kind: type[Model]) -> Iterator[type[Model]]:
    yield kind
    for module_model in Model.__subclasses__():
        if module_model.__module__ == kind.__module__:
            yield module_model
