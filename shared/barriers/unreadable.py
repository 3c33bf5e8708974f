"""Queue messages that nobody can read: each costs itself alone, and what is lost with it is known (rule R5)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

from shared.message.envelope import decode_envelope, named_in
from shared.message.errors.storage import EnvelopeUnreadable
from shared.message.identifiers import InterfaceId
from shared.message.record import Hop, Progress
from shared.message.state import MessageState
from shared.message.work import ATTEMPT_LIMIT, ENDS_FOR_AN_ATTEMPT, Offer
from shared.observe.log import log
from shared.ports import Archive, Barriers, Clock, Ledger

# While releases change, an older worker may meet the envelope of a newer one: so many deliveries it is left to that.
LEFT_FOR_DELIVERIES = ATTEMPT_LIMIT * ENDS_FOR_AN_ATTEMPT
UNREADABLE = InterfaceId("unreadable")


class Unreadable:
    """Tells readable queue messages from others, and puts those aside."""

    def __init__(self, *, clock: Clock, archive: Archive, ledger: Ledger, barriers: Barriers) -> None:
        self._clock = clock
        self._archive = archive
        self._ledger = ledger
        self._barriers = barriers

    async def sort_out(self, queue: str, offers: Sequence[Offer]) -> tuple[list[Offer], EnvelopeUnreadable | None]:
        """Return the queue messages that can be read, in order, after others were put aside.

        Where one is left for another worker to read, those behind it are left, too, for they may be about the same
        ordering keys; the error is to be raised once what comes before it is done.
        """
        readable: list[Offer] = []
        for offer in offers:
            try:
                decode_envelope(offer.body)
            except EnvelopeUnreadable as error:
                if offer.delivery_count <= LEFT_FOR_DELIVERIES:
                    return readable, error
                await self.put_aside(queue, offer)
            else:
                readable.append(offer)
        return readable, None

    async def put_aside(self, queue: str, offer: Offer) -> None:
        """Keep the bytes, and quarantine every message that the envelope still names."""
        digest = hashlib.sha256(offer.body).hexdigest()
        await self._archive.keep(UNREADABLE, [(f"{UNREADABLE}/{queue}/{digest}", offer.body)])
        messages, barriers = named_in(offer.body)
        now, code = self._clock.now(), EnvelopeUnreadable.code
        steps = [
            Progress(message, MessageState.QUARANTINED, Hop(message, now, queue, code, f"envelope {digest}"), code=code)
            for message in messages
        ]
        await self._ledger.progress(steps)
        await self._barriers.stop(barriers)
        log("envelope_unreadable", logging.ERROR, queue=queue, session=offer.session, count=len(messages), code=code)
