"""Prove that nothing of the ledger was changed, removed or put in (rule R10)."""

from __future__ import annotations

from typing import Any

from shared.message.chain import ChainHead
from shared.message.errors.pipeline import RequestInvalid
from shared.ports import Chain
from shared.recover.request import read_json


class Verification:
    """Answers ``/hub/verify``."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    async def verify(self, request: bytes) -> dict[str, Any]:
        """Return what was checked, the heads of the chains, and every fault by its place.

        Args:
            request: JSON; ``heads`` of an earlier answer, so that a chain that was cut off is found.

        Raises:
            RequestInvalid: the heads are none.
        """
        try:
            heads = [ChainHead(**head) for head in read_json(request).get("heads", ())]
        except TypeError:
            raise RequestInvalid("heads are those of an earlier answer") from None
        report = await self._chain.verify(heads)
        return {
            "is_intact": not report.faults,
            "entries": report.entries,
            "messages": report.messages,
            "deliveries": report.deliveries,
            "faults": list(report.faults),
            "heads": [head._asdict() for head in report.heads],
        }
