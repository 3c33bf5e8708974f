"""Prove that nothing of the ledger was changed, removed or put in (rule R10)."""

from __future__ import annotations

from typing import Any

from shared.message.chain import Anchor, ChainHead
from shared.message.errors.pipeline import RequestInvalid
from shared.ports import Chain
from shared.recover.anchors import Anchors
from shared.recover.request import read_json


class Verification:
    """Answers ``/hub/verify``."""

    def __init__(self, chain: Chain, anchors: Anchors) -> None:
        self._chain = chain
        self._anchors = anchors

    async def verify(self, request: bytes) -> dict[str, Any]:
        """Return what was checked, the heads of the chains, and every fault by its place.

        Args:
            request: JSON; ``heads`` and ``anchor`` of an earlier answer: chains and anchors that were cut off or
                rewritten since are found.

        Raises:
            RequestInvalid: the heads are none.
        """
        try:
            asked = read_json(request)
            heads = [ChainHead(**head) for head in asked.get("heads", ())]
            kept = asked.get("anchor") or {}
            number, digest = kept.get("number"), kept.get("digest")
        except (TypeError, AttributeError):
            raise RequestInvalid("heads are those of an earlier answer") from None
        anchors, broken = await self._anchors.read()
        if kept and all((one.number, one.digest) != (number, digest) for one in anchors):
            broken.append(f"anchor {number}: not there, or not as it was")
        heads += [head for one in anchors for head in one.heads]
        report = await self._chain.verify(heads)
        if report.faults:  # what is written while we look is no fault: it is there at the second look
            again = await self._chain.verify(heads)
            report = again._replace(faults=tuple(fault for fault in again.faults if fault in report.faults))
        faults = [*broken, *report.faults]
        return {
            "is_intact": not faults,
            "entries": report.entries,
            "messages": report.messages,
            "deliveries": report.deliveries,
            "faults": faults,
            "heads": [head._asdict() for head in report.heads],
            "anchor": _told(anchors[-1]) if anchors else None,
        }


def _told(anchor: Anchor) -> dict[str, Any]:
    return {"number": anchor.number, "at": anchor.at.isoformat(), "digest": anchor.digest}
