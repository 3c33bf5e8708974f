"""The budget of lost values: how many each sample of an interface loses, against what the interface allows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from shared.fhir_in.report import fhir_report
from shared.hl7 import parse
from shared.mapping.context import NoCodeMap
from shared.mapping.identity import Minter
from shared.mapping.report import Outcome, Report, mapping_report
from shared.message.errors.base import IntegrationError
from shared.mpi import claim_defaults
from shared.registry.check import SAMPLES, fhir_samples
from shared.registry.fhir_source import fhir_source
from shared.registry.folder import Folder, Written
from shared.registry.interface import Interface
from shared.registry.problem import Problem
from shared.transform.contexts import mapping_context

# Which values are lost does not depend on ids.
_KEY = b"counts what is lost, mints nothing that is kept"
_MOST_NAMED = 5


def over_budget(folder: Folder) -> list[Problem]:
    """Return, for each sample that loses more values than its interface allows, how many and the first places."""
    return [problem for written in folder.interfaces.values() for problem in _check(written, folder)]


def _check(written: Written[Interface], folder: Folder) -> Iterator[Problem]:
    interface = written.model
    budget = interface.mapping.lost_budget
    if budget is None:
        return
    for sample, report in _reports(interface, folder):
        lost = [fate.place for fate in report.fates if fate.outcome is Outcome.LOST]
        if len(lost) > budget:
            named = ", ".join(lost[:_MOST_NAMED]) + (" ..." if len(lost) > _MOST_NAMED else "")
            values, allowed = "value" if len(lost) == 1 else "values", "is" if budget == 1 else "are"
            text = f"{sample.name} loses {len(lost)} {values}, {budget} {allowed} allowed: {named}"
            yield written.problem(text, "mapping", "lost_budget")


def _reports(interface: Interface, folder: Folder) -> Iterator[tuple[Path, Report]]:
    """Yield each sample that can be read, with what becomes of its values; the check of the folder names the others."""
    samples = interface.folder / SAMPLES
    if interface.fhir is not None:
        source = fhir_source(interface, claim_defaults(interface))
        for sample in fhir_samples(samples):
            with suppress(IntegrationError):
                yield sample, fhir_report(sample.read_bytes(), source, Minter(_KEY), interface.mapping.repeats)
        return
    context = mapping_context(interface, folder.concept_maps.get(interface.id, NoCodeMap()), Minter(_KEY))
    for sample in sorted(samples.glob("*.hl7")):
        with suppress(IntegrationError):
            yield sample, mapping_report(parse(sample.read_bytes(), interface.charset), context)
