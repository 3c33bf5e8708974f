"""Messages of synthetic people at General Hospital, one builder for each kind the pipeline tests send."""

from __future__ import annotations


def adt(
    control_id: str,
    event: str = "A01",
    *,
    number: str = "70001^^^GENERAL^MR",
    name: str = "Example^Anna",
    born: str = "19800101",
    more: str = "",
    visit: str | None = "V1",
    processing: str = "P",
    application: str = "EHR",
) -> bytes:
    """Return an ADT message; ``more`` is the rest of PID from PID-8 on, ``visit`` None leaves PV1 out."""
    segments = [
        f"MSH|^~\\&|{application}|GENERAL|HUB|HUB|20260301120000+0000||ADT^{event}|{control_id}|{processing}|2.5.1",
        f"EVN|{event}|20260301120000+0000",
        f"PID|1||{number}||{name}||{born}|{more or 'F'}",
    ]
    if visit is not None:
        segments.append(f"PV1|1|I|W1^101^A^GENERAL||||||||||||||||{visit}^^^GENERAL^VN")
    return _joined(segments)


def merge(control_id: str, *, survivor: str, prior: str) -> bytes:
    """Return an ADT^A40 that gives up the prior number for the survivor's."""
    return _joined(
        [
            f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ADT^A40^ADT_A39|{control_id}|P|2.5.1",
            "EVN|A40|20260301120000+0000",
            f"PID|1||{survivor}^^^GENERAL^MR||Example^Anna||19800101|F",
            f"MRG|{prior}^^^GENERAL^MR",
        ]
    )


def move(control_id: str, owner: str, number: str) -> bytes:
    """Return an ADT^A43 that gives a number to whoever has the owner's."""
    return _joined(
        [
            f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ADT^A43|{control_id}|P|2.5.1",
            "EVN|A43|20260301120000+0000",
            f"PID|1||{owner}^^^GENERAL^MR",
            f"MRG|{number}^^^GENERAL^MR",
        ]
    )


def result(
    control_id: str,
    *,
    number: str = "70001^^^GENERAL^MR",
    name: str = "Example^Anna",
    value: str = "138",
    pid: str = "",
) -> bytes:
    """Return an ORU^R01 with one number; ``pid`` is the rest of PID from PID-7 on."""
    return _joined(
        [
            f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ORU^R01^ORU_R01|{control_id}|P|2.5.1",
            f"PID|1||{number}||{name}||{pid}",
            "OBR|1|P-1^EHR|F-1^LAB|24323-8^Metabolic panel^LN|||20260301110000+0000|||||||||||||||||||F",
            f"OBX|1|NM|2951-2^Sodium^LN||{value}|mmol/L^^UCUM|133-146|N|||F",
        ]
    )


def batch(*messages: bytes) -> bytes:
    """Return the messages between FHS, BHS and their trailers."""
    head, tail = b"FHS|^~\\&|EHR|GENERAL\rBHS|^~\\&|EHR|GENERAL\r", b"BTS|%d\rFTS|1\r" % len(messages)
    return head + b"".join(messages) + tail


def _joined(segments: list[str]) -> bytes:
    return ("\r".join(segments) + "\r").encode()
