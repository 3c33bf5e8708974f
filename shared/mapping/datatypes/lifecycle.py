"""Status words that senders choose themselves (HL7 user-defined tables) as FHIR status codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from shared.mapping.datatypes.coded import ALTERNATE_CODES, alternate, concept
from shared.mapping.rows import Build, Resource, Unmapped, parts_of, same_parts

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_SAID = concept()
_PARTS: Mapping[int, str] = {1: "", 2: "", 9: ""}
_IGNORED = dict.fromkeys((3, 4, 5, 6, 7, 8, *range(10, 23)), "the status says it")


def word(codes: Iterable[str]) -> Build:
    """Return the build function of a status with a required binding, told by its word in code, name or text.

    A word that FHIR does not know is kept beside the element, with a finding.
    """
    known = frozenset(codes)

    @parts_of(_PARTS, _IGNORED)
    def status(raw: str, scope: Scope) -> str | Unmapped | None:
        found = _match(raw, known, scope)
        original = None if found else _SAID(raw, scope)
        if original:
            scope.find("code_unmapped", "a status of the sender's own")
            return Unmapped(alternate(original))
        return found

    return status


def worded(system: str, codes: Iterable[str]) -> Build:
    """Return the build function of the same as a CodeableConcept: FHIR's coding before what was sent.

    A word that FHIR does not know has no place in it: an extension for the resource, with a finding.
    """
    known = frozenset(codes)

    @same_parts(_SAID)
    def status(raw: str, scope: Scope) -> Resource | Unmapped | None:
        original = _SAID(raw, scope)
        if original is None:
            return None
        found = _match(raw, known, scope)
        if found is None:
            scope.find("code_unmapped", "a status of the sender's own")
            return Unmapped({"url": ALTERNATE_CODES, "valueCodeableConcept": original})
        sent = [one for one in original.get("coding", ()) if one.get("system") != system]
        return {**original, "coding": [{"system": system, "code": found}, *sent]}

    return status


def _match(raw: str, known: frozenset[str], scope: Scope) -> str | None:
    parts = scope.texts(raw)
    words = ("-".join(parts[place].lower().split()) for place in (0, 1, 8))
    return next((one for one in words if one in known), None)
