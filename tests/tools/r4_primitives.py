"""Schemas of the primitive types of R4 in JSON.

Source: https://hl7.org/fhir/R4/datatypes.html, whose patterns are made exact here: anchored; a date is a day of the
calendar; a string has a character that is not space and none that FHIR forbids; base64 has whole groups; a narrative
has content and none of what txt-1 forbids.
"""

from __future__ import annotations

from typing import Any

YEAR = "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
LEAP = "([0-9][0-9](0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
DAY = (
    f"({YEAR}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    f"|{LEAP}-02-29)"
)
TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
MONTH = "(0[1-9]|1[0-2])"
SOLID = {"pattern": r"^\S*$"}  # no space at all: jsonschema-rs tests this one without its regex engine
ALLOWED = r"[^\x00-\x08\x0b\x0c\x0e-\x1f]"
BASE64 = r"[A-Za-z0-9+/]\s*"
FORBIDDEN_HTML = ("script", "iframe", "object", "form", "style", "link", "meta", "base", "input", "button")


def any_case(word: str) -> str:
    """Return a pattern of the word in small letters and capitals; the patterns of JSON Schema have no flags."""
    return "".join(f"[{letter}{letter.upper()}]" for letter in word)


def forbidden_html() -> str:
    """Return a pattern that finds what txt-1 forbids: active elements and event attributes."""
    elements = "|".join(any_case(name) for name in FORBIDDEN_HTML)
    return rf"<\s*({elements})\b|\s[oO][nN][a-zA-Z]+\s*="


def text(pattern: str) -> dict[str, Any]:
    """Return the schema of a string that is wholly the pattern."""
    return {"type": "string", "pattern": f"^({pattern})$"}


PRIMITIVES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "decimal": {"type": "number"},
    "string": text(rf"{ALLOWED}*\S{ALLOWED}*"),
    "markdown": text(rf"{ALLOWED}*\S{ALLOWED}*"),
    "code": {"type": "string", "minLength": 1, "anyOf": [SOLID, {"pattern": r"^\S+(\s\S+)*$"}]},
    "id": text(r"[A-Za-z0-9\-.]{1,64}"),
    "uri": {"type": "string", "minLength": 1, **SOLID},
    "url": {"type": "string", "minLength": 1, **SOLID},
    "canonical": {"type": "string", "minLength": 1, **SOLID},
    "oid": text(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+"),
    "uuid": text("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "date": text(f"{YEAR}(-{MONTH})?|{DAY}"),
    "dateTime": text(f"{YEAR}(-{MONTH})?|{DAY}(T{TIME}{ZONE})?"),
    "instant": text(f"{DAY}T{TIME}{ZONE}"),
    "time": text(TIME),
    "base64Binary": text(rf"\s*(({BASE64}){{4}})*(({BASE64}){{4}}|({BASE64}){{2}}=\s*=\s*|({BASE64}){{3}}=\s*)"),
    "xhtml": {
        "type": "string",
        "allOf": [
            {"title": "txt-1", "pattern": r"^\s*<div[\s>]"},
            {"title": "txt-1", "not": {"pattern": forbidden_html()}},
            {"title": "txt-2", "pattern": r">\s*[^\s<]|<img\s"},
        ],
    },
}
