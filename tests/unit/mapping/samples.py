"""Synthetic messages and what the tests ask of their conversions."""

from __future__ import annotations

from typing import Any

from shared.hl7 import Message, parse
from shared.mapping import ClaimDefaults, Conversion, MappingContext, MemoryResolver, Minter, convert

MSH_ADT = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||ADT^{event}|M1|P|2.5.1"
MSH_ORU = "MSH|^~\\&|LAB|GENHOSP|HUB|HUB|20240310090000-0500||ORU^R01|M2|P|2.5.1"
MSH_SIU = "MSH|^~\\&|SCHED|CLINIC|HUB|HUB|20240310090000-0500||SIU^{event}|M3|P|2.5.1"
PID = "PID|1||100001^^^GENHOSP^MR||Sample^Jane^Q||19800101|F"
PV1 = "PV1|1|I|W2^204^1^GENHOSP||||4777^Attend^Ada^^^Dr||||||||||||V2001^^^GENHOSP"
OBR = "OBR|1|P100^EHR|F100^LAB|24323-8^Panel^LN|||20240310083000-0500||||||||||||||||||F"


def message(*lines: str) -> Message:
    """Return a message of these segments."""
    return parse("\r".join(lines).encode() + b"\r")


def context(**options: Any) -> MappingContext:
    """Return a context whose ids are minted with a fixed key."""
    mint = Minter(b"test" * 8)
    return MappingContext(mint, MemoryResolver(mint), options.pop("identity", ClaimDefaults()), **options)


def converted(*lines: str, **options: Any) -> Conversion:
    """Return the conversion of a message of these segments."""
    return convert(message(*lines), context(**options))


def admitted(*lines: str, event: str = "A01", **options: Any) -> Conversion:
    """Return the conversion of an ADT message."""
    return converted(MSH_ADT.format(event=event), f"EVN|{event}|20240310080000-0500", *lines, **options)


def resulted(*lines: str, **options: Any) -> Conversion:
    """Return the conversion of an ORU^R01 about the sample patient."""
    return converted(MSH_ORU, PID, *lines, **options)


def resources(conversion: Conversion, kind: str) -> list[dict[str, Any]]:
    """Return the resources of one type, in order."""
    return [e["resource"] for e in conversion.bundle["entry"] if e["resource"]["resourceType"] == kind]


def only(conversion: Conversion, kind: str) -> dict[str, Any]:
    """Return the one resource of a type."""
    (found,) = resources(conversion, kind)
    return found


def codes(conversion: Conversion) -> list[str]:
    """Return the codes of the findings."""
    return [finding.code for finding in conversion.findings]


def notes(conversion: Conversion, resource: dict[str, Any]) -> Any:
    """Return the change note of a resource."""
    return next(note for note in conversion.changes.resources if note.full_url.endswith(resource["id"]))
