"""DocumentReference as TXA, its content as OBX (guide: TXA[DocumentReference])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.rendering.attachments import taken_attachment
from shared.rendering.coded import concept
from shared.rendering.identifiers import ei, number
from shared.rendering.people import xcn
from shared.rendering.rows import Implied, Resource, Row, Table, fill
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_GUIDE = "TXA[DocumentReference]"
# HL7 table 0271 by FHIR's docStatus; the guide names no map. "Legally authenticated" is never claimed.
_COMPLETION = {"preliminary": "IP", "final": "AU", "amended": "AU", "entered-in-error": "IN"}
_DOCUMENTED = "DO"
_AVAILABILITY = {"current": "AV", "superseded": "OB", "entered-in-error": "CA"}  # HL7 table 0273
# HL7 table 0191 by the main part of a media type.
_PRESENTATION = {"application": "AP", "audio": "AU", "image": "IM", "text": "TEXT", "multipart": "multipart"}


def completion(value: str, draft: Draft, kind: str) -> str:
    """Write docStatus as HL7 table 0271."""
    del draft, kind
    return _COMPLETION.get(value, "")


def availability(value: str, draft: Draft, kind: str) -> str:
    """Write the status of a DocumentReference as HL7 table 0273."""
    del draft, kind
    return _AVAILABILITY.get(value, "")


DOCUMENT = Table(
    "TXA",
    "DocumentReference",
    (
        Row("TXA-6", "DocumentReference.date", time, f"{_GUIDE} 9"),
        Row("TXA-9", "DocumentReference.author", xcn, f"{_GUIDE} 14"),
        Row("TXA-10", "DocumentReference.authenticator", xcn, f"{_GUIDE} 15"),
        Row("TXA-12", "DocumentReference.masterIdentifier", ei(has_fixed_type=False), f"{_GUIDE} 17"),
        Row("TXA-12", "DocumentReference.identifier", ei(has_fixed_type=False), f"{_GUIDE} 17"),
        Row("TXA-16", "DocumentReference.identifier", number, f"{_GUIDE} 21"),
        Row("TXA-17", "DocumentReference.docStatus", completion, f"{_GUIDE} 22"),
        Row(
            "TXA-18",
            "DocumentReference.securityLabel",
            concept(table("DocumentConfidentialityStatus")),
            f"{_GUIDE} 23",
        ),
        Row("TXA-19", "DocumentReference.status", availability, f"{_GUIDE} 24 to 26"),
        Row("TXA-2", "DocumentReference.type", concept(), f"{_GUIDE} 5"),
    ),
    (
        Implied("subject", "the person of the message"),
        Implied("context.encounter", "the visit of the message"),
    ),
    {
        3: "comes back from the media type of the first attachment",
        25: "not in 2.5.1",
        28: "not in 2.5.1",
        13: "the parent of a document is not written yet",
        **dict.fromkeys((4, 7, 14, 15), "the circumstances of a document are not written yet"),
        **dict.fromkeys((5, 8, 11, 21, 22, 23), "who did what to a document is a Provenance, and none is written"),
    },
)


def write_document(url: str, draft: Draft) -> None:
    """Write TXA, and an OBX for each attachment."""
    txa = draft.segment("TXA")
    txa.set(1, "1")
    with draft.open(url) as resource:
        coded = concept()({**_copied(resource.get("type", {}))}, draft, "CE")
        contents = [one.get("attachment", {}) for one in resource.get("content", ())]
        if contents:
            main = contents[0].get("contentType", "").partition("/")[0]
            txa.set(3, _PRESENTATION.get(main, ""))
        if len(resource.get("type", {}).get("coding", ())) == 1:
            for one in resource["type"]["coding"]:
                one.pop("display", None)  # OBX-3 says it
        fill(txa, resource, DOCUMENT, draft)
        if 17 not in txa.fields:
            txa.set(17, _DOCUMENTED)
        for index, attachment in enumerate(contents, 1):
            obx = draft.segment("OBX")
            obx.set(1, str(index))
            obx.set(3, coded)
            found = taken_attachment(attachment)
            if found:
                obx.set(2, found[0])
                obx.set(5, found[1])
            obx.set(11, "F")


def _copied(value: Resource) -> Resource:
    return {**value, "coding": [{**one} for one in value.get("coding", ())]}


TABLES = (DOCUMENT,)
