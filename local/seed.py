"""The first messages of a new home: the samples of every interface, sent as their senders send them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cli.lines import open_target
from cli.sender import Sender

ANSWER_TIMEOUT_SECONDS = 30.0


async def send_samples(interfaces: Path, mllp_port: int, http_port: int) -> str:
    """Send all samples, in order, each kind on one line; return what went wrong, empty when nothing did.

    Those in FHIR go over HTTP, to the address of their interface.
    """
    hl7, fhir = find_samples(interfaces)
    targets = {f"mllp://127.0.0.1:{mllp_port}": hl7}
    for sample in fhir:
        targets.setdefault(f"http://127.0.0.1:{http_port}/ingest/{sample.parents[1].name}", []).append(sample)
    for target, samples in targets.items():
        sender = Sender(open_target(target, ANSWER_TIMEOUT_SECONDS), as_is=False)
        await asyncio.to_thread(sender.run, samples, 1, lambda _answer, _is_last: None)
        if sender.failure:
            return str(sender.failure)
    return ""


def find_samples(interfaces: Path) -> tuple[list[Path], list[Path]]:
    """Return the sample files in HL7 and in FHIR, interface by interface, each in the order of their names."""
    return sorted(interfaces.glob("*/samples/*.hl7")), sorted(interfaces.glob("*/samples/*.fhir.json"))
