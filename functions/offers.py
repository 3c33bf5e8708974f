"""Service Bus messages as the stages take them."""

from collections.abc import Sequence

import azure.functions as func

from shared.message.work import Offer


def offers_of(messages: Sequence[func.ServiceBusMessage]) -> list[Offer]:
    """Return the messages of one batch, in order; a batch holds one session."""
    return [Offer(one.get_body(), one.session_id or "", one.delivery_count or 1) for one in messages]
