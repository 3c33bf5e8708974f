"""A namespace: its queues by name, each with its dead letters."""

from __future__ import annotations

import itertools
from dataclasses import replace

from shared.ports import Clock
from tests.doubles.service_bus.entities import DEAD_LETTERS, NOT_FOUND, Entity, EntityRules, Queued, Refused

_NEVER = 1 << 30  # a dead letter is not buried again


class Broker:
    """The queues of a namespace.

    Args:
        defaults: Of a queue that nobody declared; None: such a queue is not found.
    """

    def __init__(self, clock: Clock, defaults: EntityRules | None = None) -> None:
        self._clock = clock
        self._defaults = defaults
        self._entities: dict[str, Entity] = {}
        self._numbers = itertools.count(1)

    def declare(self, name: str, rules: EntityRules) -> Entity:
        """Return a new queue."""
        dead_rules = replace(rules, requires_session=False, duplicate_window_seconds=0, max_deliveries=_NEVER)
        dead = self._add(name + DEAD_LETTERS, dead_rules, lambda _: None)

        def bury(message: Queued) -> None:
            message.number = next(self._numbers)  # the end of the dead letters is where it is
            dead.enqueue(message)

        return self._add(name, rules, bury)

    def get(self, address: str) -> Entity:
        """Return the queue of an address, whatever its case.

        Raises:
            Refused: there is none.
        """
        name = address.lower().strip("/")
        if name not in self._entities:
            if self._defaults is None:
                raise Refused(NOT_FOUND, f"the messaging entity {address!r} could not be found", 404)
            self.declare(name.removesuffix(DEAD_LETTERS), self._defaults)
        return self._entities[name]

    def entities(self) -> list[Entity]:
        """Return every queue, dead letters included."""
        return list(self._entities.values())

    def tick(self) -> None:
        """Do what has fallen due, everywhere."""
        for entity in self.entities():
            entity.tick()

    def _add(self, name: str, rules: EntityRules, bury: object) -> Entity:
        entity = Entity(name.lower(), rules, self._clock, lambda: next(self._numbers), bury)
        self._entities[entity.name] = entity
        return entity
