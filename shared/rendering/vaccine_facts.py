"""What an Immunization says in elements and HL7 in OBX below its RXA: funding, leaflets, doses (decision 0021, back).

Those of one element have one OBX-4, so that the mapping reads them together again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.rendering.coded import concept, text
from shared.rendering.draft import composed
from shared.rendering.results import producer
from shared.rendering.rows import Resource, Write
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

# Element -> LOINC code, name and HL7 data type of its OBX, what writes it.
Fact = tuple[str, str, str, Write]
_ELIGIBILITY: Fact = ("64994-7", "Vaccine funding program eligibility category", "CE", concept())
_FUNDING: Fact = ("30963-3", "Vaccine funding source", "CE", concept())
_NOTE: Fact = ("48767-8", "Annotation comment", "ST", text)
_EDUCATION: dict[str, Fact] = {
    "documentType": ("69764-9", "Document type", "CE", text),
    "publicationDate": ("29768-9", "Date vaccine information statement published", "TS", time),
    "presentationDate": ("29769-7", "Date vaccine information statement presented", "TS", time),
}
_PROTOCOL: dict[str, Fact] = {
    "targetDisease": ("30956-7", "Vaccine type", "CE", concept()),
    "authority": ("59779-9", "Immunization schedule used", "CE", producer),
    "doseNumberPositiveInt": ("30973-2", "Dose number in series", "NM", text),
    "doseNumberString": ("30973-2", "Dose number in series", "ST", text),
    "seriesDosesPositiveInt": ("59782-3", "Number of doses in series", "NM", text),
    "seriesDosesString": ("59782-3", "Number of doses in series", "ST", text),
    "series": ("59780-7", "Immunization series name", "CE", text),
}


def write_facts(resource: Resource, draft: Draft) -> None:
    """Write an OBX for each fact, and take from the Immunization what they carry."""
    group = 0
    for value in resource.get("programEligibility", ()):
        group += _write(value, _ELIGIBILITY, group + 1, draft)
    if "fundingSource" in resource:
        group += _write(resource["fundingSource"], _FUNDING, group + 1, draft)
    for element, facts in (("education", _EDUCATION), ("protocolApplied", _PROTOCOL)):
        for one in resource.get(element, ()):
            group += 1
            for name, fact in facts.items():
                _take(one, name, fact, group, draft)
    for one in resource.get("note", ()):
        if one.keys() == {"text"}:
            group += 1
            _take(one, "text", _NOTE, group, draft)


def _take(holder: Resource, name: str, fact: Fact, group: int, draft: Draft) -> None:
    """Write what an element holds, of a list the first; a reference and a code are taken by what writes them."""
    value: Any = holder.get(name)
    first = value[0] if isinstance(value, list) and value else value
    if first and _write(first, fact, group, draft) and not isinstance(first, dict):
        del holder[name]


def _write(value: Any, fact: Fact, group: int, draft: Draft) -> bool:
    code, name, kind, write = fact
    said = write(value, draft, kind)
    if not said:
        return False
    obx = draft.segment("OBX")
    obx.set(2, kind)
    obx.set(3, composed([code, name, "LN"]))
    obx.set(4, str(group))
    obx.set(5, said)
    obx.set(11, "F")
    return True
