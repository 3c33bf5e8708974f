"""Attachment as ED and RP."""

from __future__ import annotations

from shared.rendering.draft import composed
from shared.rendering.rows import Resource

# HL7 table 0191: the main types whose subtype (table 0291) is the end of the media type.
_MAIN_TYPES = {"application": "AP", "audio": "AU", "image": "IM", "text": "TEXT"}
_SUBTYPES = {"application/pdf": ("AP", "PDF"), "text/plain": ("TEXT", "TEXT"), "text/html": ("TEXT", "HTML")} | {
    "image/jpeg": ("IM", "JPEG"), "image/png": ("IM", "PNG"), "image/gif": ("IM", "GIF"), "image/tiff": ("IM", "TIFF"),
    "application/xml": ("AP", "XML"), "application/rtf": ("AP", "RTF"),
}  # fmt: skip


def taken_attachment(value: Resource) -> tuple[str, str] | None:
    """Return OBX-2 and OBX-5 of an Attachment, and take it: ED for data, RP for a pointer; None for neither."""
    data, url = value.pop("data", ""), value.pop("url", "") if "data" not in value else ""
    if not data and not url:
        return None
    media_type = value.pop("contentType", "")
    kind, subtype = _SUBTYPES.get(media_type) or _typed(media_type)
    if data:
        return "ED", composed(["", kind, subtype, "Base64", data])
    return "RP", composed([url, "", kind, subtype])


def _typed(media_type: str) -> tuple[str, str]:
    main, _, _ = media_type.partition("/")
    return (_MAIN_TYPES.get(main, "AP"), media_type) if media_type else ("", "")
