"""ED and RP as Attachment (guide: ED[Attachment], RP[Attachment])."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.mapping.rows import Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_UNKNOWN_TYPE = "application/octet-stream"  # RFC 2046 4.5.1: data of no known kind; R4 att-1 wants a type beside data
_BLANKS = re.compile(r"\s+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+;= -]+", re.ASCII)
# HL7 table 0291: the subtype that names a media type, both ways; and what senders write as well.
SUBTYPES = {"PDF": "application/pdf", "TEXT": "text/plain", "HTML": "text/html", "XML": "application/xml"} | {
    "JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "TIFF": "image/tiff", "RTF": "application/rtf",
    "DICOM": "application/dicom", "FAX": "image/g3fax", "BASIC": "audio/basic", "SGML": "text/sgml",
    "POSTSCRIPT": "application/postscript",
}  # fmt: skip
_WHOLE_TYPES = SUBTYPES | {"TX": "text/plain", "FT": "text/plain", "JPG": "image/jpeg", "CDA": "text/xml"}
# HL7 table 0191 by the main part of a media type, for the way back.
MAIN_TYPES = {"application": "AP", "audio": "AU", "image": "IM", "text": "TEXT", "multipart": "multipart"}


@parts_of(
    {2: "contentType", 3: "contentType", 5: "data"}, {1: "the guide gives it no FHIR element", 4: "data: decoded by it"}
)
def encapsulated(raw: str, scope: Scope) -> Resource | None:
    """Return the Attachment of an ED: its data as base64, whatever the sender's encoding was."""
    parts = scope.parts(raw)
    data = _data(scope.lines(parts[4]), scope.text(parts[3]).lower(), scope)
    if not data:
        return None
    return {"contentType": media_type(scope.text(parts[1]), scope.text(parts[2])) or _UNKNOWN_TYPE, "data": data}


@parts_of({1: "url", 3: "contentType", 4: "contentType"}, {2: "the guide gives it no FHIR element"})
def pointer(raw: str, scope: Scope) -> Resource | None:
    """Return the Attachment of an RP: where the data is."""
    parts = scope.parts(raw)
    said = scope.text(parts[0])
    if not said:
        return None
    kind = media_type(scope.text(parts[2]), scope.text(parts[3]))
    return {**({"contentType": kind} if kind else {}), "url": quote(said, safe=":/?#[]@!$&'()*+,;=%~")}


def _data(text: str, encoding: str, scope: Scope) -> str | None:
    if encoding in {"base64", ""}:
        data = _BLANKS.sub("", text) if _BLANKS.search(text) else text
        if len(data) % 4 == 0 and _BASE64.fullmatch(data):
            return data
        if encoding:
            scope.find("data_invalid", f"no base64: {len(data)} characters")
            return None
    if encoding == "hex":
        try:
            return base64.b64encode(binascii.unhexlify(_BLANKS.sub("", text))).decode()
        except ValueError:
            scope.find("data_invalid", f"not hexadecimal: {len(text)} characters")
            return None
    return base64.b64encode(text.encode()).decode()


def media_type(kind: str, subtype: str) -> str:
    """Return the media type that HL7 tables 0191 and 0291 name; empty when they name none."""
    whole = f"{kind}/{subtype}".lower() if kind and subtype else ""
    if _MEDIA_TYPE.fullmatch(subtype or ""):
        return subtype
    if subtype.upper() in _WHOLE_TYPES:
        return _WHOLE_TYPES[subtype.upper()]
    if whole and _MEDIA_TYPE.fullmatch(whole) and kind.lower() in {"application", "audio", "image", "text", "video"}:
        return whole
    return _WHOLE_TYPES.get(kind.upper(), kind.lower() if _MEDIA_TYPE.fullmatch(kind) else "")
