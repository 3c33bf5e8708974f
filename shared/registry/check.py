"""Find everything in the folder of interfaces that would go wrong later, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from shared.fhir_in.document import read_document
from shared.hl7 import Message, parse
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import DestinationId
from shared.registry.destination import ADDRESSED, DestinationConfig, address_fault, authority_fault
from shared.registry.folder import Folder, Written, read_folder
from shared.registry.interface import Interface, Route
from shared.registry.match import Matcher, Rule, rules_of
from shared.registry.problem import Problem
from shared.registry.steps import FILE, StepsUnreadable, load_step

SAMPLES = "samples"
_OPEN_STAGES = frozenset({"laptop", "dev"})  # where a message of an unknown sender may be taken


def check_registry(folder: Path) -> list[Problem]:
    """Return every problem of the folder, for all stages of life; an empty list when the hub may start from it."""
    return check_folder(read_folder(folder))


def check_folder(folder: Folder) -> list[Problem]:
    """Return the problems found while reading, and those that only show between the files, by file and line."""
    problems = list(folder.problems)
    for destination in folder.destinations.values():
        problems.extend(_check_addresses(destination))
    for interface in folder.interfaces.values():
        problems.extend(_check_interface(interface, folder))
    problems.extend(_check_rivals(folder))
    return sorted(problems)


def missing_addresses(folder: Folder, stage: str, addresses: Mapping[DestinationId, str]) -> Iterator[Problem]:
    """Yield the routes whose destination has no address in a stage of life."""
    for interface in folder.interfaces.values():
        for number, route in enumerate(interface.model.routes):
            destination = folder.destinations.get(route.to)
            if destination and destination.model.kind in ADDRESSED and route.to not in addresses:
                text = f"`{route.to}` has no address in stage {stage}; give one in {destination.file.name}"
                yield interface.problem(text, "routes", number, "to")


def _check_addresses(written: Written[DestinationConfig]) -> Iterator[Problem]:
    if useless := authority_fault(written.model):
        yield written.problem(useless, "authority")
    for stage, address in written.model.address.items():
        fault = address_fault(written.model.kind, address)
        if fault:
            yield written.problem(fault, "address", stage)


def _check_interface(written: Written[Interface], folder: Folder) -> Iterator[Problem]:
    interface = written.model
    if interface.takes_any_sender and not _OPEN_STAGES.issuperset(interface.stages):
        text = 'a [[match]] without a sender is for stages = ["laptop", "dev"] only: name MSH-3 or MSH-4'
        yield written.problem(text, "match", _first_open(interface))
    for number, route in enumerate(interface.routes):
        yield from _check_route(written, number, route, folder)
    for (first, one), (second, other) in combinations(enumerate(interface.routes), 2):
        if _could_both_take(one, other):
            text = f"`{one.to}` gets a message once: routes {first + 1} and {second + 1} share a type"
            yield written.problem(text, "routes", second, "to")
    yield from _check_samples(written)


def _first_open(interface: Interface) -> int:
    pairs = enumerate(interface.match)
    return next(n for n, match in pairs if not match.sending_application and not match.sending_facility)


def _check_route(written: Written[Interface], number: int, route: Route, folder: Folder) -> Iterator[Problem]:
    if route.to not in folder.destinations and route.to not in folder.unread_destinations:
        yield written.problem(f"there is no destination `{route.to}`", "routes", number, "to")
    if route.function is None:
        return
    try:
        if load_step(written.model.folder, route.function) is None:
            text = f"{FILE} has no function `{route.function}`"
            yield written.problem(text, "routes", number, "shape")
    except StepsUnreadable as error:
        yield Problem(written.model.folder / FILE, error.line, str(error))


def _could_both_take(one: Route, other: Route) -> bool:
    if one.to != other.to:
        return False
    return any(map(one.takes, other.types or ("",))) or any(map(other.takes, one.types or ("",)))


def _check_samples(written: Written[Interface]) -> Iterator[Problem]:
    folder = written.model.folder / SAMPLES
    if written.model.fhir is not None:
        yield from _check_fhir_samples(folder)
        return
    samples = sorted(folder.glob("*.hl7"))
    if not samples:
        yield Problem(folder, 1, "an interface needs at least one sample, NN-what.hl7")
    own = Matcher([written.model])
    readable = []
    for sample in samples:
        try:
            message = parse(sample.read_bytes(), written.model.charset)
        except OSError as error:
            yield Problem(sample, 1, f"cannot be read: {error.strerror}")
            continue
        except IntegrationError as error:
            yield Problem(sample, 1, f"unreadable: {error}")
            continue
        if own.match(message) is None:
            yield Problem(sample, 1, "the sample does not match its own interface")
        readable.append(message)
    yield from _check_duplicate_key(written, readable)


def _check_duplicate_key(written: Written[Interface], samples: Sequence[Message]) -> Iterator[Problem]:
    """Yield the paths of the duplicate key that say nothing: what they should tell apart would be one message."""
    for number, path in enumerate(written.model.duplicate.key):
        if samples and all(sample.get(path) is None for sample in samples):
            text = f"no sample has anything at {path}: it tells no messages apart"
            yield written.problem(text, "duplicate", "key", number)


def fhir_samples(folder: Path) -> list[Path]:
    """Return the messages in FHIR among the samples of a folder."""
    return sorted(folder.glob("*.fhir.json"))


def _check_fhir_samples(folder: Path) -> Iterator[Problem]:
    samples = fhir_samples(folder)
    if not samples:
        yield Problem(folder, 1, "an interface that takes FHIR needs at least one sample, NN-what.fhir.json")
    for sample in samples:
        try:
            read_document(sample.read_bytes())
        except OSError as error:
            yield Problem(sample, 1, f"cannot be read: {error.strerror}")
        except IntegrationError as error:
            yield Problem(sample, 1, f"unreadable: {error}")


def _check_rivals(folder: Folder) -> Iterator[Problem]:
    """Yield interfaces that one message could belong to equally, where both of them are in use."""
    rules: list[tuple[Written[Interface], int, Rule]] = [
        (written, number, rule)
        for written in folder.interfaces.values()
        if written.model.lifecycle != "retired"
        for number, rule in rules_of(written.model)
    ]
    told: set[tuple[str, str, int]] = set()
    for (one, _, mine), (other, number, theirs) in combinations(rules, 2):
        if one is other or mine.specificity != theirs.specificity or not mine.meets(theirs):
            continue
        key = (one.model.id, other.model.id, number)
        if key not in told and set(one.model.stages) & set(other.model.stages):
            told.add(key)
            text = f"as specific as `{one.model.id}`, and a message could fit both: name more of MSH-3 to MSH-6"
            yield other.problem(text, "match", number)
