"""Messages of the HL7 tests; every person in them is invented."""

from __future__ import annotations

ADT = (
    b"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000||ADT^A01^ADT_A01|M1|P|2.5.1|||AL|NE||UNICODE UTF-8\r"
    b"EVN|A01|20260301120000\r"
    b"PID|1||70001^^^GENERAL^MR~999^^^SSA&1.2.3&ISO^SS||EXAMPLE^ANNA^M||19800101|F\r"
    b"OBX|1|TX|1^A^L||first \\T\\ last\r"
    b"OBX|2|NM|2^B^L||5.4\r"
    b'PV1|1|I|W1^101||""\r'
)


def with_header(header: str, *segments: str, encoding: str = "utf-8") -> bytes:
    """Return a message of an MSH that goes on after MSH-2, and further segments."""
    return "".join(f"{segment}\r" for segment in (f"MSH|^~\\&|{header}", *segments)).encode(encoding)


def with_charset(name: str) -> str:
    """Return an MSH after MSH-2 that declares a charset."""
    return f"LAB|GENERAL|HUB|HUB|20260301||ORU^R01|M2|P|2.5.1||||||{name}"
