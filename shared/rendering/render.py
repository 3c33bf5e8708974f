"""The way back: a bundle becomes one HL7 v2.5.1 message, and findings of what it could not carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.hl7 import Message, parse
from shared.hl7.structure import check_structure
from shared.message.errors.mapping import MessageNotWritten
from shared.message.finding import Finding
from shared.rendering.draft import Draft
from shared.rendering.header import forget_own_records, write_header
from shared.rendering.messages import KINDS, about, type_for

_SEPARATORS = "MSH|^~\\&"


@dataclass(frozen=True, slots=True)
class Rendering:
    """A bundle as an HL7 v2.5.1 message in UTF-8, and what was noticed on the way.

    Attributes:
        message: Conformant to the tables of 2.5.1, but for what ``findings`` name.
        findings: Elements and resources without a field, codes without an HL7 code, required fields without a value.
    """

    message: Message
    findings: tuple[Finding, ...]


def render(bundle: dict[str, Any], message_type: str | None = None) -> Rendering:
    """Return a FHIR R4 bundle as one HL7 v2.5.1 message. The bundle is read, never changed.

    The same bundle always gives the same bytes: MSH-7 is its timestamp, MSH-10 its identifier.

    Args:
        bundle: Any kind of Bundle, or one resource.
        message_type: ``ADT^A08``; None: what the MessageHeader says, else what the bundle holds.
    Raises:
        MessageNotWritten: no such message is written, or nothing in the bundle has one.
        ResourceAbsent: the message needs a resource that the bundle does not hold.
        ResourceAmbiguous: there are several of what a message has one of.
    """
    if bundle.get("resourceType") != "Bundle":
        bundle = {"resourceType": "Bundle", "entry": [{"resource": bundle}]}
    draft = Draft(_resources(bundle))
    chosen = message_type or type_for(draft)
    kind = KINDS.get(chosen)
    if kind is None:
        raise MessageNotWritten(chosen)
    write_header(bundle, chosen, kind.structure, draft)
    kind.write(about(chosen.partition("^")[2], draft), draft)
    forget_own_records(draft)
    draft.say_what_is_left()
    message = parse(_written(draft))
    return Rendering(message, (*draft.findings, *check_structure(message)))


def _resources(bundle: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the resources of a bundle with the urls they are referred to by; what one contains counts too."""
    found = []
    for index, entry in enumerate(bundle.get("entry", ())):
        resource = entry.get("resource")
        if isinstance(resource, dict) and "resourceType" in resource:
            url = entry.get("fullUrl") or f"entry:{index}"
            contained = [one for one in resource.get("contained", ()) if "id" in one]
            scoped = _scoped(resource, url) if contained else resource
            found.append((url, scoped))
            found += [(f"{url}#{one['id']}", _scoped(one, url)) for one in contained]
    return found


def _scoped(value: Any, url: str) -> Any:
    """Return a copy whose references to what is contained name the resource that contains it: ``#1`` is in many."""
    if isinstance(value, dict):
        return {
            name: f"{url}{inner}" if name == "reference" and str(inner).startswith("#") else _scoped(inner, url)
            for name, inner in value.items()
        }
    return [_scoped(inner, url) for inner in value] if isinstance(value, list) else value


def _written(draft: Draft) -> bytes:
    lines = [segment.line() for segment in draft.segments]
    lines[0] = _SEPARATORS + lines[0].removeprefix("MSH||")
    return "".join(f"{line}\r" for line in lines).encode()
