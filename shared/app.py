"""The hub, put together once for each process, on first use.

Nothing is built at import: an exception there shows in Azure as "no functions found", and every cold start would pay
for what it may not need.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.settings import Settings, read_addresses, read_settings

if TYPE_CHECKING:
    from shared.adapters import Adapters
    from shared.barriers.sweep import BarrierSweep
    from shared.barriers.unreadable import Unreadable
    from shared.console.fleet import Connectors
    from shared.console.health import Health
    from shared.console.view import Console
    from shared.deliver.outputs import Outputs
    from shared.deliver.shape import Shaped
    from shared.deliver.shaper import ShapeJob
    from shared.deliver.stage import DeliverStage
    from shared.fhir_api.read import FhirApi
    from shared.ingest.receive import Ingest
    from shared.ingest.sweep import ReservationSweep
    from shared.mpi import PersonIndex
    from shared.ports import Workers
    from shared.recover.affected import Affected
    from shared.recover.anchors import Anchors
    from shared.recover.dead_letter import DeadLetters
    from shared.recover.orders import Orders
    from shared.recover.pauses import Pauses
    from shared.recover.quarantine import Quarantine
    from shared.recover.replays import ReplayDesk
    from shared.recover.retention import Retention
    from shared.recover.verify import Verification
    from shared.registry import Registry
    from shared.route.stage import RouteStage
    from shared.transform.canonical import Converted, Job
    from shared.transform.contexts import MappingContexts
    from shared.transform.stage import TransformStage

_hub: Hub | None = None


def hub() -> Hub:
    """Return the hub of this process.

    Raises:
        SettingInvalid: the environment does not describe one.
    """
    global _hub
    if _hub is None:
        settings = read_settings()
        _hub = Hub(settings, _open_adapters(settings))
    return _hub


def use(ready: Hub | None) -> None:
    """Make ``ready`` the hub of this process; None: the next `hub` builds one from the environment."""
    global _hub
    _hub = ready


def _open_adapters(settings: Settings) -> Adapters:
    if settings.adapters == "azure":
        from shared.adapters.azure.open import open_azure

        return open_azure(settings)
    from shared.adapters.local.open import open_local

    return open_local(settings)


class Hub:
    """Every use case, built when first asked for."""

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
    def ingest(self) -> Ingest:
        """``POST /ingest``."""
        from shared.ingest.commit import Committer
        from shared.ingest.ordering import OrderingKeys
        from shared.ingest.receive import Ingest
        from shared.ingest.receive_fhir import FhirIngest
        from shared.ingest.traffic import Traffic

        committer = Committer(
            clock=self.adapters.clock,
            archive=self.adapters.archive,
            ledger=self.adapters.ledger,
            barriers=self.adapters.barriers,
            queue=self.adapters.queue,
            partitions=self.settings.partitions,
            inline_limit_bytes=self.settings.inline_limit_bytes,
        )
        keys = OrderingKeys(self.persons, (one.ordering_key for one in self.registry.interfaces.values()))
        traffic = Traffic(self.adapters.clock)
        return Ingest(
            clock=self.adapters.clock,
            registry=self.registry,
            keys=keys,
            committer=committer,
            traffic=traffic,
            fleet=self.adapters.fleet,
            fhir=FhirIngest(registry=self.registry, keys=keys, committer=committer, traffic=traffic),
        )

    @cached_property
    def transform(self) -> TransformStage:
        """Queue ``transform``."""
        from shared.transform.stage import TransformStage

        return TransformStage(
            clock=self.adapters.clock,
            archive=self.adapters.archive,
            ledger=self.adapters.ledger,
            queue=self.adapters.queue,
            registry=self.registry,
            persons=self.persons,
            converters=self.converters,
            replays=self.adapters.replays,
            barriers=self.adapters.barriers,
            holds=self.adapters.holds,
        )

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
    def route(self) -> RouteStage:
        """Queue ``route``."""
        from shared.route.stage import RouteStage

        return RouteStage(
            clock=self.adapters.clock,
            archive=self.adapters.archive,
            ledger=self.adapters.ledger,
            queue=self.adapters.queue,
            registry=self.registry,
            replays=self.adapters.replays,
            barriers=self.adapters.barriers,
            holds=self.adapters.holds,
        )

    @cached_property
    def barriers(self) -> BarrierSweep:
        """What is missing of barriers."""
        from shared.barriers.sweep import BarrierSweep

        return BarrierSweep(clock=self.adapters.clock, barriers=self.adapters.barriers, queue=self.adapters.queue)

    @cached_property
    def reservations(self) -> ReservationSweep:
        """What ingest began and did not end."""
        from shared.ingest.sweep import ReservationSweep

        return ReservationSweep(self.adapters.clock, self.adapters.ledger)

    @cached_property
    def deliver(self) -> DeliverStage:
        """Queue ``deliver``."""
        from shared.adapters.destinations.open import open_destination
        from shared.deliver.stage import DeliverLimits, DeliverStage

        return DeliverStage(
            clock=self.adapters.clock,
            lanes=self.adapters.lanes,
            queue=self.adapters.queue,
            replays=self.adapters.replays,
            registry=self.registry,
            unreadable=self.unreadable,
            outputs=self.outputs,
            open_destination=lambda config: open_destination(
                config, self.registry.addresses.get(config.id, ""), self.adapters
            ),
            limits=DeliverLimits(
                budget=timedelta(seconds=self.settings.invocation_budget_seconds),
                send_timeout=timedelta(seconds=self.settings.send_timeout_seconds),
                clock_skew=timedelta(seconds=self.settings.clock_skew_seconds),
            ),
        )

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
        )

    @cached_property
    def orders(self) -> Orders:
        """What operators order."""
        from shared.recover.orders import Orders

        return Orders(
            clock=self.adapters.clock,
            ledger=self.adapters.ledger,
            history=self.adapters.history,
            lanes=self.adapters.lanes,
            barriers=self.adapters.barriers,
            queue=self.adapters.queue,
            sessions=self.deliver,
            registry=self.registry,
        )

    @cached_property
    def pauses(self) -> Pauses:
        """Interfaces that stand still."""
        from shared.recover.pauses import Pauses

        return Pauses(
            holds=self.adapters.holds,
            barriers=self.adapters.barriers,
            queue=self.adapters.queue,
            registry=self.registry,
        )

    @cached_property
    def replays(self) -> ReplayDesk:
        """Messages that go again."""
        from shared.recover.keys import MovedKeys
        from shared.recover.plan import Planner, Previews
        from shared.recover.replay import Replayer
        from shared.recover.replays import ReplayDesk

        ports = self.adapters
        moved = MovedKeys(archive=ports.archive, persons=self.persons, registry=self.registry)
        return ReplayDesk(
            clock=ports.clock,
            ledger=ports.ledger,
            history=ports.history,
            replays=ports.replays,
            registry=self.registry,
            planner=Planner(
                history=ports.history,
                lanes=ports.lanes,
                replays=ports.replays,
                moved=moved,
                previews=Previews(self.transform.preview, self.route.preview, self.outputs.preview),
                hub_key=ports.hub_key,
            ),
            replayer=Replayer(
                clock=ports.clock,
                ledger=ports.ledger,
                history=ports.history,
                replays=ports.replays,
                lanes=ports.lanes,
                queue=ports.queue,
                sessions=self.deliver,
                moved=moved,
                registry=self.registry,
            ),
        )

    @cached_property
    def quarantine(self) -> Quarantine:
        """What was stopped, settled by a person."""
        from shared.recover.quarantine import Quarantine

        return Quarantine(
            clock=self.adapters.clock,
            ledger=self.adapters.ledger,
            lanes=self.adapters.lanes,
            audit=self.adapters.audit,
            sessions=self.deliver,
            intake=self.ingest,
        )

    @cached_property
    def retention(self) -> Retention:
        """What is erased when its time is over."""
        from shared.recover.retention import Retention

        return Retention(
            clock=self.adapters.clock,
            ledger=self.adapters.ledger,
            lanes=self.adapters.lanes,
            replays=self.adapters.replays,
            archive=self.adapters.archive,
            audit=self.adapters.audit,
            registry=self.registry,
        )

    @cached_property
    def verification(self) -> Verification:
        """Proof that the ledger is as it was written."""
        from shared.recover.verify import Verification

        return Verification(self.adapters.chain, self.anchors)

    @cached_property
    def anchors(self) -> Anchors:
        """Heads of the chains, in the archive."""
        from shared.recover.anchors import Anchors

        return Anchors(self.adapters.clock, self.adapters.chain, self.adapters.archive)

    @cached_property
    def affected(self) -> Affected:
        """Who was affected."""
        from shared.recover.affected import Affected

        return Affected(
            clock=self.adapters.clock,
            ledger=self.adapters.ledger,
            history=self.adapters.history,
            lanes=self.adapters.lanes,
            archive=self.adapters.archive,
            audit=self.adapters.audit,
            registry=self.registry,
            hub_key=self.adapters.hub_key,
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

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """The dead-letter queues."""
        from shared.recover.dead_letter import DeadLetters

        return DeadLetters(
            clock=self.adapters.clock,
            ledger=self.adapters.ledger,
            barriers=self.adapters.barriers,
            unreadable=self.unreadable,
        )

    @cached_property
    def console(self) -> Console:
        """What operators ask."""
        from shared.console.view import Console

        return Console(
            ledger=self.adapters.ledger,
            history=self.adapters.history,
            lanes=self.adapters.lanes,
            archive=self.adapters.archive,
            store=self.adapters.fhir_store,
            registry=self.registry,
            explain=self.contexts.explain,
            pauses=self.pauses,
            hub_key=self.adapters.hub_key,
        )

    @cached_property
    def connectors(self) -> Connectors:
        """Who of the connectors was heard, and when."""
        from shared.console.fleet import Connectors

        return Connectors(self.adapters.fleet, self.adapters.clock)

    @cached_property
    def fhir_api(self) -> FhirApi:
        """``/fhir``."""
        from shared.fhir_api.read import FhirApi

        return FhirApi(self.adapters.fhir_store)

    @cached_property
    def health(self) -> Health:
        """``/health``."""
        from shared.console.health import Health

        return Health(
            archive=self.adapters.archive,
            ledger=self.adapters.ledger,
            lanes=self.adapters.lanes,
            identities=self.adapters.identities,
            store=self.adapters.fhir_store,
        )

    async def close(self) -> None:
        """Finish what is under way and close everything that was opened."""
        for name in ("ingest", "deliver", "workers"):
            part: Any = self.__dict__.get(name)
            if part is not None:
                await part.close()
        await self.adapters.close()
