"""What a hub does all day, with the samples of its interfaces: ``python -m local.compile_training``.

`local.compile` lets a build with counters do it, so that the compiler knows what runs often and what hardly ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import shared
from shared.changes.record import CanonicalRecord, decode_record, encode_record
from shared.compiled import COMPILED, SOURCES
from shared.fhir.bundle import join_entries
from shared.fhir.validate import write_and_validate
from shared.hl7 import parse
from shared.mapping import convert
from shared.mapping.claims.message import identity_claims
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import Sequence
from shared.mpi import claim_defaults
from shared.registry import load_registry
from shared.transform.contexts import MappingContexts

if TYPE_CHECKING:
    from shared.registry import Interface, Registry

INTERFACES = SOURCES.parent / "interfaces"
ROUNDS = 200  # so often that what runs once, to start, does not count
KEY = b"compile_training" * 2


def main() -> int:
    """Return 0 when the samples went through the compiled build, 1 when plain Python runs here."""
    if shared.RUNNING != COMPILED:
        print(f"nothing to learn from {shared.RUNNING}", file=sys.stderr)
        return 1
    registry = load_registry(INTERFACES, "laptop")
    contexts = MappingContexts(registry, KEY)
    samples = tuple(_samples(registry))
    for number in range(ROUNDS):
        for interface, raw in samples:
            with suppress(IntegrationError):  # what is refused is everyday traffic, too
                _pass(raw, interface, contexts, number)
    return 0


def _samples(registry: Registry) -> Iterator[tuple[Interface, bytes]]:
    for interface in registry.interfaces.values():
        for file in sorted(INTERFACES.glob(f"{interface.id}/samples/*.hl7")):
            yield interface, file.read_bytes()


def _pass(raw: bytes, interface: Interface, contexts: MappingContexts, number: int) -> None:
    """Read a message, convert it, keep it as a record and read that, and write its bundle, as the stages do."""
    message = parse(raw, interface.charset)
    identity_claims(message, claim_defaults(interface))
    conversion = convert(message, contexts.of(interface))
    written, _ = write_and_validate(conversion.bundle)
    sequence = Sequence(interface.id, 1, number)
    decode_record(encode_record(CanonicalRecord(conversion.bundle, conversion.changes, sequence), written))
    written, _ = write_and_validate(conversion.bundle, is_closed=True)
    join_entries(conversion.bundle, written.texts)


if __name__ == "__main__":
    sys.exit(main())
