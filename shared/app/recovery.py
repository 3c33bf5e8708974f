"""What people order when something went wrong, and what keeps the hub honest."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from shared.app.stages import Stages

if TYPE_CHECKING:
    from shared.recover.affected import Affected
    from shared.recover.anchors import Anchors
    from shared.recover.dead_letter import DeadLetters
    from shared.recover.orders import Orders
    from shared.recover.pauses import Pauses
    from shared.recover.quarantine import Quarantine
    from shared.recover.replays import ReplayDesk
    from shared.recover.retention import Retention
    from shared.recover.verify import Verification


# Of what lies between two calls of the timer (CADUCEUS_REPLAY_TIMER); a laptop that stops waits for a call to end.
TURN, TURN_ON_A_LAPTOP = timedelta(seconds=28), timedelta(seconds=1.8)


class Recovery(Stages):
    """The use cases of `shared/recover`."""

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
            turn=TURN_ON_A_LAPTOP if self.settings.is_laptop else TURN,
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
    def dead_letters(self) -> DeadLetters:
        """The dead-letter queues."""
        from shared.recover.dead_letter import DeadLetters

        return DeadLetters(
            clock=self.adapters.clock,
            ledger=self.adapters.ledger,
            lanes=self.adapters.lanes,
            barriers=self.adapters.barriers,
            replays=self.adapters.replays,
            unreadable=self.unreadable,
        )
