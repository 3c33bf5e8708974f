"""DocumentReference as TXA, its content as OBX (guide: TXA[DocumentReference], OBX[DocumentReference])."""

from __future__ import annotations

import base64
import binascii
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.attachment import MAIN_TYPES
from shared.mapping.document_reference import AVAILABILITY, COMPLETION
from shared.rendering.attachments import taken_attachment
from shared.rendering.coded import code, concept
from shared.rendering.document_events import write_document_events
from shared.rendering.draft import escaped
from shared.rendering.identifiers import ei, has_type, number
from shared.rendering.people import xcn
from shared.rendering.results import has_attachment, write_results
from shared.rendering.rows import Implied, Resource, Row, Table, extension, fill, is_extension, taken_original
from shared.rendering.times import hl7_time, time
from shared.rendering.values import is_short

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_GUIDE = "TXA[DocumentReference]"
_DECIDED = "decision 0032"
_DATE = "http://hl7.org/fhir/6.0/StructureDefinition/extension-date"
# What HL7 table 0271 has no code of its own for: an amended document is authenticated, one in error is not complete.
_NEAREST = {"amended": "AU", "entered-in-error": "IN"}
_DOCUMENTED = "DO"
# HL7 table 0085: preliminary, and posted as wrong; any other content is as it will be.
_CONTENT_STATUS = {"preliminary": "P", "entered-in-error": "W"}
_TEXT = "text/plain"


def completion(value: str | Resource, draft: Draft, kind: str) -> str:
    """Write docStatus as HL7 table 0271; the original of one that FHIR has no code for as it is."""
    if isinstance(value, str) and value in _NEAREST:
        return _NEAREST[value]
    return code(COMPLETION)(value, draft, kind)


def order_number(value: Resource, draft: Draft, kind: str) -> str:
    """Write the number of an order that a document is about."""
    found = ei()(value.get("identifier", {}), draft, kind)
    if found:
        value.pop("type", None)
    return found


def _is_order(type_code: str) -> Any:
    return lambda value: has_type(type_code)(value.get("identifier", {}))


DOCUMENT = Table(
    "TXA",
    "DocumentReference",
    (
        Row("TXA-2", "DocumentReference.type", concept(bare_table("0270", "DocumentType")), f"{_GUIDE} 5"),
        Row("TXA-4", "DocumentReference.context.period.start", time, _DECIDED),
        Row("TXA-6", "DocumentReference.date", time, f"{_GUIDE} 9"),
        Row(
            "TXA-6",
            "DocumentReference.extension",
            extension("valueDateTime", time),
            f"{_GUIDE} 10, 11",
            is_extension(_DATE),
        ),
        Row("TXA-9", "DocumentReference.author", xcn, f"{_GUIDE} 14"),
        Row("TXA-10", "DocumentReference.authenticator", xcn, f"{_GUIDE} 15"),
        Row("TXA-12", "DocumentReference.masterIdentifier", ei(has_fixed_type=False), f"{_GUIDE} 17"),
        Row("TXA-12", "DocumentReference.identifier", ei(has_fixed_type=False), f"{_GUIDE} 17"),
        Row("TXA-14", "DocumentReference.context.related", order_number, _DECIDED, _is_order("PLAC")),
        Row("TXA-15", "DocumentReference.context.related", order_number, _DECIDED, _is_order("FILL")),
        Row("TXA-16", "DocumentReference.identifier", number, f"{_GUIDE} 21"),
        Row("TXA-17", "DocumentReference.docStatus", completion, f"{_GUIDE} 22"),
        Row(
            "TXA-18",
            "DocumentReference.securityLabel",
            concept(table("DocumentConfidentialityStatus")),
            f"{_GUIDE} 23",
        ),
        Row("TXA-19", "DocumentReference.status", code(AVAILABILITY), f"{_GUIDE} 24 to 26"),
    ),
    (
        Implied("subject", "the person of the message"),
        Implied("context.encounter", "the visit of the message"),
    ),
    {
        3: "comes back from the media type of the first attachment",
        7: "comes back from the first attachment that says when it was made",
        13: "comes back from the document that this one replaces or appends to",
        25: "not in 2.5.1",
        28: "not in 2.5.1",
    },
)


def write_document(url: str, draft: Draft) -> None:
    """Write TXA, an OBX for each attachment, and one for each result that is related to the document."""
    txa = draft.segment("TXA")
    txa.set(1, "1")
    write_document_events(url, txa, draft.look({"reference": url})[1], draft)
    with draft.open(url) as resource:
        observed = _taken_results(resource, draft)
        named = _name(resource, draft)
        contents = [one.get("attachment", {}) for one in resource.get("content", ())]
        _write_presentation(txa, contents)
        _write_original_status(txa, resource)
        _number_orders(txa, resource, draft)
        content_status = _CONTENT_STATUS.get(str(resource.get("docStatus")), "F")
        fill(txa, resource, DOCUMENT, draft)
        _write_parent(txa, resource, draft)
        if 17 not in txa.fields:
            txa.set(17, _DOCUMENTED)
        for index, attachment in enumerate(contents, 1):
            _write_content(index, attachment, named, content_status, draft)
        write_results(observed, draft, after=len(contents))


def _taken_results(document: Resource, draft: Draft) -> list[str]:
    """Return the urls of the Observations that are related to a document, and take the references.

    One that would be an OBX of type ED, RP or TX is left: below a TXA that is content of the document (MDM_T02 34).
    """
    found = []
    subject, _ = draft.look(document.get("subject"))
    for one in document.get("context", {}).get("related", ()):
        url, named = draft.look(one)
        is_result = named.get("resourceType") == "Observation" and draft.points_at(named.get("subject"), subject)
        if is_result and is_short(named.get("valueString", "")) and not has_attachment(named):
            found.append(url)
            one.clear()
    return found


def _name(resource: Resource, draft: Draft) -> str:
    """Return OBX-3: what the content tells, else the type of the document, whose display TXA-2 has no room for."""
    events = resource.get("context", {}).get("event", [])
    if len(events) == 1:
        return concept()(events[0], draft, "CE")
    coded = resource.get("type", {})
    found = concept()({**coded, "coding": [{**one} for one in coded.get("coding", ())]}, draft, "CE")
    if len(coded.get("coding", ())) == 1:
        coded["coding"][0].pop("display", None)
    return found


def _write_presentation(txa: SegmentDraft, contents: list[Resource]) -> None:
    if not contents:
        return
    main = contents[0].get("contentType", "").partition("/")[0]
    txa.set(3, MAIN_TYPES.get(main, ""))
    made = {one.get("creation") for one in contents}
    if len(made) == 1 and None not in made:
        txa.set(7, hl7_time(made.pop()))
        for one in contents:
            one.pop("creation", None)


def _write_original_status(txa: SegmentDraft, resource: Resource) -> None:
    """Write TXA-19 as it was sent, where R4 has no code of its own for it."""
    original = taken_original(resource, "status")
    if original:
        txa.set(19, original)
        resource.pop("status", None)


def _number_orders(txa: SegmentDraft, resource: Resource, draft: Draft) -> None:
    """Write the numbers of the orders that a document is of; ORC and OBR above say the rest of them."""
    for one in resource.get("context", {}).get("related", ()):
        _, order = draft.look(one)
        if order.get("resourceType") == "ServiceRequest":
            for identifier in order.get("identifier", ()):
                number = 15 if has_type("FILL")(identifier) else 14
                if txa.has_room(number):
                    txa.add(number, ei()(deepcopy(identifier), draft, "EI"))
            one.clear()


def _write_parent(txa: SegmentDraft, resource: Resource, draft: Draft) -> None:
    for one in resource.get("relatesTo", ()):
        target = one.get("target", {})
        if one.get("code") in ("replaces", "appends") and txa.has_room(13):
            txa.set(13, ei(has_fixed_type=False)(target.get("identifier", {}), draft, "EI"))
            if 13 in txa.fields:
                one.pop("code")
                target.pop("type", None)


def _write_content(index: int, attachment: Resource, named: str, status: str, draft: Draft) -> None:
    obx = draft.segment("OBX")
    obx.set(1, str(index))
    obx.set(3, named)
    obx.set(11, status)
    if escaped(attachment.get("title", "")) in named.split("^"):
        attachment.pop("title", None)
    lines = _taken_lines(attachment)
    if lines is not None:
        obx.set(2, "TX")
        obx.fields[5] = [escaped(line) for line in lines]
        return
    found = taken_attachment(attachment)
    if found:
        obx.set(2, found[0])
        obx.set(5, found[1])


def _taken_lines(attachment: Resource) -> list[str] | None:
    """Return the lines of a plain text, and take it; None where the content is something else."""
    if attachment.get("contentType") != _TEXT or "data" not in attachment:
        return None
    try:
        text = base64.b64decode(attachment["data"], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    attachment.pop("data")
    attachment.pop("contentType")
    return text.split("\n")


TABLES = (DOCUMENT,)
