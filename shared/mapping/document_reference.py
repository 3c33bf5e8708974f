"""TXA with its OBX: the DocumentReference (guide: TXA[DocumentReference], OBX[DocumentReference], MDM_T02)."""

from __future__ import annotations

import base64
from itertools import groupby
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.attachment import encapsulated, media_type, pointer
from shared.mapping.datatypes.coded import DATA_ABSENT, alternate, code, coded_text, concept, text
from shared.mapping.datatypes.identifier import ei, typed_number
from shared.mapping.datatypes.time import date_time, instant
from shared.mapping.document_event import EVENT, add_document_events
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, NULL, Resource, Table, Unmapped, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_TARGET = "the guide gives it no FHIR element"
_ABSENT = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_DATE = "http://hl7.org/fhir/6.0/StructureDefinition/extension-date"
_STATUS = "http://hl7.org/fhir/document-reference-status"
_COMPOSITION = "http://hl7.org/fhir/composition-status"


# The guide names TXA-17 and TXA-19 and gives docStatus no table. Authenticated is final; all before that is not.
# Of those that mean the same the first comes back: "legally authenticated" is never claimed.
COMPLETION = decided(
    "0271", _COMPOSITION, AU="final", LA="final",
    IP="preliminary", DI="preliminary", DO="preliminary", IN="preliminary", PA="preliminary",
)  # fmt: skip
# The guide leaves status empty for what is not available; R4 requires one. The code itself stays beside it.
AVAILABILITY = decided("0273", _STATUS, AV="current", UN="current", OB="superseded", CA="entered-in-error")

# What a document is to its parent (TXA-13), by event; HL7 9.7.1.13: "used to attach addenda".
_RELATIONS = dict.fromkeys(("T09", "T10"), "replaces")
_TEXTS = frozenset({"TX", "FT"})
CONTENT = frozenset({"ED", "RP", *_TEXTS})


@parts_of({1: ""})
def presentation(raw: str, scope: Scope) -> str | None:
    """Return TXA-3 (HL7 table 0191) as a media type; None for a code that names none."""
    return media_type(scope.text(raw), "") or None


@parts_of({1: "valueDateTime"})
def imprecise_date(raw: str, scope: Scope) -> Resource | None:
    """Return the extension of a date without a time (guide: TXA[DocumentReference] 10, 11)."""
    found = date_time(raw, scope)
    return {"url": _DATE, "valueDateTime": found} if found and len(found) < 20 else None


def _has_time(segment: Segment) -> bool:
    return len(segment.text(6)) > 8


_NUMBER = one("TXA-12", "DocumentReference.masterIdentifier", ei(), "TXA[DocumentReference] 17", part=KEPT)
_PRESENTED = one(
    "TXA-3", "DocumentReference.content.attachment.contentType", presentation, "TXA[DocumentReference] 6", placed=True
)
_WRITTEN = one("TXA-7", "DocumentReference.content.attachment.creation", date_time, "decision 0032", placed=True)
_AVAILABLE = one(
    "TXA-19", "DocumentReference.status", code(AVAILABILITY), "TXA[DocumentReference] 3, 24 to 26", placed=True
)
_PARENT = one("TXA-13", "DocumentReference.relatesTo.target.identifier", ei(), "decision 0032", placed=True)
_ORDERS = tuple(
    many(f"TXA-{number}", "DocumentReference.context.related.identifier", ei(*kind), "decision 0032", placed=True)
    for number, kind in ((14, ("PLAC", "Placer Identifier")), (15, ("FILL", "Filler Identifier")))
)
_TITLE = many("TXA-25", "DocumentReference.description", text, "TXA[DocumentReference] 32", placed=True)

DOCUMENT = Table(
    "TXA",
    "DocumentReference",
    (
        one(
            "TXA-2",
            "DocumentReference.type",
            concept(bare_table("0270", "DocumentType")),
            "TXA[DocumentReference] 5",
            reuse=True,
        ),
        _PRESENTED,
        one("TXA-4", "DocumentReference.context.period.start", date_time, "decision 0032"),
        one("TXA-6", "DocumentReference.date", instant, "TXA[DocumentReference] 9", when=_has_time),
        many("TXA-6", "DocumentReference.extension", imprecise_date, "TXA[DocumentReference] 10, 11", part=_DATE),
        _WRITTEN,
        many("TXA-9", "DocumentReference.author", practitioner, "TXA[DocumentReference] 14", reuse=True),
        one("TXA-10", "DocumentReference.authenticator", practitioner, "TXA[DocumentReference] 15", reuse=True),
        *(_NUMBER, _PARENT, *_ORDERS),
        many("TXA-16", "DocumentReference.identifier", typed_number(""), "TXA[DocumentReference] 21"),
        one("TXA-17", "DocumentReference.docStatus", code(COMPLETION), "TXA[DocumentReference] 22"),
        many(
            "TXA-18",
            "DocumentReference.securityLabel",
            concept(table("DocumentConfidentialityStatus")),
            "TXA[DocumentReference] 23",
            reuse=True,
        ),
        *(_AVAILABLE, _TITLE),
        one("TXA-28", "DocumentReference.context.practiceSetting", concept(), "decision 0032", reuse=True),
    ),
    {1: "set id: position only", **dict.fromkeys((20, 24, 26, 27), _NO_TARGET)},
)


def _line(raw: str, scope: Scope) -> str | None:
    said = scope.lines(raw)
    return said if raw != NULL else None


_ED = many("OBX-5", "DocumentReference.content.attachment", encapsulated, "OBX[DocumentReference] 7", placed=True)
_RP = many("OBX-5", "DocumentReference.content.attachment", pointer, "OBX[DocumentReference] 10", placed=True)
_TX = many("OBX-5", "DocumentReference.content.attachment.data", _line, "OBX[DocumentReference] 8, 11", placed=True)
_NAME = one("OBX-3", "DocumentReference.content.attachment.title", coded_text, "decision 0032", placed=True)
_TOLD = one("OBX-3", "DocumentReference.context.event", concept(), "decision 0032", reuse=True, placed=True)

CONTENTS = Table("OBX", "DocumentReference", (_ED, _RP, _TX, _NAME, _TOLD))


def document(node: Node, frame: Frame, scope: Scope) -> Frame:
    """TXA: the DocumentReference; the OBX below are its content, and those that are none are related to it."""
    segment = node.segment
    resource: Resource = {"resourceType": "DocumentReference", "id": "", "status": "current"}
    number = first(_NUMBER, segment, scope, resource)
    key = ("number", number.get("system", scope.assigner), number["value"]) if number else _unnumbered(frame, scope)
    resource["id"] = scope.child_id("DocumentReference", *key)
    url = scope.add(resource)
    fill(resource, segment, DOCUMENT, scope)
    _set_status(resource, segment, scope)
    titles = values(_TITLE, segment, scope, resource)
    if titles:
        resource["description"] = "\n".join(titles)
    if frame.patient:
        resource["subject"] = frame.patient
    _set_context(resource, segment, frame, scope)
    parent = first(_PARENT, segment, scope, resource)
    if parent:
        relation = _RELATIONS.get(scope.event, "appends")
        resource["relatesTo"] = [{"code": relation, "target": {"type": "DocumentReference", "identifier": parent}}]
    _set_content(resource, node, scope)
    add_document_events(segment, resource, frame, scope)
    observed: list[Resource] = []
    if any(child.segment.text(2) not in CONTENT for child in node.all("OBX")):
        observed = resource.setdefault("context", {}).setdefault("related", observed)
    return frame.within(
        document=resource, remarks=resource, gathers=observed, order=("document", url), report=None, specimen=None
    )


def _unnumbered(frame: Frame, scope: Scope) -> tuple[str, ...]:
    of = frame.patient["reference"] if frame.patient else ""
    return (of, *scope.this_message())


def _set_status(resource: Resource, segment: Segment, scope: Scope) -> None:
    said = first(_AVAILABLE, segment, scope, resource)
    if isinstance(said, Unmapped):
        resource["_status"] = said.extension
    elif said:
        resource["status"], sent = said, segment.text(19)
        if segment.code(19) != "AV":
            resource["_status"] = alternate({"coding": [{"system": AVAILABILITY.system, "code": sent}]})
    else:
        _initial(resource, scope, "status")
    if scope.event == "T11":  # HL7 9.6.11: it should not be used
        resource["status"] = resource["docStatus"] = "entered-in-error"


def _initial(resource: Resource, scope: Scope, element: str) -> None:
    """Note an element that the message does not say: it counts only for a document that is not there yet."""
    noted = scope.noted(resource)
    noted["initial"] = (*noted.get("initial", ()), element)


def _set_context(resource: Resource, segment: Segment, frame: Frame, scope: Scope) -> None:
    """Set the visit, and the orders of the message; an order that it only numbers is referred to by its number."""
    context = resource.get("context", {})
    if frame.encounter:
        context["encounter"] = [frame.encounter]
    orders = [(url, entry["resource"]) for url, entry in scope.entries.items() if _is_order(entry["resource"])]
    related: list[Resource] = [{"reference": url} for url, _ in orders]
    known = {one_["value"] for _, order in orders for one_ in order.get("identifier", ())}
    numbers = [number for row in _ORDERS for number in values(row, segment, scope, resource)]
    related += [{"type": "ServiceRequest", "identifier": one_} for one_ in numbers if one_["value"] not in known]
    if related:
        context["related"] = related
    if context:
        resource["context"] = context


def _is_order(resource: Resource) -> bool:
    return bool(resource["resourceType"] == "ServiceRequest")


def _set_content(resource: Resource, node: Node, scope: Scope) -> None:
    """Set the content; R4 wants one: where the message brings none, its kind and time stand for it."""
    known: Resource = {}
    presented, written = (
        first(_PRESENTED, node.segment, scope, resource),
        first(_WRITTEN, node.segment, scope, resource),
    )
    if presented:
        known["contentType"] = presented
    if written:
        known["creation"] = written
    found = [
        attachment
        for (kind, _), group in groupby(_contents(node), key=lambda one_: (one_.text(2), one_.text(3)))
        for attachment in _attachments(kind, list(group), resource, scope)
    ]
    if not found:
        _initial(resource, scope, "content")
        found = [{}] if known else [_ABSENT]
    resource["content"] = [{"attachment": _typed({**known, **attachment})} for attachment in found]


def _typed(attachment: Resource) -> Resource:
    """Return an attachment whose data has a media type (att-1): octets, where nobody says more."""
    return {"contentType": "application/octet-stream", **attachment} if "data" in attachment else attachment


def _contents(node: Node) -> list[Segment]:
    return [child.segment for child in node.all("OBX") if child.segment.text(2) in CONTENT]


def _attachments(kind: str, group: list[Segment], resource: Resource, scope: Scope) -> list[Resource]:
    """Return the attachments of OBX of one type and name in a row: of texts one, its lines in order."""
    name = first(_NAME, group[0], scope, resource)
    titled: Resource = {"title": name} if name else {}
    told = first(_TOLD, group[0], scope, resource)
    for segment in group:
        leave_out(segment, (11,), "the document says how final it is: TXA-17", scope)
    if told and told not in (events := resource.setdefault("context", {}).setdefault("event", [])):
        events.append(told)
    if kind in _TEXTS:
        lines = [line for segment in group for line in values(_TX, segment, scope, resource)]
        return [{**text_attachment("\n".join(lines)), **titled}] if any(lines) else []
    row = _ED if kind == "ED" else _RP
    return [{**found, **titled} for segment in group for found in values(row, segment, scope, resource)]


def text_attachment(said: str) -> Resource:
    """Return the attachment of a text. Its escapes are resolved: it is plain, and no longer the guide's text/hl7v2."""
    return {"contentType": "text/plain", "data": base64.b64encode(said.encode()).decode()}


TABLES = (DOCUMENT, CONTENTS, EVENT)
HANDLERS: dict[str, Handler] = {"TXA": document}
