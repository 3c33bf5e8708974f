"""CodeableConcept, Coding, code, boolean, string and number as CWE, CE, ID, IS, ST, NM."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from shared.mapping.codes.tables import CodeTable, bare_table
from shared.message.finding import Finding
from shared.rendering.codes import inverse, inverse_code, system_name
from shared.rendering.draft import composed, escaped
from shared.rendering.rows import Resource, Write, prune

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_FREE = bare_table("", "")
_BARE = frozenset({"ID", "IS", "ST", "SI", "NM"})  # one component, which is the code
_WITH_ORIGINAL_TEXT = frozenset({"CWE", "CNE"})
_MOST_CODINGS = 2  # CE and CWE of 2.5.1 hold a code and an alternate


@cache
def concept(table: CodeTable = _FREE) -> Write:
    """Return the write function of a CodeableConcept; ``table`` is the one that the forward row translates by."""

    def codeable_concept(value: Resource, draft: Draft, kind: str) -> str:
        del draft
        codings = sent_codings(value.get("coding", ()), table)
        if kind in _BARE:
            return _bare(value, codings, table)
        text = value.get("text", "")
        triples = [_triple(one, table) for one in codings[:_MOST_CODINGS]]
        if kind not in _WITH_ORIGINAL_TEXT and text and not triples:
            triples, text = [["", value.pop("text"), ""]], ""
        elif text and text in {triple[1] for triple in triples}:
            value.pop("text")  # the mapping makes it of the display
            text = ""
        elif text and kind not in _WITH_ORIGINAL_TEXT and not triples[0][1]:
            triples[0][1] = value.pop("text")
        parts = [part for triple in (*triples, ["", "", ""], ["", "", ""])[:2] for part in triple]
        if kind in _WITH_ORIGINAL_TEXT:
            versions = [one.pop("version", "") for one in codings[:_MOST_CODINGS]]
            parts += [*versions, "", ""][:2]
            parts.append(value.pop("text", "") if text else "")
        _settle(value, codings[:_MOST_CODINGS])
        return composed(parts)

    return codeable_concept


def coding(table: CodeTable = _FREE) -> Write:
    """Return the write function of one Coding."""

    def one_coding(value: Resource, draft: Draft, kind: str) -> str:
        whole = {"coding": [dict(value)]}
        text = concept(table)(whole, draft, kind)
        prune(whole)
        value.clear()
        value.update((whole.get("coding") or [{}])[0])
        return text

    return one_coding


def sent_codings(codings: Any, table: CodeTable) -> list[Resource]:
    """Return the codings a sender would send: without those the mapping's table makes of another one."""
    made = [
        target
        for one in codings
        if one.get("system") == table.system and (target := table.targets.get(one.get("code", ""))) is not None
    ]
    wanted = []
    for one in codings:
        is_made = any((one.get("system"), one.get("code")) == (target.system, target.code) for target in made)
        if is_made and one.get("system") != table.system:
            one.clear()
        else:
            wanted.append(one)
    return wanted


def _triple(one: Resource, table: CodeTable) -> list[str]:
    """Return code, text and system of a coding, and take them; a FHIR code of the table becomes the HL7 code."""
    code, system = one.pop("code", ""), one.pop("system", "")
    own = inverse(table).get((system, code))
    if own is not None:
        code, system = own, table.system
    return [code, one.pop("display", ""), system_name(system)]


def _bare(value: Resource, codings: list[Resource], table: CodeTable) -> str:
    """Return the code alone, for a field of one component; a text where there is no code."""
    if not codings:
        return escaped(value.pop("text", ""))
    first = codings[0]
    shown = first.get("display", "")
    code, display, _ = _triple(first, table)
    if value.get("text") == shown:
        value.pop("text", None)
    return escaped(code or display)


def _settle(value: Resource, written: list[Resource]) -> None:
    for one in written:
        one.pop("userSelected", None)
    prune(value)


@cache
def code(table: CodeTable) -> Write:
    """Return the write function of a code with a required binding; a concept is the original of one R4 has not."""

    def one_code(value: Any, draft: Draft, kind: str) -> str:
        del kind
        if isinstance(value, dict):
            originals = value.get("coding") or [{}]
            found = str(originals[0].get("code", ""))
            if found:
                value.clear()
            return escaped(found)
        own = inverse_code(table).get(value)
        if own is None:
            draft.findings.append(Finding("code_without_inverse", f"HL7 table {table.number}"))
        return escaped(own or "")

    return one_code


def boolean(value: Any, draft: Draft, kind: str) -> str:
    """Write Y or N (HL7 table 0136)."""
    del draft, kind
    return "Y" if value is True else "N" if value is False else ""


def text(value: Any, draft: Draft, kind: str) -> str:
    """Write a string or number as it is."""
    del draft, kind
    return "" if isinstance(value, bool | dict) else escaped(value)


def text_concept(value: Resource, draft: Draft, kind: str) -> str:
    """Write a CodeableConcept of a text; a coded one in its components, as the mapping reads them."""
    if not value.get("coding"):
        return escaped(value.pop("text", ""))
    del kind
    return concept()(value, draft, "CE")
