"""The functions of steps.py, run over the samples of their interface as deliver would run them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from shared.fhir import exact_json
from shared.hl7 import Message, parse
from shared.mapping.context import NoCodeMap
from shared.mapping.convert import convert
from shared.mapping.identity import Minter
from shared.message.errors.base import IntegrationError
from shared.registry.check import SAMPLES
from shared.registry.folder import Folder
from shared.registry.interface import Interface
from shared.registry.problem import Problem
from shared.registry.steps import FILE, Step, StepsUnreadable, line_in, load_step
from shared.route.select import select_routes
from shared.transform.contexts import mapping_context

# No result of it is kept.
_KEY = b"tries the functions of interfaces"


def failing_steps(folder: Folder) -> Iterator[Problem]:
    """Yield what would stop a delivery: a function that raises, or returns what is no JSON, with its line.

    What keeps an interface or a sample from being read is a problem of the folder, and told there.
    """
    for written in folder.interfaces.values():
        interface = written.model
        if not any(route.function for route in interface.routes):
            continue
        for sample in sorted((interface.folder / SAMPLES).glob("*.hl7")):
            try:
                message = parse(sample.read_bytes(), interface.charset)
                context = mapping_context(interface, folder.concept_maps.get(interface.id, NoCodeMap()), Minter(_KEY))
                bundle = convert(message, context).bundle
            except (IntegrationError, OSError):
                continue
            yield from _try(interface, sample, message, bundle)


def _try(interface: Interface, sample: Path, message: Message, bundle: dict[str, Any]) -> Iterator[Problem]:
    """Yield the failures of one sample; each function gets a bundle of its own, as in the hub."""
    decisions = select_routes(message.type, interface, lambda: message)
    for route, decision in zip(interface.routes, decisions, strict=True):
        step = _step(interface, route.function) if decision.is_wanted and route.function else None
        if step is None:
            continue
        try:
            exact_json.dumps(step(deepcopy(bundle), message))
        except Exception as error:  # noqa: BLE001  # somebody's function: whatever it raises is named with its line
            file = interface.folder / FILE
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            text = f"`{route.function}` fails with {SAMPLES}/{sample.name}, to `{route.to}`: {said}"
            yield Problem(file, _line(file, error, step), text)


def _step(interface: Interface, function: str) -> Step | None:
    """Return a function; one that is not there or cannot be loaded is a problem of the folder."""
    try:
        return load_step(interface.folder, function)
    except StepsUnreadable:
        return None


def _line(file: Path, error: Exception, step: Step) -> int:
    """Return where it failed; of what it returned and is no JSON, where it begins."""
    begins = getattr(step, "__code__", None)
    return line_in(file, error, 1 if begins is None else begins.co_firstlineno)
