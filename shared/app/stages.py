"""The stages, and the sweeps that look after what they began."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from shared.app.parts import Parts

if TYPE_CHECKING:
    from shared.barriers.gate import Gate, Stage
    from shared.barriers.sweep import BarrierSweep
    from shared.deliver.stage import DeliverStage
    from shared.ingest.receive import Ingest
    from shared.ingest.sweep import ReservationSweep
    from shared.route.stage import RouteStage
    from shared.transform.stage import TransformStage


class Stages(Parts):
    """What messages pass through."""

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
            intake=self.adapters.intake,
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
            gate=self._gate_of,
        )

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
            gate=self._gate_of,
        )

    def _gate_of(self, stage: Stage) -> Gate:
        """Return what stands before a stage: the hold of paused interfaces, then the line of barriers."""
        from shared.barriers.gate import Gate
        from shared.barriers.hold import Hold

        ledger, queue, paused = self.adapters.ledger, self.adapters.queue, self.registry.paused_interfaces
        clock, holds = self.adapters.clock, self.adapters.holds
        return Gate(
            stage,
            hold=Hold(stage.name, clock=clock, holds=holds, ledger=ledger, queue=queue, paused=paused),
            unreadable=self.unreadable,
            barriers=self.adapters.barriers,
            ledger=ledger,
            queue=queue,
        )

    @cached_property
    def deliver(self) -> DeliverStage:
        """Queue ``deliver``."""
        from shared.adapters.destinations.open import open_destination, sends_at_once
        from shared.deliver.limits import DeliverLimits
        from shared.deliver.stage import DeliverStage

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
            sends_at_once=lambda config: sends_at_once(config, self.adapters),
            limits=DeliverLimits(
                budget=timedelta(seconds=self.settings.invocation_budget_seconds),
                send_timeout=timedelta(seconds=self.settings.send_timeout_seconds),
                clock_skew=timedelta(seconds=self.settings.clock_skew_seconds),
            ),
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
