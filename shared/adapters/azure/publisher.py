"""Thin CloudEvents through Event Grid: ids, never content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.azure.operations import Operations
from shared.message.errors.pipeline import EventNotTaken

if TYPE_CHECKING:
    from azure.core.messaging import CloudEvent
    from azure.eventgrid.aio import EventGridPublisherClient

_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"}
)


class AzurePublisher:
    """A topic of Event Grid."""

    def __init__(self, client: EventGridPublisherClient, operations: Operations) -> None:
        self._client = client
        self._operations = operations

    async def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Return once Event Grid has taken them: it delivers to every subscriber by itself.

        Raises:
            EventNotTaken: publish again, subscribers know an event by its ``id``.
        """
        from azure.core.exceptions import AzureError, HttpResponseError

        if not events:
            return  # the SDK looks at the first one
        try:
            await self._client.send([_cloud_event(event) for event in events])
        except HttpResponseError as error:
            raise EventNotTaken(f"event_grid, {error.status_code}") from None
        except (AzureError, OSError) as error:
            raise EventNotTaken(f"event_grid, {type(error).__name__}") from None
        self._operations.events += len(events)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _cloud_event(event: Mapping[str, Any]) -> CloudEvent[Any]:
    from azure.core.messaging import CloudEvent

    time = event.get("time")
    extensions = {name: value for name, value in event.items() if name not in _ATTRIBUTES}
    return CloudEvent(
        id=event["id"],
        source=event["source"],
        type=event["type"],
        time=datetime.fromisoformat(time) if isinstance(time, str) else time,
        subject=event.get("subject"),
        datacontenttype=event.get("datacontenttype"),
        dataschema=event.get("dataschema"),
        data=event.get("data"),
        extensions=extensions or None,
    )
