"""What several use cases share: settings, adapters, registry, persons, workers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.settings import Settings, read_addresses

if TYPE_CHECKING:
    from shared.adapters import Adapters
    from shared.barriers.unreadable import Unreadable
    from shared.deliver.outputs import Outputs
    from shared.deliver.shape import Shaped
    from shared.deliver.shaper import ShapeJob
    from shared.mpi import PersonIndex
    from shared.ports import Workers
    from shared.registry import Registry
    from shared.transform.canonical import Converted, Job
    from shared.transform.contexts import MappingContexts


class Parts:
    """What use cases are made of, built when first asked for."""

    def __init__(self, settings: Settings, adapters: Adapters) -> None:
        self.settings = settings
        self.adapters = adapters

    @cached_property
    def registry(self) -> Registry:
        """The interfaces and destinations of this deployment."""
        from shared.registry import load_registry

        return load_registry(self.settings.interfaces, self.settings.stage, read_addresses(self.settings.addresses))

    @cached_property
    def persons(self) -> PersonIndex:
        """Who is who, by any known identifier."""
        from shared.mpi import PersonIndex

        return PersonIndex(self.adapters.identities, self.adapters.hub_key)

    @cached_property
    def contexts(self) -> MappingContexts:
        """What each interface declares about its mapping."""
        from shared.transform.contexts import MappingContexts

        return MappingContexts(self.registry, self.adapters.hub_key)

    @cached_property
    def workers(self) -> Workers[Any, Any]:
        """What converts and shapes, here or in other processes."""
        from shared.adapters.by_kind import ByKind
        from shared.deliver.shaper import ShapeJob, Shaper
        from shared.transform.canonical import Converter, Job

        converter, shaper = Converter(self.registry, self.adapters.hub_key), Shaper(self.registry)
        return self.adapters.workers(ByKind({Job: converter, ShapeJob: shaper}))

    @cached_property
    def converters(self) -> Workers[Job, Converted]:
        """What makes canonical records."""
        return self.workers

    @cached_property
    def shapers(self) -> Workers[ShapeJob, Shaped]:
        """What makes the bytes of deliveries."""
        return self.workers

    @cached_property
    def outputs(self) -> Outputs:
        """The bytes of deliveries."""
        from shared.deliver.outputs import Outputs

        return Outputs(
            archive=self.adapters.archive,
            registry=self.registry,
            ledger=self.adapters.ledger,
            clock=self.adapters.clock,
            shapers=self.shapers,
            store_reads_records=self.adapters.store_keeper is not None,
        )

    @cached_property
    def unreadable(self) -> Unreadable:
        """Queue messages that nobody can read."""
        from shared.barriers.unreadable import Unreadable

        return Unreadable(
            clock=self.adapters.clock,
            archive=self.adapters.archive,
            ledger=self.adapters.ledger,
            barriers=self.adapters.barriers,
        )
