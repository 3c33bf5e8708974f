"""What each interface declares about its mapping, put together once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.changes.notes import ListMode
from shared.fhir_in.report import fhir_report
from shared.hl7 import parse
from shared.mapping.context import CodeMap, MappingContext, NoCodeMap
from shared.mapping.custom import by_segment, custom_field
from shared.mapping.identity import MemoryResolver, Minter
from shared.mapping.report import mapping_report
from shared.message.identifiers import InterfaceId
from shared.message.record import MessageRecord
from shared.mpi import claim_defaults
from shared.registry.fhir_source import fhir_source

if TYPE_CHECKING:
    from shared.fhir_in.source import Source
    from shared.registry import Interface, Registry


class MappingContexts:
    """Keeps one mapping context for each interface."""

    def __init__(self, registry: Registry, hub_key: bytes) -> None:
        self._registry = registry
        self._mint = Minter(hub_key)
        self._contexts: dict[InterfaceId, MappingContext] = {}

    def of(self, interface: Interface) -> MappingContext:
        """Return the context of an interface."""
        context = self._contexts.get(interface.id)
        if context is None:
            codes = self._registry.concept_maps.get(interface.id, NoCodeMap())
            context = self._contexts[interface.id] = mapping_context(interface, codes, self._mint)
        return context

    def source_of(self, interface: Interface) -> Source:
        """Return the source of an interface that takes FHIR."""
        return fhir_source(interface, claim_defaults(interface))

    def explain(self, record: MessageRecord, raw: bytes) -> dict[str, Any]:
        """Return what became of every field of a message (promise 6): places and rows, never values.

        Raises:
            Hl7Error, FhirRefused: the message cannot be read.
        """
        interface = self._registry.interfaces[record.interface]
        if interface.fhir is not None:
            return fhir_report(raw, self.source_of(interface), self._mint, interface.mapping.repeats).to_dict()
        context = replace(self.of(interface), resolver=MemoryResolver(self._mint))
        return mapping_report(parse(raw, interface.charset), context).to_dict()


def mapping_context(interface: Interface, codes: CodeMap, mint: Minter) -> MappingContext:
    """Return what an interface declares, as the mapping takes it.

    Its resolver lasts as long as the context; the stage gives the hub's own answers for every message.
    """
    choices = interface.mapping
    context = MappingContext(
        mint=mint,
        resolver=MemoryResolver(mint),
        identity=claim_defaults(interface),
        zone=interface.zone,
        codes=codes,
        lists={segment: ListMode(mode) for segment, mode in choices.lists.items()},
        repeats=ListMode(choices.repeats),
        custom=by_segment(
            custom_field(one.field, one.target, url=one.url or "", kind=one.type, system=one.system or "")
            for one in choices.custom
        ),
    )
    if choices.owns is None:
        return context
    return replace(context, owned={code: frozenset(types) for code, types in choices.owns.items()})
