"""Load the registry for one stage of life, or refuse to start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.message.errors.configuration import RegistryInvalid
from shared.message.identifiers import DestinationId
from shared.registry.check import check_folder, missing_addresses
from shared.registry.destination import address_fault
from shared.registry.folder import Folder, read_folder
from shared.registry.interface import Interface
from shared.registry.problem import Problem
from shared.registry.registry import Registry


def load_registry(folder: Path, stage: str, addresses: Mapping[str, str] | None = None) -> Registry:
    """Return the registry of a stage of life: the interfaces that exist in it, and every destination.

    Args:
        folder: The folder of interfaces.
        stage: ``laptop``, ``dev``, ``test`` or ``prod``.
        addresses: Addresses that beat those of the destinations' files.
    Raises:
        RegistryInvalid: anything `check_registry` finds, an address that cannot be used, or none where one is needed.
    """
    found, places, problems = _read(folder, stage, addresses or {})
    if problems:
        raise RegistryInvalid(problems)
    return Registry(
        stage=stage,
        interfaces={name: written.model for name, written in found.interfaces.items()},
        destinations={name: written.model for name, written in found.destinations.items()},
        addresses=places,
        concept_maps=found.concept_maps,
    )


def check_stage(folder: Path, stage: str) -> list[Problem]:
    """Return what keeps the hub from starting in one stage of life: a missing address, too."""
    _, _, problems = _read(folder, stage, {})
    return problems


def _read(folder: Path, stage: str, given: Mapping[str, str]) -> tuple[Folder, dict[DestinationId, str], list[Problem]]:
    found = read_folder(folder)
    for written in [one for one in found.interfaces.values() if not exists_in(one.model, stage)]:
        del found.interfaces[written.model.id]
    places = _addresses(found, stage, given)
    problems = [*check_folder(found), *_given_faults(found, given), *missing_addresses(found, stage, places)]
    return found, places, problems


def exists_in(interface: Interface, stage: str) -> bool:
    """Tell whether an interface is part of a stage of life; drafts are not part of production."""
    return stage in interface.stages and not (interface.lifecycle == "draft" and stage == "prod")


def _addresses(found: Folder, stage: str, given: Mapping[str, str]) -> dict[DestinationId, str]:
    own = {name: dict(one.model.address) for name, one in found.destinations.items()}
    places = {name: given.get(name, by_stage.get(stage)) for name, by_stage in own.items()}  # type: ignore[call-overload]
    return {name: address for name, address in places.items() if address is not None}


def _given_faults(found: Folder, given: Mapping[str, str]) -> Iterator[Problem]:
    for name, address in given.items():
        written = found.destinations.get(DestinationId(name))
        if written is None:
            continue
        fault = address_fault(written.model.kind, address)
        if fault:
            yield Problem(written.file, 1, f"the address given for it from outside: {fault}")
