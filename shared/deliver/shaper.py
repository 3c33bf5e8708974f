"""One delivery to its bytes, apart from everything that waits: pure, so that another process can do it.

A message of a megabyte takes a second to re-shape, and whoever waits for an acknowledgement would wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shared.changes.record import decode_record
from shared.deliver.shape import Shaped, shape
from shared.hl7 import parse
from shared.message.collector import collector_paused
from shared.message.delivery import Delivery
from shared.message.errors.mapping import RouteGone

if TYPE_CHECKING:
    from shared.registry import Registry, Route

_LARGE_BYTES = 256 * 1024


class ShapeJob(NamedTuple):
    """A delivery, and what its shape is made of.

    Attributes:
        raw: The message as received, its long values set aside; None: the route does not need it.
        record: The canonical record; None: the route does not need it.
    """

    row: Delivery
    raw: bytes | None
    record: bytes | None


class Shaper:
    """Makes the bytes of deliveries. It can be pickled."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __call__(self, job: ShapeJob) -> Shaped:
        """Return what the destination of a delivery gets.

        Raises:
            IntegrationError: it cannot be shaped: see `route_of` and `shape`.
        """
        with collector_paused(when=len(job.raw or b"") > _LARGE_BYTES):
            route = route_of(self._registry, job.row)
            interface = self._registry.interfaces[job.row.item.interface]
            bundle = None if job.record is None else decode_record(job.record).bundle
            message = None if job.raw is None else parse(job.raw, interface.charset)
            return shape(route, interface, bundle, message, job.row)


def route_of(registry: Registry, row: Delivery) -> Route:
    """Return the route that a delivery came by.

    Raises:
        RouteGone: the files were changed while it waited.
    """
    interface = registry.interfaces.get(row.item.interface)
    route = interface.route_to(row.destination, row.item.type) if interface is not None else None
    if route is None:
        raise RouteGone(f"{row.item.interface} to {row.destination}")
    return route
