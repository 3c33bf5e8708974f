"""Attachment as ED and RP."""

from __future__ import annotations

from shared.mapping.datatypes.attachment import MAIN_TYPES, SUBTYPES
from shared.rendering.draft import composed
from shared.rendering.rows import Resource

_SUBTYPE_OF = {media_type: subtype for subtype, media_type in SUBTYPES.items()}


def taken_attachment(value: Resource) -> tuple[str, str] | None:
    """Return OBX-2 and OBX-5 of an Attachment, and take it: ED for data, RP for a pointer; None for neither."""
    data, url = value.pop("data", ""), value.pop("url", "") if "data" not in value else ""
    if not data and not url:
        return None
    kind, subtype = _typed(value.pop("contentType", ""))
    if data:
        return "ED", composed(["", kind, subtype, "Base64", data])
    return "RP", composed([url, "", kind, subtype])


def _typed(media_type: str) -> tuple[str, str]:
    """Return the codes of HL7 tables 0191 and 0291 for a media type; one without a subtype there is its own."""
    main, _, _ = media_type.partition("/")
    return (MAIN_TYPES.get(main, "AP"), _SUBTYPE_OF.get(media_type, media_type)) if media_type else ("", "")
